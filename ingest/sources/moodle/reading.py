"""Reads a file of Moodle's: finds out what it is, and gives its lines as entries."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ingest.sources.entries import LogEntry
from ingest.sources.json_elements import json_elements
from ingest.sources.moodle.log_report import Columns, LogReport, columns_of
from ingest.sources.moodle.logstore import Logstore
from ingest.sources.moodle.times import Order, Times, order_of
from ingest.sources.report import LINES, SetAside
from warehouse.errors import BadSource

__all__ = ["MoodleSite", "read_moodle"]

#: Rows that are looked at to find the order of a date's numbers.
_LOOKED_AT = 5_000
_FRONT_PAGE = "1"
_NOT_TEXT = {
    b"PK\x03\x04": "a workbook or archive",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"\x1f\x8b": "gzip",
}


class MoodleSite(NamedTuple):
    """What a file does not say.

    Attributes:
        address: of the site, such as ``https://moodle.example.org``.
        zone: of whoever exported it; times in the file have none.
        order: of the numbers in its dates; None: as the file shows.
        course: of lines that do not say theirs: its number, or a name.
    """

    address: str
    zone: ZoneInfo
    order: Order | None = None
    course: str = ""

    def course_id(self, course: str) -> str:
        """A course as statements of the same site name it, so that both tell of one enrolment; a name stays as it is.

        The site's front page is course 1 of every Moodle, and no course that somebody takes.
        """
        if course == _FRONT_PAGE:
            return ""
        return f"{self.address}/course/view.php?id={course}" if course.isdigit() else course


def read_moodle(
    lines: Iterable[bytes], name: str, aside: SetAside, site: MoodleSite, *, needs_course: bool = False
) -> Iterator[LogEntry]:
    """The entries of a file: the log report as CSV or JSON, or logstore_standard_log as CSV, TSV or JSON.

    Args:
        aside: takes the rows that are no entry, each with its reason.
        needs_course: refuse a file whose lines may be of a course that nothing tells.

    Raises:
        BadSource: it is something else, or cannot be read on.
    """
    source = iter(lines)
    first = next(source, b"")
    for mark, what in _NOT_TEXT.items():
        if first.startswith(mark):
            raise BadSource(f"{name} is {what}; export the log as CSV or JSON, in UTF-8")
    whole = chain([first], source)
    if first.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"[", b"{"):
        yield from _elements(json_elements(whole, name), name, site, aside, needs_course=needs_course)
    else:
        yield from _table(whole, first, name, site, aside, needs_course=needs_course)


def _table(
    lines: Iterable[bytes], first: bytes, name: str, site: MoodleSite, aside: SetAside, *, needs_course: bool
) -> Iterator[LogEntry]:
    separator = max(b",;\t", key=first.count)
    texts = (line.decode("utf-8", "replace") for line in lines)
    reader = csv.reader(texts, delimiter=chr(separator))
    rows = _rows(reader)
    header = [cell.strip().removeprefix("\ufeff").strip('"') for cell in next(rows, None) or []]
    if Logstore.is_header(header):
        store = Logstore(site.address, site.course_id, Times(site.zone, site.order))
        places = {column: i for i, column in enumerate(header)}
        width = len(header)
        for row in rows:
            aside.report.rows[LINES] += 1
            if row is None or len(row) != width:
                aside(_line(row), "not the cells of the header")
                continue
            entry = store.entry({column: row[i] for column, i in places.items()})
            if isinstance(entry, str):
                aside(_line(row), entry)
            else:
                yield entry
        return
    columns = columns_of(header)
    if columns is None:
        raise BadSource(
            f"{name} is no log of Moodle: its first line has {len(header)} columns ({', '.join(header)[:120]}); a log report has 9 or 10, and"
            " logstore_standard_log has eventname, userid and timecreated"
        )
    yield from _report_rows(rows, columns, len(header), name, site, aside, needs_course=needs_course)


def _rows(reader: Iterator[list[str]]) -> Iterator[list[str] | None]:
    """The rows of a CSV file; None in the place of one that cannot be read."""
    while True:
        try:
            yield from reader
        except csv.Error:
            yield None
        else:
            return


def _report_rows(
    rows: Iterator[Sequence[str] | None], columns: Columns, width: int, name: str, site: MoodleSite, aside: SetAside,
    *, needs_course: bool,
) -> Iterator[LogEntry]:  # fmt: skip
    if needs_course and not site.course and "course" not in columns.places:
        raise BadSource(
            f"{name} does not tell the course of each line: say it with --course, as its number in Moodle or a name"
        )
    head, rows = _beginning(rows)
    order = site.order
    if order is None:
        try:
            order = order_of(row[columns.places["time"]] for row in head if row is not None and len(row) == width)
        except ValueError:
            raise BadSource(f"{name} has dates with the day first and dates with the month first") from None
        dates = [row[columns.places["time"]] for row in head if row is not None and len(row) == width]
        if order is None and any(_is_numeric(text) for text in dates):
            raise BadSource(
                f"the dates of {name} (such as {dates[0]}) may have the day or the month first: say which with --dates dmy or --dates mdy"
            )
    reading = LogReport(site.address, site.course_id, site.course, columns, Times(site.zone, order))
    for row in chain(head, rows):
        aside.report.rows[LINES] += 1
        if row is None or len(row) != width:
            aside(_line(row), "not the cells of the header")
            continue
        entry = reading.entry(row)
        if isinstance(entry, str):
            aside(_line(row), entry)
        else:
            yield entry


def _beginning(
    rows: Iterator[Sequence[str] | None],
) -> tuple[list[Sequence[str] | None], Iterator[Sequence[str] | None]]:
    """The first rows, and the others; of a file that cannot be read to its end, what comes before the damage is there all the same."""
    head: list[Sequence[str] | None] = []
    try:
        head.extend(islice(rows, _LOOKED_AT))
    except BadSource as error:
        return head, _raising(error)
    return head, rows


def _raising(error: BadSource) -> Iterator[Sequence[str] | None]:
    yield from ()
    raise error


def _is_numeric(text: str) -> bool:
    return not any(c.isalpha() for c in text.lower().replace("am", "").replace("pm", ""))


def _elements(
    elements: Iterator[Any], name: str, site: MoodleSite, aside: SetAside, *, needs_course: bool
) -> Iterator[LogEntry]:
    first = next(elements, None)
    if first is None:
        return
    every = chain([first], elements)
    if isinstance(first, dict) and Logstore.is_header(first):
        store = Logstore(site.address, site.course_id, Times(site.zone, site.order))
        for element in every:
            aside.report.rows[LINES] += 1
            is_whole = isinstance(element, dict) and Logstore.is_header(element)
            entry = store.entry({k: _text(v) for k, v in element.items()}) if is_whole else "not the fields of a log"
            if isinstance(entry, str):
                aside(_text(element), entry)
            else:
                yield entry
        return
    header = list(first) if isinstance(first, dict) else [""] * len(first) if isinstance(first, list) else []
    columns = columns_of(header)
    if columns is None:
        raise BadSource(
            f"{name} is JSON and no log of Moodle: the first element has {len(header)} fields, a log report has 9 or 10"
        )
    yield from _report_rows(
        (_row(element, header) for element in every), columns, len(header), name, site, aside, needs_course=needs_course
    )


def _row(element: Any, header: Sequence[str]) -> list[str] | None:
    if isinstance(element, dict):
        return [_text(element.get(column)) for column in header] if element.keys() == set(header) else None
    return [_text(cell) for cell in element] if isinstance(element, list) else None


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _line(row: Sequence[str] | None) -> str:
    return "a line that is no CSV" if row is None else ",".join(row)
