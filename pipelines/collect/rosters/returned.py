"""The copy of a roster that goes back to its sender: the file as it came, with a column that says why a row was not taken."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from itertools import chain, count
from pathlib import Path

from ingest.sources.roster import SheetRead
from ingest.sources.roster.oneroster import ENROLMENTS
from ingest.sources.tables import Cell, read_sheets, text_form
from ingest.sources.tables.reading import TEXT_ENDINGS
from pipelines.console import errors
from pipelines.words import label_of, words_of
from warehouse.errors import BadSource, StorageUnavailable

__all__ = ["write_returned"]

#: A larger workbook comes back as its values, without its colours: to change it in place takes some 50 times its size in memory.
_IN_PLACE_BYTES = 8 << 20
#: Reasons by the row's number, by sheet.
Reasons = Mapping[str, Mapping[int, str]]


def write_returned(
    file: Path, reasons: Reasons, sheets: Sequence[SheetRead], folder: Path | None, written: Collection[Path], language: str
) -> Path:  # fmt: skip
    """Write the copy, for its owner only, and say where it is.

    Args:
        folder: None for the one that the file is in. A home is none by itself: what has names in it is not kept there.
        written: the copies of this import, which are not written over.

    Raises:
        StorageUnavailable: it cannot be written there.
    """
    source = file / ENROLMENTS if file.is_dir() else file
    head = {read.name: (read.header.last, _column(read)) for read in sheets if read.header is not None}
    folder = folder or file.parent
    as_text = source.suffix.lower() in TEXT_ENDINGS
    ending = source.suffix.lower() if as_text else ".xlsx"
    names = (f"{file.stem}-returned{more}{ending}" for more in chain([""], (f"-{n}" for n in count(2))))
    target = next(target for name in names if (target := folder / name) not in written)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.touch(mode=0o600)
    except OSError as error:
        raise StorageUnavailable(
            f"the copy for the sender cannot be written into {folder} ({error.strerror}); name another folder with --returned"
        ) from error
    if as_text:
        _as_text(source, target, reasons, head, language)
    elif source.suffix.lower() == ".xlsx" and source.stat().st_size <= _IN_PLACE_BYTES:
        _in_place(source, target, reasons, head, language)
    else:
        _as_values(source, target, reasons, head, language)
    return target


def _column(read: SheetRead) -> int:
    """The place of the added column, from 0: where a copy that was corrected has it already, else after the last."""
    assert read.header is not None
    names, head = list(read.header.names), label_of("roster", "reason")
    return next((n for n, name in enumerate(names) if name in (head.zh, head.en)), read.free_column)


def _in_place(source: Path, target: Path, reasons: Reasons, head: Mapping[str, tuple[int, int]], language: str) -> None:
    from openpyxl import load_workbook
    from openpyxl.styles import Alignment, PatternFill

    try:
        book = load_workbook(source)
    except Exception as error:  # the library fails in many ways on workbooks that others can read
        errors.print(f"[yellow]{source.name}[/yellow]: its colours cannot be kept ({type(error).__name__})")
        _as_values(source, target, reasons, head, language)
        return
    fill = PatternFill("solid", fgColor="FFF2CC")
    for sheet in book.worksheets:
        if sheet.title not in head:
            continue
        last, column = head[sheet.title]
        rows = reasons.get(sheet.title, {})
        if sheet.cell(last, column + 1).value is not None:
            # What an earlier copy said, and was corrected since.
            for (cell,) in sheet.iter_rows(min_row=last + 1, min_col=column + 1, max_col=column + 1):
                cell.value = None
        sheet.cell(last, column + 1).value = words_of("roster", language)["reason"]
        for number, why in rows.items():
            cell = sheet.cell(number, column + 1)
            cell.value, cell.fill, cell.alignment = why, fill, Alignment(wrap_text=False)
    book.save(target)


def _rows(
    rows: Iterable[Sequence[Cell]], reasons: Mapping[int, str], head: tuple[int, int] | None, language: str
) -> Iterator[list[Cell]]:
    for number, row in enumerate(rows, 1):
        cells = list(row)
        if head is not None:
            last, column = head
            cells += [""] * (column + 1 - len(cells))
            cells[column] = words_of("roster", language)["reason"] if number == last else reasons.get(number, "")
        yield cells


def _as_values(
    source: Path, target: Path, reasons: Reasons, head: Mapping[str, tuple[int, int]], language: str
) -> None:
    import xlsxwriter

    options = {
        "constant_memory": True,
        "default_date_format": "yyyy-mm-dd",
        "strings_to_formulas": False,
        "strings_to_urls": False,
    }
    with xlsxwriter.Workbook(str(target), options) as book:
        for sheet in read_sheets(source):
            written = book.add_worksheet(sheet.name[:31])
            for n, row in enumerate(_rows(sheet.rows, reasons.get(sheet.name, {}), head.get(sheet.name), language)):
                for column, value in enumerate(row):
                    if isinstance(value, (datetime, date)):
                        written.write_datetime(n, column, value)
                    elif value != "":
                        written.write(n, column, value if isinstance(value, (str, float, bool)) else str(value))


def _as_text(source: Path, target: Path, reasons: Reasons, head: Mapping[str, tuple[int, int]], language: str) -> None:
    form = text_form(source)
    with target.open("w", encoding=form.encoding, newline="") as out, _sender_errors(source):
        writer = csv.writer(out, delimiter=form.delimiter)
        for sheet in read_sheets(source):
            name = ENROLMENTS if source.name == ENROLMENTS else sheet.name
            # The rows of enrollments.csv are named by their columns in its first row, whatever it is joined with.
            place = head.get(name)
            if place is not None and source.name == ENROLMENTS:
                place = (1, _width(source))
            writer.writerows(_rows(sheet.rows, reasons.get(name, {}), place, language))


def _width(source: Path) -> int:
    return len(next(iter(next(read_sheets(source)).rows)))


@contextmanager
def _sender_errors(source: Path) -> Iterator[None]:
    try:
        yield
    except UnicodeEncodeError as error:
        raise BadSource(f"{source.name}: its encoding cannot hold what is added ({error.encoding})") from error
