"""Form files to start from: the scales that a file's columns are answered on, one form a scale."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.survey.files import AnswerFile
from pipelines.survey.form import plain
from pipelines.survey.scales import Direction, Scale, direction_told, recognise
from pipelines.survey.services import Columns, sorted_out

__all__ = ["Draft", "draft_forms"]

#: From so many different texts on, a column is no item of a scale.
_MOST_LEVELS = 11
_NOT_SAID = ("", "NA", "N/A", "不适用")
#: What services write for a question that was skipped or left blank, in words and in codes.
_SKIPPED = ("(跳过)", "(空)", "(skipped)", "-2", "-3", "N/A - not applicable")
_WHOLE = re.compile(r"-?\d{1,2}(?:\.0+)?")
#: Numbers that levels of a scale may be.
_LOWEST, _HIGHEST = -3, 10
#: Numbers from one end to the other, of which some were never chosen.
_USUAL = ((1, 3), (1, 4), (1, 5), (1, 6), (1, 7), (0, 10), (1, 10))


@dataclass(frozen=True, slots=True)
class Draft:
    """A form file to start from.

    Attributes:
        form_id: of the form.
        scale: what its levels are called together, empty where nothing says.
        is_order_confirmed: the file or the words themselves say which level is the lowest.
        is_whole: no level seems to be missing.
    """

    form_id: str
    scale: str
    items: Sequence[str]
    is_order_confirmed: bool
    is_whole: bool
    text: str


@dataclass(slots=True)
class _Group:
    """Columns that are answered on one scale, and its levels: codes (None where labels are all there is), and labels."""

    columns: list[str]
    values: set[str]
    scale: Scale | None = None
    levels: list[tuple[int | None, str]] = field(default_factory=list)
    is_confirmed: bool = False
    is_whole: bool = True
    #: What the questions say of their numbers.
    told: Direction | None = None
    #: The places of the values in the scale, to tell scales apart that use other words for the same level.
    places: dict[str, int] = field(default_factory=dict)

    @property
    def has_numbers(self) -> bool:
        return bool(self.values) and all(_WHOLE.fullmatch(v) for v in self.values)

    @property
    def name(self) -> str:
        if self.scale is not None:
            return self.scale.name
        codes = [code for code, _ in self.levels if code is not None]
        return f"{min(codes)}-{max(codes)}" if codes and self.has_numbers else ""

    def labels(self, label: str) -> tuple[str, str]:
        """A level's labels in both languages."""
        scale = self.scale or (self.told.scale if self.told is not None else None)
        return scale.labels(label) if scale is not None else (label, label)


def draft_forms(file: AnswerFile) -> list[Draft]:
    """A form for each scale that the file's columns are answered on, the one of most columns first; one without items where there is none.

    Whatever the labels and the file do not say is not guessed: such a form waits until somebody has put its levels in order.
    """
    cells = {name: file.table.column(name).to_pylist() for name in file.table.column_names}
    about = sorted_out(cells, file.labels)
    skipped = _skipped(cells, about.service, file.missing)
    nothing = {plain(text) for text in (*_NOT_SAID, *skipped)}
    groups = _groups(file, cells, about.rest, nothing)
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", file.name.rsplit(".", 1)[0]).strip("-") or "survey"
    used = {c for group in groups for c in group.columns}
    left = [c for c in about.rest if c not in used]
    drafts: list[Draft] = []
    for n, group in enumerate(groups or [_Group([], set())]):
        name = group.name
        form_id = stem if len(groups) < 2 else f"{stem}-{name or n + 1}"
        if any(form_id == draft.form_id for draft in drafts):
            form_id = f"{form_id}-{n + 1}"
        text = _text(file, form_id, group, about if n == 0 else None, left, skipped)
        drafts.append(Draft(form_id, name, group.columns, group.is_confirmed, group.is_whole, text))
    return drafts


def _skipped(cells: Mapping[str, Sequence[str]], service: str, missing: Sequence[str]) -> list[str]:
    """What stands for no answer in the file, beside the usual; the codes only in exports of the service that writes them."""
    texts = {plain(cell) for column in cells.values() for cell in set(column)}
    words = [w for w in _SKIPPED if not w.startswith("-") or service == "问卷星"]
    return [*(w for w in words if plain(w) in texts), *missing]


def _groups(
    file: AnswerFile, cells: Mapping[str, Sequence[str]], columns: Sequence[str], nothing: set[str]
) -> list[_Group]:
    values: dict[str, set[str]] = {}
    for column in columns:
        said = {text for cell in cells[column] if (text := cell.strip()) and plain(text) not in nothing}
        values[column] = {_whole(text) for text in said} if all(_WHOLE.fullmatch(t) for t in said) else said
    few = {c: v for c, v in values.items() if 0 < len(v) <= _MOST_LEVELS}
    labelled = [c for c in few if file.levels.get(c)]
    groups = _labelled(file, {c: few[c] for c in labelled})
    groups += _worded({c: v for c, v in few.items() if c not in labelled}, file)
    # One column that shares its values with no other, which are no scale that is known, is rather something to compare by.
    kept = [g for g in groups if g.scale is not None or g.is_confirmed or len(g.columns) > 1]
    if not kept and groups:
        kept = [max(groups, key=lambda g: (len(g.columns), -len(g.values)))]
    place = {column: n for n, column in enumerate(cells)}
    for group in kept:
        group.columns.sort(key=place.__getitem__)
    return sorted(kept, key=lambda g: (-len(g.columns), place[g.columns[0]]))


