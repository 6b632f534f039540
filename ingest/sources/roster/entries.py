"""A roster's sheets as entries: one for each row that is about a person, with what is wrong in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain, islice

from ingest.sources.roster.columns import columns_of, field_named, plain
from ingest.sources.roster.mapping import Mapped
from ingest.sources.roster.places import Groups, Labels
from ingest.sources.roster.values import Why, date_of, gender_of, id_number_of, name_of, phone_of, text_of
from ingest.sources.tables import Cell, Header, Sheet, find_header
from ingest.sources.tables.header import HEAD_ROWS

__all__ = ["Entry", "Places", "SheetRead", "date_in", "is_beside", "read_entries"]

_TOTALS = re.compile(r"^(?:合计|总计|小计|共计|总数|人数|total|subtotal|填表|制表|审核|负责人|备注|说明|注\d*$|联系人)")
_TITLE_DATE = re.compile(r"(\d{4})\s*[年./-]\s*(\d{1,2})\s*[月./-]\s*(\d{1,2})(?!\d)")
_LEAVING = re.compile(r"退|不参|取消|撤销|withdraw|dropped|tobedeleted|inactive")
_LONGEST = 200


@dataclass(slots=True)
class Entry:
    """A row about a person. The person's own values are never kept: they go to the vault, and hashes of them to the comparison.

    Attributes:
        row: its number in the sheet.
        why: what keeps it from being taken.
        notes: what of it is not taken.
        since: the date that the row, or else its sheet, speaks of; None where neither names one.
        leaves: it says that the person is out of the programme.
    """

    row: int
    name: str = ""
    id_number: str = ""
    phone: str = ""
    is_mobile: bool = False
    mail: str = ""
    account: str = ""
    gender: str | None = None
    county_id: str | None = None
    school_id: str | None = None
    school_stage: str | None = None
    subject_id: str | None = None
    class_id: str | None = None
    since: date | None = None
    leaves: bool = False
    why: Why | None = None
    notes: list[Why] = field(default_factory=list)

    def refuse(self, why: Why | None) -> None:
        """Note a reason against the row; the first one stands."""
        if why is not None and why.is_note:
            self.notes.append(why)
        elif self.why is None:
            self.why = why


@dataclass(slots=True)
class Places:
    """What rosters call counties, subjects, stages, schools and classes.

    Attributes:
        unmatched: by table of the mapping file, the texts that match nothing and how many rows have them.
    """

    counties: Labels
    subjects: Labels
    stages: Labels
    schools: Groups
    classes: Groups
    unmatched: dict[str, Counter[str]] = field(default_factory=dict)

    def match(self, table: str, labels: Labels, text: str) -> str | None:
        """The id that a text means; a text that means none is noted."""
        found = labels.find(text)
        if found is None:
            self.unmatched.setdefault(table, Counter())[text] += 1
        return found


@dataclass(slots=True)
class SheetRead:
    """What a sheet turned out to be.

    Attributes:
        header: None where no row names the columns of a roster: nothing was read.
        dated: the date that the lines above the columns name.
        free_column: the first column, from 0, right of all that is written or merged.
        beside: rows that are about nobody: totals, signatures, columns named again.
    """

    name: str
    header: Header | None = None
    columns: Mapping[str, int] = field(default_factory=dict)
    dated: date | None = None
    free_column: int = 0
    beside: int = 0

    @property
    def unused(self) -> list[str]:
        """The names of the columns that nothing was read from."""
        names = self.header.names if self.header else ()
        return [name for place, name in enumerate(names) if name and place not in self.columns.values()]


def read_entries(
    sheet: Sheet, mapped: Mapped, places: Places, read: SheetRead, as_of: date | None = None
) -> Iterator[Entry]:
    """The entries of a sheet; ``read`` is filled before the first is given.

    Args:
        as_of: the date that the sheet speaks of, whatever stands above its columns.
    """
    rows = iter(sheet.rows)
    head = list(islice(rows, HEAD_ROWS))
    told = {plain(name): meant for name, meant in mapped.columns.items()}

    def is_known(name: str) -> bool:
        return bool(told.get(plain(name), field_named(name)))

    read.header = find_header(head, sheet.merged, is_known)
    if read.header is None:
        return
    read.free_column = max([len(read.header.names), *(area.right + 1 for area in sheet.merged)])
    read.columns = columns_of(read.header.names, mapped.columns)
    if not {"name", "id_number", "phone", "account"} & read.columns.keys():
        read.header = None
        return
    titles = [text_of(cell) for row in head[: read.header.first - 1] for cell in row if cell != ""]
    read.dated = date_in(titles)
    county = _county_in([sheet.name, *titles], places.counties) or _only(places.counties)
    body = enumerate(chain(head[read.header.last :], rows), read.header.last + 1)
    yield from _entries(body, read, places, county, as_of or read.dated)


def date_in(texts: Iterable[str]) -> date | None:
    """The last date that some texts name; None where they name none."""
    found = [date_of("-".join(match.groups()))[0] for text in texts for match in _TITLE_DATE.finditer(text)]
    return next((day for day in reversed(found) if day is not None), None)


def _county_in(texts: Iterable[str], counties: Labels) -> str | None:
    """The county that a sheet's name or one part of a title is."""
    for text in texts:
        for part in re.split(r"[\s:：,，()（）]+", text):
            found = counties.find(part) if part else None
            if found is not None:
                return found
    return None


