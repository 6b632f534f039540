"""Reads the rows of a table of totals by a map."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain, islice
from typing import TypeVar

from ingest.sources.entries import identifier
from ingest.sources.roster.columns import columns_of, plain
from ingest.sources.roster.entries import Entry, SheetRead, date_in, is_beside
from ingest.sources.roster.values import Why, date_of, id_number_of, name_of, phone_of, text_of
from ingest.sources.tables import Cell, Sheet, find_header
from ingest.sources.tables.header import HEAD_ROWS
from ingest.sources.totals.map import TotalsMap
from ingest.sources.totals.values import Reason, amount_of

__all__ = ["Row", "date_in_name", "read_headers", "read_rows"]

_WHO = ("account", "id_number", "phone", "name")
_LONGEST = 200
Meant = TypeVar("Meant")
_DATE_IN_NAME = re.compile(r"(?<!\d)(20\d\d)[-_.年]?(\d{1,2})[-_.月]?(\d{1,2})(?!\d)")


@dataclass(slots=True)
class Row:
    """A row about a person: what the platform says that the person did so far.

    Attributes:
        entry: whom it is about; its values go to the vault's comparison and nowhere else.
        school: as the row calls it, where the map has such a column.
        as_of: the date that the totals are of the end of; None where neither the row nor its sheet names one.
        totals: thousandths of the activity's unit, by activity.
        why: what keeps it from being used.
    """

    entry: Entry
    school: str = ""
    course_id: str = ""
    as_of: date | None = None
    totals: dict[str, int] = field(default_factory=dict)
    why: Reason | Why | None = None

    def refuse(self, why: Reason | Why | None) -> None:
        """Note a reason against the row; the first one stands."""
        self.why = self.why or why


def date_in_name(name: str) -> date | None:
    """The date that the name of a file or folder names, such as 2017-11-01, 20171101 or 2017年11月1日; None where it names none or several."""
    found = {date_of("-".join(match.groups()))[0] for match in _DATE_IN_NAME.finditer(name)} - {None}
    return found.pop() if len(found) == 1 else None


def read_headers(sheet: Sheet, is_known: Callable[[str], bool]) -> Sequence[str]:
    """What the columns of a sheet are called, as far as some are known; nothing of a sheet without any."""
    header = find_header(list(islice(iter(sheet.rows), HEAD_ROWS)), sheet.merged, is_known)
    return header.names if header is not None else ()


def read_rows(sheet: Sheet, totals_map: TotalsMap, read: SheetRead, dated: date | None) -> Iterator[Row]:
    """The rows of a sheet; ``read`` is filled before the first is given, and has no header where the sheet is no such table.

    Args:
        dated: the date of rows that name none; None: the one that stands above the columns.
    """
    rows = iter(sheet.rows)
    head = list(islice(rows, HEAD_ROWS))
    known = {plain(name) for name in (*totals_map.columns, *totals_map.totals)}
    header = find_header(head, sheet.merged, lambda name: plain(name) in known)
    if header is None:
        return
    fields = columns_of(
        header.names, {**dict.fromkeys(header.names, ""), **_as_written(header.names, totals_map.columns)}
    )
    totals = _as_written(header.names, totals_map.totals)
    places = {name: place for place, name in reversed(list(enumerate(header.names))) if name in totals}
    if not places or not set(_WHO) & fields.keys():
        return
    read.header = header
    read.free_column = max([len(header.names), *(area.right + 1 for area in sheet.merged)])
    read.columns = {**fields, **places}
    titles = [text_of(cell) for row in head[: header.first - 1] for cell in row if cell != ""]
    read.dated = date_in(titles)
    body = enumerate(chain(head[header.last :], rows), header.last + 1)
    names = {text_of(name) for name in header.names if name}
    for number, cells in body:
        cell = _reader(cells, fields)
        who = [text_of(cell(name)) for name in (*_WHO, "school")]
        is_long = any(len(text) > 6 for text in who[:3])
        if is_beside(cells, cell, fields, names, has_numbers=is_long) or not any(text_of(value) for value in cells):
            read.beside += any(text_of(value) for value in cells)
            continue
        row = _row(number, cell, dated or read.dated)
        row.refuse(None if any(who[:4]) else Reason.NO_PERSON)
        for name, place in places.items():
            activity, unit = totals[name]
            amount, why = amount_of(cells[place] if place < len(cells) else "", unit)
            row.refuse(why)
            if amount is not None:
                # Two columns of one activity, such as of live and of recorded lessons, are both of it.
                row.totals[activity] = row.totals.get(activity, 0) + amount
        row.refuse(None if row.totals else Reason.NOTHING_TOLD)
        yield row


def _as_written(names: Sequence[str], told: Mapping[str, Meant]) -> dict[str, Meant]:
    """What a map says of columns, by the columns' names as this file writes them."""
    plainly = {plain(name): meant for name, meant in told.items()}
    return {name: plainly[plain(name)] for name in names if name and plain(name) in plainly}


def _reader(row: Sequence[Cell], places: Mapping[str, int]) -> Callable[[str], Cell]:
    def cell(name: str) -> Cell:
        place = places.get(name)
        return row[place] if place is not None and place < len(row) else ""

    return cell


def _row(number: int, cell: Callable[[str], Cell], dated: date | None) -> Row:
    entry = Entry(number, account=text_of(cell("account")))
    row = Row(entry, school=text_of(cell("school")))
    entry.name, why = name_of(cell("name"))
    # Whoever is told by a number needs no name.
    row.refuse(None if why is Why.NO_NAME else why)
    entry.id_number, why = id_number_of(cell("id_number"))
    row.refuse(why)
    entry.phone, entry.is_mobile, _ = phone_of(cell("phone"))
    course = cell("course")
    row.course_id = identifier(text_of(course))
    if any(len(text) > _LONGEST for text in (entry.account, row.school, text_of(course))):
        row.refuse(Reason.TOO_LONG)
    told = cell("date")
    # A moment such as 2017-11-01 08:00 tells totals of that date.
    row.as_of, wrong = date_of(told.date() if isinstance(told, datetime) else told)
    row.refuse(Reason.WRONG_DATE if wrong is not None else None)
    row.as_of = row.as_of or dated
    return row