def _whole(text: str) -> str:
    return str(int(float(text)))


def _labelled(file: AnswerFile, columns: Mapping[str, set[str]]) -> list[_Group]:
    """Columns whose values the file labels: its codes and labels, those that nobody chose too."""
    groups: dict[tuple[tuple[str, str], ...], _Group] = {}
    for column, values in columns.items():
        known = {label for _, label in file.levels[column]}
        bare = {v for v in values - known if _WHOLE.fullmatch(v)}
        if values - known - bare:
            continue
        levels = (*file.levels[column], *((v, v) for v in sorted(bare, key=int)))
        group = groups.setdefault(levels, _Group([], set()))
        group.columns.append(column)
        group.values |= values
    for levels, group in groups.items():
        labels = {label: code for code, label in levels if label != code}
        is_whole = all(_WHOLE.fullmatch(code) for code, _ in levels)
        found = recognise(labels)
        # Codes in the file's own order, which is that of the numbers.
        ordered = sorted(levels, key=lambda level: float(level[0])) if is_whole else list(levels)
        if found is not None:
            group.scale, group.is_confirmed = found.scale, True
            if len(labels) == len(levels):
                ordered.sort(key=lambda level: found.places[level[1]])
            else:
                # Only some numbers have labels, mostly the ends: they say which end is the lowest.
                codes = sorted(labels, key=lambda label: float(labels[label]) if is_whole else 0)
                rising = [found.places[label] for label in codes]
                if rising == sorted(rising, reverse=True):
                    ordered.reverse()
                elif rising != sorted(rising):
                    group.is_confirmed = False
        group.levels = [(int(float(code)) if is_whole else None, label) for code, label in ordered]
    return [group for group in groups.values() if len(group.levels) > 1]


def _worded(columns: Mapping[str, set[str]], file: AnswerFile) -> list[_Group]:
    """Columns of labels or numbers without anything in the file that says what they mean."""
    groups: list[_Group] = []
    for column, values in sorted(columns.items(), key=lambda c: -len(c[1])):
        if len(values) > 1:
            _put(groups, column, values, direction_told(f"{column} {file.labels.get(column, '')}"))
    for column, values in columns.items():
        if len(values) == 1:  # everybody said the same: an item where others have that level
            home = next((g for g in groups if values <= g.values and g.told is None), None)
            if home is not None:
                home.columns.append(column)
    for group in groups:
        _order(group)
    return groups


def _put(groups: list[_Group], column: str, values: set[str], told: Direction | None) -> None:
    found = recognise(values)
    numbers = all(_WHOLE.fullmatch(v) for v in values)
    if found is None and numbers and not all(_LOWEST <= int(v) <= _HIGHEST for v in values):
        return
    for group in groups:
        if found is not None and group.scale is found.scale:
            together = group.places | dict(found.places)
            # Two words for one level are two scales: nobody was offered both.
            if len(set(together.values())) == len(together):
                group.columns.append(column)
                group.values |= values
                group.places = together
                return
        elif (
            found is None and group.scale is None and group.told == told
            and (values <= group.values or _are_one_range(values, group.values))
        ):  # fmt: skip
            group.columns.append(column)
            group.values |= values
            return
    places = dict(found.places) if found else {}
    groups.append(
        _Group([column], set(values), found.scale if found else None, told=told if numbers else None, places=places)
    )


def _are_one_range(values: set[str], others: set[str]) -> bool:
    """Whether two sets of numbers fit into one usual range of few levels, as where the lowest level was never chosen for an item."""
    if not all(_WHOLE.fullmatch(v) for v in values | others):
        return False
    own, theirs = _range(values), _range(others)
    return own is not None and own == theirs


def _range(values: set[str]) -> tuple[int, int] | None:
    numbers = {int(v) for v in values}
    return next((r for r in _USUAL if r[1] >= 5 and r[0] <= min(numbers) and max(numbers) <= r[1]), None)


def _order(group: _Group) -> None:
    if group.scale is not None:
        group.levels = [(None, value) for value in sorted(group.values, key=group.places.__getitem__)]
        group.is_whole = group.scale.is_whole(group.places.values())
        group.is_confirmed = group.is_whole
    elif group.has_numbers:
        names = group.told.names if group.told is not None else {}
        numbers = sorted({*map(int, group.values), *names})
        ends = (numbers[0], numbers[-1])
        # From 0 to 10 the highest is the best wherever it is used; from 1 on, services and offices do either.
        group.is_confirmed = group.told is not None or ends == (0, 10)
        if ends in _USUAL and (group.is_confirmed or 2 * len(numbers) > ends[1] - ends[0]):
            numbers = list(range(ends[0], ends[1] + 1))
        if group.told is not None and not group.told.is_rising:
            numbers.reverse()
        group.levels = [(n, names.get(n, str(n))) for n in numbers]
    else:
        group.levels = [(None, value) for value in sorted(group.values)]


