"""The answers in a table of texts, by its form: wide or long, labels or codes, one answer a cell or several."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.sources.tables import has_lost_digits
from pipelines.survey.files import read_file
from pipelines.survey.form import Form, Multiple, plain
from pipelines.words import Label, label_of
from warehouse.errors import BadConfiguration

__all__ = ["Answers", "Chosen", "Problem", "answers_of", "read_answers", "seconds_of"]

#: A value that may name or number somebody is not told again.
_TELLING = re.compile(r"\d{6}|@|.{25}")
#: What form services write where nothing was chosen, and what a column of one option holds where that option was not.
_NOTHING = frozenset({"", "(空)", "(跳过)", "-2", "-3"})
_NOT_CHOSEN = _NOTHING | {"0", "0.0", "false", "no", "n", "none", "not selected", "unchecked", "否", "未选", "未选中"}
#: What somebody wrote beside an option ("其他〖…〗") is free text, and no option.
_BESIDE = re.compile(r"〖.*?〗|﹝.*?﹞", re.S)
_UNITS = (("小时", 3600), ("分钟", 60), ("分", 60), ("秒", 1))
_IN_UNITS = re.compile(r"(\d+(?:\.\d+)?)\s*(小时|分钟|分|秒)")
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Problem:
    """A cell or row that does not fit its form: the row in the file, the column, the value, and why.

    Attributes:
        is_of_row: nothing of the row is taken; otherwise its other cells are.
    """

    row: int
    column: str
    value: str
    why: Label
    is_of_row: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which options each respondent chose of a question that takes several: respondents × options, and whether there was any answer."""

    options: Sequence[str]
    chosen: npt.NDArray[np.bool_]

    @property
    def answered(self) -> int:
        """How many chose one option or more."""
        return int(self.chosen.any(axis=1).sum())

    def counts(self, smallest: int = 0) -> list[tuple[str, int]]:
        """How many chose each option, the most frequent first.

        Options of fewer than ``smallest`` are one, under an empty name: what somebody wrote as an option of their own may be among them.
        """
        counted = self.chosen.sum(axis=0).tolist()
        few = [n for n, count in enumerate(counted) if count < smallest]
        told = [(option, int(count)) for option, count in zip(self.options, counted, strict=True) if count >= smallest]
        together = int(self.chosen[:, few].any(axis=1).sum())
        return [*sorted(told, key=lambda one: -one[1]), *([("", together)] if together else [])]


@dataclass(frozen=True, slots=True)
class Answers:
    """Who answered what.

    Attributes:
        codes: respondents × items; positions of levels from 1, 0 where there is no answer.
        keys: of each respondent, empty where the form has no key.
        rows: of each respondent, the row of the file, or of what was read.
        groups, texts: by name, a value of each respondent.
        problems: what did not fit; those cells count as unanswered, those rows are left out.
        rows_read: rows of the file that had anything in them.
        multiple: by name, the questions that take several answers.
        seconds: how long each took, nan where that is not told; None where the form names no column of it.
    """

    form: Form
    codes: npt.NDArray[np.int8]
    keys: Sequence[str]
    rows: npt.NDArray[np.int64]
    groups: Mapping[str, npt.NDArray[np.object_]]
    texts: Mapping[str, Sequence[str]]
    problems: Sequence[Problem]
    rows_read: int
    unused_columns: Sequence[str]
    multiple: Mapping[str, Chosen] = field(default_factory=dict)
    seconds: npt.NDArray[np.float64] | None = None

    @property
    def respondents(self) -> int:
        """How many answered one item or more."""
        return len(self.codes)

    @property
    def median_seconds(self) -> float | None:
        """How long the middle one took, of those of whom it is told."""
        told = self.seconds[~np.isnan(self.seconds)] if self.seconds is not None else ()
        return float(np.median(told)) if len(told) else None

    @property
    def not_applicable(self) -> Mapping[str, int]:
        """By item, how often it was said not to apply or was left out."""
        return {i.item_id: int(n) for i, n in zip(self.form.items, (self.codes == 0).sum(axis=0), strict=True)}

    def of(self, kept: npt.NDArray[np.bool_], more: Sequence[Problem] = ()) -> Answers:
        """Those of some of the respondents, and further problems."""
        return replace(
            self, codes=self.codes[kept],
            keys=[k for k, keep in zip(self.keys, kept, strict=True) if keep] if self.keys else [], rows=self.rows[kept],
            groups={name: values[kept] for name, values in self.groups.items()},
            texts={name: [v for v, keep in zip(values, kept, strict=True) if keep] for name, values in self.texts.items()},
            multiple={name: Chosen(one.options, one.chosen[kept]) for name, one in self.multiple.items()},
            seconds=None if self.seconds is None else self.seconds[kept], problems=sorted([*self.problems, *more], key=lambda p: (p.row, p.column)),
        )  # fmt: skip


