"""Workbooks (XLSX, XLS, ODS) and text files (CSV, TSV in any usual encoding) as sheets of cells."""

from __future__ import annotations

import codecs
import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeAlias

from warehouse.errors import BadSource

__all__ = [
    "READ_ENDINGS", "TEXT_ENDINGS", "WORKBOOK_ENDINGS", "Area", "Cell", "Sheet", "TextForm", "has_lost_digits", "read_sheets", "text_form",
]  # fmt: skip

#: A workbook says what a cell is; a cell of a text file is text. An empty cell is an empty text.
Cell: TypeAlias = str | float | bool | date | datetime | time | timedelta
TEXT_ENDINGS = (".csv", ".tsv", ".txt")
WORKBOOK_ENDINGS = (".xlsx", ".xlsm", ".xls", ".ods")
READ_ENDINGS = (*WORKBOOK_ENDINGS, *TEXT_ENDINGS)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: What spreadsheets keep of a number: more digits are lost.
_DIGITS_KEPT = 15
_SCIENTIFIC = re.compile(r"[+-]?\d(?:\.\d+)?E\+?\d{1,3}")
_PIECE = 1 << 20
#: Of two that fit equally well the first.
_DELIMITERS = ",\t;"
#: Records that say which character separates columns.
_LOOKED_AT = 50


class Area(NamedTuple):
    """Cells that are merged into one; rows and columns from 0, the last ones belong to it."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table of cells.

    Attributes:
        name: of the sheet; of a text file, the file's name without its ending.
        rows: from row 1 on, blank rows too, to be read once. A cell that is merged with others below it stands in each of their rows.
        merged: the areas of cells that are merged.
    """

    name: str
    rows: Iterable[Sequence[Cell]]
    merged: Sequence[Area] = ()


class TextForm(NamedTuple):
    """How a text file is written."""

    encoding: str
    delimiter: str


def has_lost_digits(cell: Cell) -> bool:
    """Whether a cell is a number that had more digits than a spreadsheet keeps, or the text that one was saved as (6.2E+17)."""
    if isinstance(cell, str):
        return _SCIENTIFIC.fullmatch(unicodedata.normalize("NFKC", cell).strip().upper()) is not None
    return isinstance(cell, (float, int)) and not isinstance(cell, bool) and abs(cell) >= 10**_DIGITS_KEPT


def read_sheets(file: Path) -> Iterator[Sheet]:
    """The sheets of a file that can be seen, each to be read before the next is asked for.

    Raises:
        BadSource: the file is not there, of an unknown kind, or cannot be read as what its ending says.
    """
    ending = file.suffix.lower()
    if not file.is_file():
        raise BadSource(f"there is no file {file}")
    if ending in TEXT_ENDINGS:
        yield Sheet(file.stem, _text_rows(file, text_form(file)))
    elif ending in WORKBOOK_ENDINGS:
        yield from _workbook(file)
    else:
        raise BadSource(f"{file.name}: tables are read from {', '.join(READ_ENDINGS)}")


def _workbook(file: Path) -> Iterator[Sheet]:
    from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    try:
        with CalamineWorkbook.from_path(str(file)) as book:
            for place, about in enumerate(book.sheets_metadata):
                if about.visible is not SheetVisibleEnum.Visible or about.typ is not SheetTypeEnum.WorkSheet:
                    continue
                sheet = book.get_sheet_by_index(place)
                merged = [Area(*first, *last) for first, last in sheet.merged_cell_ranges or ()]
                # What is left of the first cell that is in use is left out by the reader.
                before: list[Cell] = [""] * (sheet.start[1] if sheet.start else 0)
                yield Sheet(about.name, _filled(([*before, *row] for row in sheet.iter_rows()), merged), merged)
    except (CalamineError, OSError) as error:
        raise BadSource(f"{file.name} cannot be read as {file.suffix[1:].upper()}: {error}") from error


def _filled(rows: Iterable[list[Cell]], merged: Sequence[Area]) -> Iterator[list[Cell]]:
    """Rows with what a merged cell says in each row that it covers, in its first column."""
    begins: dict[int, list[Area]] = {}
    for area in merged:
        if area.bottom > area.top:
            begins.setdefault(area.top, []).append(area)
    under_way: list[tuple[Area, Cell]] = []
    for number, row in enumerate(rows):
        under_way = [(area, value) for area, value in under_way if area.bottom >= number]
        for area, value in under_way:
            if area.left < len(row):
                row[area.left] = value
        under_way += [(area, row[area.left]) for area in begins.get(number, ()) if area.left < len(row)]
        yield row


def text_form(file: Path) -> TextForm:
    """How a text file is written: by its mark, else as UTF-16 where it has zeros, as UTF-8 where that fits, else as GB18030.

    Raises:
        BadSource: it is none of these.
    """
    encoding = _encoding(file)
    widths = {delimiter: _widths(file, TextForm(encoding, delimiter)) for delimiter in _DELIMITERS}
    return TextForm(encoding, max(_DELIMITERS, key=lambda delimiter: widths[delimiter]))


def _widths(file: Path, form: TextForm) -> tuple[int, int]:
    """In how many of the first records a delimiter makes equally many columns, and how many; nothing where quotes contradict it."""
    try:
        widths = Counter(len(row) for row in islice(_text_rows(file, form, is_strict=True), _LOOKED_AT))
    except BadSource:
        return 0, 0
    return max(((count, width) for width, count in widths.items() if width > 1), default=(0, 0))


def _encoding(file: Path) -> str:
    with file.open("rb") as opened:
        head = opened.read(4096)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if b"\0" in head:
        return "utf-16-le" if head[1::2].count(0) >= head[::2].count(0) else "utf-16-be"
    for encoding in ("utf-8", "gb18030"):  # the latter is what spreadsheets in China write
        if _can_decode(file, encoding):
            return encoding
    raise BadSource(f"{file.name} is text neither in UTF-8 nor in UTF-16 nor in GB18030")


def _can_decode(file: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with file.open("rb") as opened:
        try:
            while piece := opened.read(_PIECE):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _text_rows(file: Path, form: TextForm, *, is_strict: bool = False) -> Iterator[list[Cell]]:
    try:
        with file.open(encoding=form.encoding, newline="") as opened:
            for row in csv.reader(opened, delimiter=form.delimiter, strict=is_strict):
                yield [*row]
    except (csv.Error, UnicodeDecodeError) as error:
        raise BadSource(f"{file.name} cannot be read as a text table ({type(error).__name__})") from error