def _text(
    file: AnswerFile, form_id: str, group: _Group, about: Columns | None, left: Sequence[str], skipped: Sequence[str]
) -> str:
    """The form file; what is about the whole answer sheet stands in the first one of a file only."""
    lines = [
        f"# How to read the answers in {file.name}: the items that are answered on one scale. Look it through: labels, reversed items, key.",
        f"form_id = {_quoted(form_id)}",
        f"label_zh = {_quoted(form_id)}",
        f"label_en = {_quoted(form_id)}",
    ]
    if group.is_confirmed or not group.levels:
        lines += [
            "# Levels go from the lowest to the highest. A level that nobody chose may be missing: add it in its place."
        ]
    elif not group.is_whole:
        lines += [
            "# A level seems to be missing, because nobody chose it: means would be wrong. Put it in its place, from the lowest to the",
            "# highest, or leave the levels as they are where the form offered no other; then set this to true. No figure is made before.",
            "is_order_confirmed = false",
        ]
    else:
        lines += [
            "# Nothing in the file says which level is the lowest. Put the levels in order, from the lowest to the highest, add those",
            "# that nobody chose, then set this to true; no figure is made before.",
            "is_order_confirmed = false",
        ]
    missing = ", ".join(_quoted(text) for text in (*_NOT_SAID, *skipped))
    lines += ["# What stands where an item was not answered or did not apply.", f"not_applicable = [{missing}]"]
    neutral = _neutral(group)
    lines += [
        "# The code of the level that is neither for nor against, if there is one; without codes its place from 1:"
    ]
    lines += [f"neutral = {neutral}" if neutral is not None else "# neutral = 3"]
    lines += [
        "# How many could have answered, where that is known:",
        "# asked = 359",
        "# The column that says who answered (in a programme: the enrolment):",
        '# key = "enrolment_id"',
    ]
    if about is not None and about.seconds is not None:
        lines += ["# How long each took:", f"seconds = {_quoted(about.seconds)}"]
    lines += ["", *(_beside(about, left) if about is not None else ["[groups]", "[texts]"])]
    for code, label in group.levels:
        zh, en = group.labels(label)
        lines += ["", "[[levels]]", *([f"code = {code}"] if code is not None else [])]
        lines += [f"label_zh = {_quoted(zh)}", f"label_en = {_quoted(en)}"]
        lines += [f"aliases = [{_quoted(label)}]"] if plain(label) not in (plain(zh), plain(en)) else []
    for n, column in enumerate(group.columns, 1):
        item = column if re.fullmatch(r"[A-Za-z0-9._-]+", column) else f"item-{n}"
        label = _quoted(file.labels.get(column, column))
        lines += ["", "[[items]]", f"item_id = {_quoted(item)}", f"label_zh = {label}", f"label_en = {label}"]
        if column not in (item, file.labels.get(column, column)):
            lines += [f"columns = [{_quoted(column)}]"]
    return "\n".join(lines) + "\n"


def _beside(about: Columns, left: Sequence[str]) -> list[str]:
    """The columns that are no items."""
    lines = []
    if about.service:
        lines += [f"# An export of {about.service}."]
    if about.about:
        lines += [f"# About the answer sheet, and not read: {', '.join(about.about)}".replace("\n", " ")]
    if about.who:
        lines += [f"# Saying who answered, and not read: {', '.join(about.who)}".replace("\n", " ")]
    lines += [
        "# Columns to compare by, each under the name of what it is; not items here were:",
        f"# {', '.join(left) or 'none'}".replace("\n", " "),
        "[groups]",
        '# subject = "subject"',
        "# Columns of free text: counted in the public edition, quoted in the restricted one.",
        "[texts]",
        *(f"{_quoted(column)} = {_quoted(column)}" for column in about.texts),
    ]
    if not about.texts:
        lines += ['# suggestions = "comment"']
    for name, asked in about.multiple.items():
        lines += ["", "# Several answers: each option is counted.", f"[multiple.{_quoted(name)}]"]
        if asked.column is not None:
            lines += [f"column = {_quoted(asked.column)}", f"separator = {_quoted(asked.separator)}"]
        else:
            options = ", ".join(f"{_quoted(option)} = {_quoted(c)}" for option, c in asked.columns.items())
            lines += [f"columns = {{ {options} }}"]
    return lines


def _neutral(group: _Group) -> int | None:
    if group.scale is None or not group.scale.neutral:
        return None
    middle = group.scale.place(group.scale.neutral)
    for n, (code, label) in enumerate(group.levels, 1):
        if group.scale.place(label) == middle and 1 < n < len(group.levels):
            return n if code is None else code
    return None


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a basic string of TOML is written as one of JSON