def read_answers(file: Path, form: Form) -> Answers:
    """The answers of a file.

    Raises:
        BadConfiguration: there is no such file, or an item, key or group has no column.
        BadSource: the file cannot be read as what its ending says.
    """
    found = read_file(file, form)
    return answers_of(found.table, form, found.name, found.rows, found.too_long)


def answers_of(
    table: pa.Table, form: Form, file: str, rows: npt.NDArray[np.int64] | None = None, too_long: Sequence[int] = ()
) -> Answers:
    """The answers of a table of texts.

    Args:
        rows: the number in the file of each row; by default the first below a header of one row is 2.
        too_long: rows that are not in the table, because they have more cells than it has columns.
    """
    columns: dict[str, str] = {plain(name): name for name in table.column_names}

    def column(name: str, what: str) -> str:
        if plain(name) not in columns:
            raise BadConfiguration(
                f"{file}: the column {name!r} of {what} is missing; it has {', '.join(table.column_names)}"
            )
        return columns[plain(name)]

    key = column(form.key, "the key") if form.key else None
    groups = {name: column(header, f"the group {name}") for name, header in form.groups.items()}
    texts = {name: column(header, f"the text {name}") for name, header in form.texts.items()}
    seconds = column(form.seconds, "the time taken") if form.seconds else None
    multiple = {
        name: {option: column(header, f"the question {name}") for option, header in asked.headers.items()}
        for name, asked in form.multiple.items()
    }
    used = {key, seconds, *groups.values(), *texts.values(), *(h for one in multiple.values() for h in one.values())}
    numbers = np.arange(2, table.num_rows + 2) if rows is None else rows
    if form.long is not None:
        if key is None:
            raise BadConfiguration(f"{file}: a long table needs the form's key, to tell who answered")
        used |= {column(form.long.item, "the items"), column(form.long.answer, "the answers")}
        table, numbers = _widened(table, numbers, form, key, columns)
    found = _answers(table, numbers, form, file, key, groups, texts, used)
    times, wrong = _times(table, numbers, seconds)
    long_rows = [Problem(row, "", "", label_of("survey.refusals", "too_long")) for row in too_long]
    whole = replace(
        found, problems=[*found.problems, *wrong, *long_rows], seconds=times,
        multiple={name: _chosen(table, form, form.multiple[name], headers) for name, headers in multiple.items()},
    )  # fmt: skip
    return whole.of(_kept(whole))


def _kept(answers: Answers) -> npt.NDArray[np.bool_]:
    """Who answered anything, the first time."""
    left_out = [problem.row for problem in answers.problems if problem.is_of_row]
    return np.asarray((answers.codes > 0).any(axis=1)) & ~np.isin(answers.rows, left_out)


def _times(
    table: pa.Table, rows: npt.NDArray[np.int64], column: str | None
) -> tuple[npt.NDArray[np.float64] | None, list[Problem]]:
    if column is None:
        return None, []
    texts = table.column(column).to_pylist()
    found = [seconds_of(text) for text in texts]
    why = label_of("survey.refusals", "no_time")
    wrong = [
        Problem(int(row), column, _shown(text), why)
        for row, text, seconds in zip(rows, texts, found, strict=True)
        if seconds is None and text.strip()
    ]
    return np.array([float("nan") if seconds is None else seconds for seconds in found]), wrong


def seconds_of(text: str) -> float | None:
    """Seconds as form services write them: 205, 205秒, 3分25秒, 0:03:25; None of anything else."""
    written = plain(text).replace(" ", "")
    clock = _CLOCK.fullmatch(written)
    if clock is not None:
        hours, minutes, seconds = clock.groups()
        return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds)
    parts = _IN_UNITS.findall(written)
    if parts and "".join(number + unit for number, unit in parts) == written:
        return sum(float(number) * dict(_UNITS)[unit] for number, unit in parts)
    try:
        number = float(written)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _chosen(table: pa.Table, form: Form, asked: Multiple, headers: Mapping[str, str]) -> Chosen:
    nothing = {plain(text) for text in form.not_applicable} | (_NOTHING if asked.column is not None else _NOT_CHOSEN)
    if asked.column is None:
        columns = [
            np.array([plain(text) not in nothing for text in table.column(h).to_pylist()], bool) for h in headers.values()
        ]  # fmt: skip
        return Chosen(list(headers), np.column_stack(columns) if columns else np.zeros((table.num_rows, 0), bool))
    (header,) = headers.values()
    places: dict[str, int] = {}
    said: list[list[int]] = []
    for cell in table.column(header).to_pylist():
        parts = [_BESIDE.sub("", part).strip() for part in cell.split(asked.separator)]
        said.append([places.setdefault(part, len(places)) for part in parts if plain(part) not in nothing])
    chosen = np.zeros((len(said), len(places)), bool)
    for row, options in enumerate(said):
        chosen[row, options] = True
    return Chosen(list(places), chosen)


