"""A survey's form: its items, the levels in their order, and how a file of answers is to be read. Nothing is guessed."""

from __future__ import annotations

import json
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import msgspec

from ingest.programmes.pack import Pack
from ingest.programmes.rows import SurveyItem, SurveyLevel
from pipelines.words import Label, label_of
from warehouse.errors import BadConfiguration

__all__ = ["Form", "Item", "Level", "form_ids", "form_text", "from_the_lowest", "pack_form", "plain", "read_form"]


class Level(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A level of the scale: the code that events carry, its labels, and what else a file may have for it."""

    code: int
    label_zh: str
    label_en: str
    aliases: tuple[str, ...] = ()

    @property
    def label(self) -> Label:
        """In both languages."""
        return Label(self.label_zh, self.label_en)


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An item; ``columns`` are the headers that a file may have for it, beside its own id and labels.

    A reversed item agrees with the others where its answers are low: its score is turned around, its shares are not.
    """

    item_id: str
    label_zh: str
    label_en: str
    columns: tuple[str, ...] = ()
    is_reversed: bool = False

    @property
    def label(self) -> Label:
        """In both languages."""
        return Label(self.label_zh, self.label_en)


class _Long(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Columns of a file with one answer a row."""

    item: str
    answer: str


class Form(msgspec.Struct, frozen=True, dict=True, forbid_unknown_fields=True):
    """The form.

    Attributes:
        levels: from the lowest to the highest; scores are their positions, from 1.
        neutral: the code of the middle level, which is neither for nor against.
        not_applicable: what a file has where an item was not for somebody, or was not answered.
        key: the column that says who answered, such as an enrolment; without it nobody can be told apart.
        groups: columns by which to compare, by the name of what they are.
        texts: columns of free text, by name.
        asked: how many could have answered, where that is known.
    """

    form_id: str
    label_zh: str
    label_en: str
    levels: tuple[Level, ...]
    items: tuple[Item, ...]
    neutral: int | None = None
    not_applicable: tuple[str, ...] = ("",)
    key: str | None = None
    groups: Mapping[str, str] = {}
    texts: Mapping[str, str] = {}
    long: _Long | None = None
    asked: int | None = None

    @property
    def label(self) -> Label:
        """In both languages."""
        return Label(self.label_zh, self.label_en)

    @cached_property
    def answers(self) -> Mapping[str, int]:
        """What a cell may hold → the level's position from 1, or 0 for not applicable; texts as :func:`plain` makes them."""
        found: dict[str, int] = {plain(text): 0 for text in self.not_applicable}
        for position, level in enumerate(self.levels, 1):
            for text in (str(level.code), f"{level.code}.0", level.label_zh, level.label_en, *level.aliases):
                found[plain(text)] = position
        return found

    @cached_property
    def item_columns(self) -> Mapping[str, str]:
        """Header, as :func:`plain` makes it → item."""
        found: dict[str, str] = {}
        for item in self.items:
            for text in (item.item_id, item.label_zh, item.label_en, *item.columns):
                found.setdefault(plain(text), item.item_id)
        return found

    def position(self, code: int) -> int | None:
        """The position of a code, from 1."""
        return next((n for n, level in enumerate(self.levels, 1) if level.code == code), None)


def plain(text: str) -> str:
    """Without what makes no difference: width, case, spaces around and inside."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip().casefold()


def read_form(file: Path) -> Form:
    """A form file (TOML).

    Raises:
        BadConfiguration: every mistake in it, in one message.
    """
    try:
        form = msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8-sig")), Form)
    except FileNotFoundError as error:
        raise BadConfiguration(f"there is no form file {file}") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{file.name}: {error}") from error
    problems = [f"{file.name}: {problem}" for problem in _problems(form)]
    if problems:
        raise BadConfiguration("\n".join(problems))
    return form


def form_ids(pack: Pack) -> list[str]:
    """The forms that a pack has items of."""
    return list(dict.fromkeys(row.form_id for row in pack.rows(SurveyItem)))


def from_the_lowest(levels: Iterable[SurveyLevel]) -> list[SurveyLevel]:
    """A pack's levels by their score; without scores the highest number is the lowest level."""
    return sorted(levels, key=lambda row: -row.level if row.score is None else row.score)


def pack_form(pack: Pack, form_id: str | None = None) -> Form:
    """A form of a programme, whose events carry its items and levels; levels without scores count from the best down.

    Raises:
        BadConfiguration: the pack has no such form, or several and none is named.
    """
    known = form_ids(pack)
    if form_id is None and len(known) != 1:
        raise BadConfiguration(
            f"{pack.programme_id} has {len(known)} forms; name one with --form-id: {', '.join(known)}"
            if known
            else f"the pack {pack.programme_id} has no survey_items.csv"
        )
    name = form_id or known[0]
    rows = from_the_lowest(row for row in pack.rows(SurveyLevel) if row.form_id == name)
    if name not in known or len(rows) < 2:
        raise BadConfiguration(
            f"the pack {pack.programme_id} has no items and levels of a form {name!r}; it has {', '.join(known) or 'none'}"
        )
    neutral = [row.level for row in rows if row.is_neutral == "true"]
    called = label_of("survey", "form")
    return Form(
        form_id=name, label_zh=called.zh, label_en=called.en, key="enrolment_id",
        levels=tuple(Level(row.level, row.label_zh, row.label_en) for row in rows),
        items=tuple(
            Item(row.item_id, row.label_zh, row.label_en, is_reversed=row.is_reversed == "true")
            for row in pack.rows(SurveyItem) if row.form_id == name
        ),
        neutral=neutral[0] if neutral else None,
    )  # fmt: skip


#: From so many different texts on, a column is no item of a scale.
_MOST_LEVELS = 11


def form_text(name: str, columns: Mapping[str, Sequence[str]]) -> str:
    """A form file to start from: columns that share their few values are items, the rest is named in comments.

    What the values mean, and which is the lowest, only a person knows: the labels are the values themselves.
    """
    values = {c: sorted({v.strip() for v in cells if v.strip()}, key=_as_number) for c, cells in columns.items()}
    scales: dict[tuple[str, ...], list[str]] = {}
    for column, found in values.items():
        if 1 < len(found) <= _MOST_LEVELS:
            scales.setdefault(tuple(found), []).append(column)
    # The scale that most columns use; those that use fewer of its levels belong to it.
    scale = max(scales, key=lambda s: (sum(len(c) for k, c in scales.items() if set(k) <= set(s)), -len(s)), default=())
    items = [c for c, found in values.items() if found and set(found) <= set(scale)]
    lines = [
        f"# How to read the answers in {name}. Levels go from the lowest to the highest: put them in order, and label them.",
        f"form_id = {_quoted(re.sub(r'[^A-Za-z0-9._-]+', '-', name.rsplit('.', 1)[0]).strip('-') or 'survey')}",
        f"label_zh = {_quoted(name)}",
        f"label_en = {_quoted(name)}",
        "# What stands where an item was not answered or did not apply.",
        'not_applicable = ["", "NA", "N/A", "不适用"]',
        "# The code of the level that is neither for nor against, if there is one:",
        "# neutral = 3",
        "# How many could have answered, where that is known:",
        "# asked = 359",
        "# The column that says who answered (in a programme: the enrolment):",
        '# key = "enrolment_id"',
        "",
        "# Columns to compare by, and columns of free text, each under the name of what it is; not items here were:",
        f"# {', '.join(c for c in columns if c not in items) or 'none'}",
        "[groups]",
        '# subject = "subject"',
        "[texts]",
        '# suggestions = "comment"',
    ]
    for n, value in enumerate(scale, 1):
        code = int(value) if re.fullmatch(r"-?\d+", value) else n
        lines += ["", "[[levels]]", f"code = {code}", f"label_zh = {_quoted(value)}", f"label_en = {_quoted(value)}"]
    for n, column in enumerate(items, 1):
        item = column if re.fullmatch(r"[A-Za-z0-9._-]+", column) else f"item-{n}"
        lines += ["", "[[items]]", f"item_id = {_quoted(item)}", f"label_zh = {_quoted(column)}"]
        lines += [f"label_en = {_quoted(column)}"]
    return "\n".join(lines) + "\n"


def _as_number(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return float("inf"), text


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a basic string of TOML is written as one of JSON


def _problems(form: Form) -> Sequence[str]:
    found = []
    if len(form.levels) < 2:
        found.append("levels: a scale has two or more")
    if not form.items:
        found.append("items: there is none")
    for what, values in (
        ("levels: code", [str(level.code) for level in form.levels]),
        ("items: item_id", [item.item_id for item in form.items]),
    ):
        found += [f"{what} {v} comes twice" for v in sorted({v for v in values if values.count(v) > 1})]
    if form.neutral is not None and form.position(form.neutral) is None:
        found.append(f"neutral: {form.neutral} is none of the levels' codes")
    if form.asked is not None and form.asked < 1:
        found.append("asked: at least 1")
    meanings: dict[str, int] = {plain(t): 0 for t in form.not_applicable}
    for position, level in enumerate(form.levels, 1):
        for text in (str(level.code), level.label_zh, level.label_en, *level.aliases):
            if meanings.setdefault(plain(text), position) != position:
                found.append(f"levels: {text!r} means two things")
    columns: dict[str, str] = {}
    for item in form.items:
        for text in (item.item_id, *item.columns):
            if columns.setdefault(plain(text), item.item_id) != item.item_id:
                found.append(f"items: the column {text!r} is that of two items")
    return found
