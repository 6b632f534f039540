"""Files of answers as columns of texts: CSV in any usual encoding, workbooks and SPSS, as form services export them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import chain, islice
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.sources.tables import Cell, Header, Sheet, find_header, has_lost_digits, header_by_shape, read_sheets
from ingest.sources.tables.header import HEAD_ROWS
from ingest.sources.tables.reading import TEXT_ENDINGS, WORKBOOK_ENDINGS
from pipelines.survey.form import Form, plain
from warehouse.errors import BadConfiguration, BadSource

__all__ = ["AnswerFile", "read_file"]

_SPSS_ENDINGS = (".sav", ".zsav")
#: Rows that are made into columns at a time, few enough for a processor's cache: with 50,000 reading takes half as long again.
_AT_A_TIME = 1_000
#: Qualtrics writes three rows of names; the third is JSON with the question's id.
_IMPORT_ID = re.compile(r'\{"ImportId":')
#: What joins the parts of a header that takes several rows; a form names it by any of these, or by none. Q1-1 is not Q11.
_JOINERS = re.compile("[—–:]+")


@dataclass(frozen=True, slots=True)
class AnswerFile:
    """A file of answers.

    Attributes:
        table: its columns, as texts.
        rows: of each row of the table, its number in the file.
        labels: the question of a column, where the file has it beside the column's name.
        levels: the codes and labels of a column's values in the file's own order, where the file has them.
        missing: what the file says stands for no answer.
        too_long: rows that have more cells than there are columns; they are not in the table.
    """

    name: str
    table: pa.Table
    rows: npt.NDArray[np.int64]
    labels: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    missing: Sequence[str] = ()
    too_long: Sequence[int] = ()


def read_file(file: Path, form: Form | None = None) -> AnswerFile:
    """A file's columns.

    Args:
        form: says by its headers which rows name the columns; without it the first rows that name most columns do.

    Raises:
        BadConfiguration: there is no such file, its ending says nothing known, or two columns have one name.
        BadSource: it cannot be read as what its ending says.
    """
    if not file.exists():
        raise BadConfiguration(f"there is no file {file}")
    ending = file.suffix.lower()
    if ending in _SPSS_ENDINGS:
        found = _read_spss(file)
    elif ending in (*TEXT_ENDINGS, *WORKBOOK_ENDINGS):
        found = _read_table(file, form)
    else:
        raise BadConfiguration(f"{file.name}: answers are read from .csv, .tsv, .xlsx and .sav")
    names = found.table.column_names
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise BadConfiguration(f"{file.name}: the column {', '.join(twice)} comes twice")
    return found


def _squeezed(name: str) -> str:
    """A header without what joins its parts."""
    return _JOINERS.sub("", plain(name))


def _read_table(file: Path, form: Form | None) -> AnswerFile:
    known: dict[str, str] = {}
    for name in form.headers if form else ():
        known.setdefault(_squeezed(name), name)
    first: AnswerFile | None = None
    for sheet in read_sheets(file):
        rows = iter(sheet.rows)
        head = list(islice(rows, HEAD_ROWS))
        header = header_by_shape(head, sheet.merged)
        by_name = find_header(head, sheet.merged, lambda name: _squeezed(name) in known, at_least=1) if known else None
        is_known = by_name is not None
        # Names in two rows are known by both together, or by the lower one alone: of the two readings the one that knows more.
        if by_name is not None and (header is None or _knows(by_name, known) >= _knows(header, known)):
            header = by_name
        if header is not None and (is_known or first is None):
            found = _columns(file.name, sheet, header, head, rows, known)
            if is_known or not known:
                return found
            first = found
    return first or AnswerFile(file.name, pa.table({}), np.zeros(0, np.int64))


def _knows(header: Header, known: Mapping[str, str]) -> int:
    return len({_squeezed(name) for name in header.names} & known.keys())


def _columns(
    name: str, sheet: Sheet, header: Header, head: Sequence[Sequence[Cell]], rest: Iterable[Sequence[Cell]], known: Mapping[str, str]
) -> AnswerFile:  # fmt: skip
    """The columns under a header, without those that have neither a name nor a value."""
    names = [known.get(_squeezed(written), written.strip()) for written in header.names]
    begins = header.down_to(sheet.merged)
    questions: Sequence[str] = ()
    for last in range(begins, min(begins + 2, len(head))):
        if any(_IMPORT_ID.match(_text(cell)) for cell in head[last]):
            # Between the names and the ids stand the questions, or above where the questions are the names of the form.
            questions = [_text(cell) for cell in head[last - 1]]
            begins = last + 1
            break
    body = chain(head[begins:], rest)
    # The cells of a text file are texts already: a million rows of thirty take a third longer otherwise.
    is_text = Path(name).suffix.lower() in TEXT_ENDINGS
    texts = cast("Iterable[Sequence[str]]", body) if is_text else ([_text(cell) for cell in row] for row in body)
    made, rows, too_long = _as_columns(texts, begins, len(names))
    kept = [n for n, (called, column) in enumerate(zip(names, made, strict=True)) if called or _has_values(column)]
    called = [names[n] or f"column {n + 1}" for n in kept]
    labels = {c: questions[n].strip() for c, n in zip(called, kept, strict=True) if n < len(questions)}
    return AnswerFile(
        name, pa.Table.from_arrays([made[n] for n in kept], names=called), np.array(rows, np.int64),
        {c: text for c, text in labels.items() if text and text != c}, too_long=too_long,
    )  # fmt: skip


def _has_values(column: pa.ChunkedArray) -> bool:
    return any(text.strip() for text in column.unique().to_pylist())


def _as_columns(
    rows: Iterable[Sequence[str]], before: int, width: int
) -> tuple[list[pa.ChunkedArray], list[int], list[int]]:
    """Columns of texts, the numbers of the rows that are in them, and of those that have too many cells; blank rows are in neither."""
    pieces: list[list[pa.Array]] = [[] for _ in range(width)]
    numbers: list[int] = []
    too_long: list[int] = []
    waiting: list[Sequence[str]] = []

    def take() -> None:
        for place, cells in enumerate(zip(*waiting, strict=True)):
            pieces[place].append(pa.array(cells, pa.string()))
        waiting.clear()

    for number, texts in enumerate(rows, before + 1):
        if not any(texts):
            continue
        if len(texts) != width:
            if any(text.strip() for text in texts[width:]):
                too_long.append(number)
                continue
            waiting.append([*texts[:width], *[""] * (width - len(texts))])
        else:
            waiting.append(texts)
        numbers.append(number)
        if len(waiting) == _AT_A_TIME:
            take()
    if waiting:
        take()
    return [pa.chunked_array(column, pa.string()) for column in pieces], numbers, too_long


def _text(value: object) -> str:
    """A cell as text; of a number with more digits than are kept, so many that it is seen to be none (6.2E+17)."""
    if value is None:
        return ""
    if isinstance(value, float):
        if value != value:
            return ""
        if has_lost_digits(value):
            return f"{value:.15G}"
        return str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)


def _read_spss(file: Path) -> AnswerFile:
    import pyreadstat

    try:
        frame, meta = pyreadstat.read_sav(str(file), user_missing=True)
    except Exception as error:  # the reader has errors of its own
        raise BadSource(f"{file.name} cannot be read as SPSS: {error}") from error
    columns, levels, missing = [], {}, []
    for name in frame.columns:
        # What the file itself calls a code stands: a form that calls it otherwise is told so, and nothing is mixed up.
        labels = {_text(code): str(label) for code, label in meta.variable_value_labels.get(name, {}).items()}
        texts = map(_text, frame[name].tolist())
        columns.append(pa.array([labels.get(text, text) for text in texts], pa.string()))
        absent = {code for code in labels if _is_missing(code, meta.missing_ranges.get(name, ()))}
        missing += [labels[code] for code in labels if code in absent]
        levels[name] = [(code, label) for code, label in labels.items() if code not in absent]
    return AnswerFile(
        file.name, pa.Table.from_arrays(columns, names=list(frame.columns)), np.arange(1, len(frame) + 1),
        {name: label for name, label in meta.column_names_to_labels.items() if label},
        {name: found for name, found in levels.items() if found}, list(dict.fromkeys(missing)),
    )  # fmt: skip


def _is_missing(code: str, ranges: Iterable[object]) -> bool:
    """Whether the file declares a code to stand for no answer."""
    for one in ranges:
        low, high = (one["lo"], one["hi"]) if isinstance(one, dict) else (one, one)
        try:
            if float(str(low)) <= float(code) <= float(str(high)):
                return True
        except ValueError:
            if code in (low, high):
                return True
    return False
