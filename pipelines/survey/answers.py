"""Answers from the files that survey tools export: CSV, XLSX and SPSS, wide or long, labels or codes."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from pipelines.survey.form import Form, plain
from pipelines.words import Label, label_of
from warehouse.errors import BadConfiguration

__all__ = ["Answers", "Problem", "answers_of", "read_answers", "read_table"]

#: A value that may name or number somebody is not told again.
_TELLING = re.compile(r"\d{6}|@|.{25}")


@dataclass(frozen=True, slots=True)
class Problem:
    """A cell or row that does not fit its form: the row in the file (the header is 1), the column, the value, and why."""

    row: int
    column: str
    value: str
    why: Label


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

    @property
    def respondents(self) -> int:
        """How many answered one item or more."""
        return len(self.codes)

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
            problems=sorted([*self.problems, *more], key=lambda p: (p.row, p.column)),
        )  # fmt: skip


def read_answers(file: Path, form: Form) -> Answers:
    """The answers of a file.

    Raises:
        BadConfiguration: the file cannot be read, or an item, key or group has no column.
    """
    return answers_of(read_table(file), form, file.name)


def read_table(file: Path) -> pa.Table:
    """A file's columns as texts.

    Raises:
        BadConfiguration: it cannot be read as what its ending says.
    """
    if not file.exists():
        raise BadConfiguration(f"there is no file {file}")
    try:
        match file.suffix.lower():
            case ".csv" | ".tsv" | ".txt":
                table = _read_csv(file)
            case ".xlsx" | ".xls" | ".ods":
                table = _read_workbook(file)
            case ".sav" | ".zsav":
                table = _read_spss(file)
            case _:
                raise BadConfiguration(f"{file.name}: answers are read from .csv, .tsv, .xlsx and .sav")
    except BadConfiguration:
        raise
    except Exception as error:  # each reader has errors of its own
        raise BadConfiguration(f"{file.name} cannot be read as {file.suffix[1:].upper()}: {error}") from error
    twice = sorted({n for n in table.column_names if table.column_names.count(n) > 1})
    if twice:
        raise BadConfiguration(f"{file.name}: the column {', '.join(twice)} comes twice")
    return table


def _read_csv(file: Path) -> pa.Table:
    with file.open("rb") as opened:
        head = opened.read(1 << 16)
    encoding = "utf-8"
    try:
        head[:60_000].decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head[:60_000]) - 4:
            encoding = "gb18030"  # what spreadsheets in China write
    first = head.decode(encoding, errors="replace").partition("\n")[0]
    delimiter = max(",\t;", key=first.count)
    names = [n.strip().lstrip("\ufeff") for n in next(csv.reader([first.rstrip("\r")], delimiter=delimiter))]
    convert = pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    table = pa_csv.read_csv(
        file, read_options=pa_csv.ReadOptions(encoding=encoding, column_names=names, skip_rows=1),
        parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True), convert_options=convert,
    )  # fmt: skip
    return table.cast(pa.schema([(n, pa.string()) for n in table.column_names]))


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return "" if value != value else str(int(value)) if value.is_integer() else str(value)
    return str(value)


def _read_workbook(file: Path) -> pa.Table:
    from python_calamine import CalamineWorkbook

    rows = CalamineWorkbook.from_path(str(file)).get_sheet_by_index(0).to_python()
    if not rows:
        return pa.table({})
    names = [_text(n).strip() for n in rows[0]]
    columns = [pa.array([_text(v) for v in column], pa.string()) for column in zip(*rows[1:], strict=True)]
    return pa.Table.from_arrays(columns or [pa.array([], pa.string()) for _ in names], names=names)


def _read_spss(file: Path) -> pa.Table:
    import pyreadstat

    frame, meta = pyreadstat.read_sav(str(file), user_missing=True)
    columns = []
    for name in frame.columns:
        # What the file itself calls a code stands: a form that calls it otherwise is told so, and nothing is mixed up.
        labels: dict[str, str] = {
            _text(code): str(label) for code, label in meta.variable_value_labels.get(name, {}).items()
        }
        texts = map(_text, frame[name].tolist())
        columns.append(pa.array([labels.get(text, text) for text in texts], pa.string()))
    return pa.Table.from_arrays(columns, names=list(frame.columns))


def answers_of(table: pa.Table, form: Form, file: str) -> Answers:
    """The answers of a table of texts."""
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
    used = {key, *groups.values(), *texts.values()} - {None}
    if form.long is not None:
        if key is None:
            raise BadConfiguration(f"{file}: a long table needs the form's key, to tell who answered")
        used |= {column(form.long.item, "the items"), column(form.long.answer, "the answers")}
        table, rows = _widened(table, form, key, columns)
    else:
        rows = np.arange(2, table.num_rows + 2)
    return _answers(table, rows, form, file, key, groups, texts, used)


def _widened(
    table: pa.Table, form: Form, key: str, columns: Mapping[str, str]
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
            first.append(number + 2)
            for values in wide.values():
                values.append("")
            for name, values in rest.items():
                values.append(by_row[name][number])
        found = form.item_columns.get(plain(by_row[item][number]))
        if found is None:
            unknown[by_row[item][number]] = number + 2
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
    keys = table.column(key).to_pylist() if key else []
    keep = np.asarray((codes > 0).any(axis=1))
    if key:
        first: dict[str, int] = {}
        for i, who in enumerate(keys):
            if not keep[i] or not who.strip():
                continue
            if first.setdefault(who.strip(), i) != i:
                keep[i] = False
                before = int(rows[first[who.strip()]])
                why = label_of("survey.refusals", "answered_before", row=before)
                problems.append(Problem(int(rows[i]), key, "", why))
    everybody = Answers(
        form, codes, [k.strip() for k in keys], rows,
        {name: np.array(table.column(header).to_pylist(), object) for name, header in groups.items()},
        {name: table.column(header).to_pylist() for name, header in texts.items()}, problems, int(np.count_nonzero(~blank)), unused,
    )  # fmt: skip
    return everybody.of(keep)


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