def _only(counties: Labels) -> str | None:
    return next(iter(counties.ids)) if len(counties.ids) == 1 else None


def _entries(
    rows: Iterable[tuple[int, Sequence[Cell]]], read: SheetRead, places: Places, county: str | None, dated: date | None
) -> Iterator[Entry]:
    columns = read.columns
    names = {text_of(name) for name in read.header.names if name} if read.header else set()

    def reader(row: Sequence[Cell]) -> Callable[[str], Cell]:
        def cell(name: str) -> Cell:
            place = columns.get(name)
            return row[place] if place is not None and place < len(row) else ""

        return cell

    for number, row in rows:
        cell = reader(row)
        who = [text_of(cell(name)) for name in ("name", "id_number", "phone", "account")]
        if not any(who) or is_beside(row, cell, columns, names, has_numbers=any(len(text) > 6 for text in who[1:])):
            read.beside += any(text_of(value) for value in row)
            continue
        yield _entry(number, cell, places, county, dated)


def is_beside(
    row: Sequence[Cell],
    cell: Callable[[str], Cell],
    columns: Mapping[str, int],
    names: Collection[str],
    *,
    has_numbers: bool,
) -> bool:
    """Whether a row is about nobody: sums of the rows above, signatures and remarks, the columns named again.

    Args:
        columns: the place of each field.
        names: what the columns are called.
        has_numbers: whether a cell that tells who somebody is holds a number long enough for that.
    """
    first = next((text for value in row if (text := text_of(value))), "")
    if not has_numbers and (_TOTALS.match(plain(first)) or _TOTALS.match(plain(text_of(cell("name"))))):
        return True
    return sum(text_of(cell(name)) in names for name in columns) > 1


def _entry(number: int, cell: Callable[[str], Cell], places: Places, county: str | None, dated: date | None) -> Entry:
    entry = Entry(
        number, gender=gender_of(cell("gender")), mail=text_of(cell("mail")), account=text_of(cell("account"))
    )
    entry.leaves = bool(_LEAVING.search(plain(text_of(cell("status")))))
    entry.name, why = name_of(cell("name"))
    entry.refuse(why)
    entry.id_number, why = id_number_of(cell("id_number"))
    entry.refuse(why)
    entry.phone, entry.is_mobile, why = phone_of(cell("phone"))
    entry.refuse(why)
    if not (entry.id_number or entry.is_mobile or entry.account):
        entry.refuse(Why.NO_IDENTITY)
    since, why = date_of(cell("since"))
    entry.refuse(why)
    entry.since = since or dated
    _place(entry, cell, places, county)
    if any(
        len(text) > _LONGEST for text in (entry.account, entry.mail, text_of(cell("school")), text_of(cell("class")))
    ):
        entry.refuse(Why.TOO_LONG)
    return entry


def _place(entry: Entry, cell: Callable[[str], Cell], places: Places, county: str | None) -> None:
    text = text_of(cell("county"))
    if not text and places.counties.find(city := text_of(cell("city"))):
        text = city  # a school of the city itself
    entry.county_id = places.match("counties", places.counties, text) if text else county
    if entry.county_id is None:
        entry.refuse(Why.UNKNOWN_COUNTY if text else Why.NO_COUNTY)
    for name, table, labels, why in (
        ("subject", "subjects", places.subjects, Why.UNKNOWN_SUBJECT),
        ("school_stage", "school_stages", places.stages, Why.UNKNOWN_STAGE),
    ):
        if text := text_of(cell(name)):
            found = places.match(table, labels, text)
            entry.refuse(why if found is None else None)
            if name == "subject":
                entry.subject_id = found
            else:
                entry.school_stage = found
    # A row that is not taken makes no school and no class known.
    if entry.county_id is not None and entry.why is None:
        if (text := text_of(cell("school"))) and len(text) <= _LONGEST:
            entry.school_id = places.schools.find(entry.county_id, text)
        if (text := text_of(cell("class"))) and len(text) <= _LONGEST:
            entry.class_id = places.classes.find(entry.county_id, text)