def _widened(
    table: pa.Table, rows: npt.NDArray[np.int64], form: Form, key: str, columns: Mapping[str, str]
) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """A long table with one row a respondent, each with the answer of its first row of an item."""
    assert form.long is not None
    item, answer = columns[plain(form.long.item)], columns[plain(form.long.answer)]
    by_row = {name: table.column(name).to_pylist() for name in table.column_names}
    order: dict[str, int] = {}
    wide: dict[str, list[str]] = {i.item_id: [] for i in form.items}
    rest: dict[str, list[str]] = {name: [] for name in table.column_names if name not in (item, answer)}
    first: list[int] = []
    unknown: dict[str, int] = {}
    for number in range(table.num_rows):
        who = by_row[key][number]
        if who not in order:
            order[who] = len(order)
            first.append(int(rows[number]))
            for values in wide.values():
                values.append("")
            for name, values in rest.items():
                values.append(by_row[name][number])
        found = form.item_columns.get(plain(by_row[item][number]))
        if found is None:
            unknown[by_row[item][number]] = int(rows[number])
        elif not wide[found][order[who]]:
            wide[found][order[who]] = by_row[answer][number]
    if unknown:
        name, row = next(iter(unknown.items()))
        raise BadConfiguration(f"row {row}: {name!r} is no item of the form {form.form_id}")
    return pa.table({k: pa.array(v, pa.string()) for k, v in (rest | wide).items()}), np.array(first)


def _answers(
    table: pa.Table, rows: npt.NDArray[np.int64], form: Form, file: str, key: str | None, groups: Mapping[str, str],
    texts: Mapping[str, str], used: set[str | None],
) -> Answers:  # fmt: skip
    headers: dict[str, str] = {}
    unused = []
    for name in table.column_names:
        item = form.item_columns.get(plain(name))
        if item is not None and item not in headers:
            headers[item] = name
        elif name not in used:
            unused.append(name)
    missing = [i.item_id for i in form.items if i.item_id not in headers]
    if missing:
        raise BadConfiguration(
            f"{file}: no column for the item {', '.join(missing)}; it has {', '.join(table.column_names)}."
            " Name the header under the item's columns in the form"
        )
    problems: list[Problem] = []
    no_level = label_of("survey.refusals", "no_level")
    codes = np.zeros((table.num_rows, len(form.items)), np.int8)
    blank = np.ones(table.num_rows, bool)
    for n, one in enumerate(form.items):
        found, said, bad = _codes(table.column(headers[one.item_id]), form)
        codes[:, n] = found
        blank &= ~said
        problems += [Problem(int(rows[i]), headers[one.item_id], _shown(value), no_level) for i, value in bad]
    keys = [text.strip() for text in table.column(key).to_pylist()] if key else []
    if key:
        first: dict[str, int] = {}
        lost = label_of("survey.refusals", "lost_digits")
        for i, who in enumerate(keys):
            if not (codes[i] > 0).any() or not who:
                continue
            if "+" in who and has_lost_digits(who):
                # Many different numbers look alike now: nobody answered before, and nobody knows who answered.
                keys[i] = ""
                problems.append(Problem(int(rows[i]), key, "", lost))
            elif first.setdefault(who, i) != i:
                why = label_of("survey.refusals", "answered_before", row=int(rows[first[who]]))
                problems.append(Problem(int(rows[i]), key, "", why, is_of_row=True))
    return Answers(
        form, codes, keys, rows,
        {name: np.array(table.column(header).to_pylist(), object) for name, header in groups.items()},
        {name: table.column(header).to_pylist() for name, header in texts.items()}, problems, int(np.count_nonzero(~blank)), unused,
    )  # fmt: skip


def _codes(
    column: pa.ChunkedArray, form: Form
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.bool_], list[tuple[int, str]]]:
    """Positions, whether anything was said, and (row, value) of what is no level; a column has few different texts."""
    encoded = pc.dictionary_encode(column.combine_chunks())
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    words = [w or "" for w in encoded.dictionary.to_pylist()]
    meaning = np.array([form.answers.get(plain(w), -1) for w in words] or [0], np.int8)
    said = np.array([bool(w.strip()) for w in words] or [False])
    indices = encoded.indices.to_numpy(zero_copy_only=False)
    found = meaning[indices] if len(indices) else np.zeros(0, np.int8)
    bad = [(int(i), words[indices[i]]) for i in np.flatnonzero(found < 0)]
    found[found < 0] = 0
    return found, said[indices] if len(indices) else np.zeros(0, bool), bad


def _shown(value: str) -> str:
    return "…" if _TELLING.search(value) else value
