"""Reads the rows of a table by a map."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from itertools import chain, islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ingest.events import format_time
from ingest.lrs.standard.agents import account_of
from ingest.sources.entries import LogEntry, identifier
from ingest.sources.ids import Alike
from ingest.sources.mapped.map import WHO, Cells, LogMap
from ingest.sources.moodle.times import Times
from ingest.sources.recorded import RecordedTimes
from ingest.sources.report import LINES, SetAside
from ingest.sources.tables.header import HEAD_ROWS, find_header
from ingest.sources.tables.reading import Cell, read_sheets
from warehouse.errors import BadSource

__all__ = ["read_mapped"]

_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d{1,2}(?:\.\d+)?)")
#: What exports write where there is nothing.
_BLANK = frozenset({"-", "–", "—", "/"})
_MOST_S, _MOST_GRADE, _MOST_CHARACTERS = 86_400.0, 100.0, 1_000_000
#: What the vault calls people by these, as rosters do.
_PREFIXES = {"account": "account:", "id_number": "id-number:", "phone": "mobile:"}


def read_mapped(
    file: Path, aside: SetAside, log_map: LogMap, zone: ZoneInfo, as_of: date | None = None
) -> Generator[LogEntry, None, None]:
    """The entries of a table, of every sheet that has the map's columns. An account is what the vault calls the person by.

    Args:
        aside: takes the rows that are no entry, each with its reason.
        zone: of times without one.
        as_of: the day of a wide table, whose rows have no time: what its cells say was so at the end of it.

    Raises:
        BadSource: the file cannot be read, or no sheet has the columns.
    """
    is_there = False
    is_past = "recorded" in log_map.columns.values()
    recorded = RecordedTimes("recorded", "at", datetime.now(UTC)) if is_past else None
    for sheet in read_sheets(file):
        rows = iter(sheet.rows)
        head = list(islice(rows, HEAD_ROWS))
        header = find_header(head, sheet.merged, lambda name: name in log_map.columns, at_least=len(log_map.columns))
        if header is None:
            continue
        is_there = True
        places = {log_map.columns[name]: i for i, name in enumerate(header.names) if name in log_map.columns}
        reader = _Rows(log_map, places, Times(zone, log_map.dates), zone, as_of, recorded)
        wide = [
            (place, thing, cells)
            for place, name in enumerate(header.names)
            for cells in log_map.cells
            if name not in log_map.columns and (thing := cells.thing(name)) is not None
        ]
        if log_map.cells and not wide:
            raise BadSource(f"{file.name}: no column is like {', '.join(c.header.pattern for c in log_map.cells)}")
        for row in chain(head[header.last :], rows):
            if not any(cell not in ("", None) for cell in row):
                continue
            if log_map.cells:
                yield from _of_cells(row, wide, reader, aside)
                continue
            aside.report.rows[LINES] += 1
            entry = reader.entry(row)
            if isinstance(entry, str):
                aside(",".join(map(str, row)), entry)
            else:
                yield entry
    if recorded is not None:
        aside.report.claims += recorded.told()
    if not is_there:
        raise BadSource(f"{file.name} has no sheet with the columns {', '.join(log_map.columns)} of the map")


def _of_cells(
    row: Sequence[Cell], wide: Sequence[tuple[int, str, Cells]], reader: _Rows, aside: SetAside
) -> Iterator[LogEntry]:
    """The entries of a row of a wide table, one for each cell that tells of a deed; each counts as a line."""
    for place, thing, cells in wide:
        cell = row[place] if place < len(row) else ""
        text = _text(cell)
        if not text or text in _BLANK or (cells.only and text not in cells.only):
            continue
        aside.report.rows[LINES] += 1
        entry = reader.entry(row, {"event": cells.event, "object": thing, cells.value: cell})
        if not isinstance(entry, str) and cells.value not in ("result", *entry.values) and cells.value != "minutes":
            entry = f"no such {cells.value}"
        if isinstance(entry, str):
            aside(text, entry)
        else:
            yield entry


class _Rows:
    def __init__(
        self, log_map: LogMap, places: Mapping[str, int], times: Times, zone: ZoneInfo, as_of: date | None,
        recorded: RecordedTimes | None,
    ) -> None:  # fmt: skip
        self._map, self._places, self._times, self._zone, self._as_of = log_map, places, times, zone, as_of
        self._recorded = recorded
        self._alike = Alike()

    def entry(self, row: Sequence[Cell], told: Mapping[str, Cell] | None = None) -> LogEntry | str:
        """The entry of a row, or of a cell of it that tells ``told``; or why it is none."""
        cells = {field: row[place] if place < len(row) else "" for field, place in self._places.items()} | dict(
            told or {}
        )
        try:
            at = self._instant(cells["at"]) if "at" in cells else self._end_of_the_day()
        except (ValueError, OverflowError):
            return "no such time"
        recorded_us = self._recorded_us(cells, at)
        if isinstance(recorded_us, str):
            return recorded_us
        who = next(((name, text) for name in WHO if (text := _text(cells.get(name, "")))), None)
        if who is None:
            return "says nobody"
        name, text = who
        if name == "account" and self._map.home_page:
            account = account_of({"account": {"homePage": self._map.home_page, "name": text}}) or ""
        else:
            account = f"{_PREFIXES[name]}{text}"
        texts = {field: _text(cells.get(field, "")) for field in ("event", "course", "object", "kind", "origin", "id")}
        event = texts["event"] or self._map.event
        if not event:
            return "says no event"
        values = _values(cells)
        number = texts["id"]
        said = "\x1f".join(
            (text, event, texts["course"], texts["object"], *(f"{k}={v}" for k, v in sorted(values.items())))
        )
        if told is not None:
            # A wide table says the same of the same day once, however often it is exported.
            identity = f"{at}\x1f{said}"
        else:
            identity = f"id {number}" if number else self._alike.numbered(at, said)
        return LogEntry(
            identity, (event,), at, account, "", identifier(texts["course"]), identifier(texts["object"]), identifier(texts["kind"]),
            texts["origin"], values, recorded_us=recorded_us,
        )  # fmt: skip

    def _recorded_us(self, cells: Mapping[str, Cell], at: str) -> int | str | None:
        """When the row was first recorded, or why what it claims makes no sense; None where the table does not say."""
        if self._recorded is None:
            return None
        try:
            claimed = self._instant(cells["recorded"]) if _text(cells["recorded"]) else None
        except (ValueError, OverflowError):
            return "no such time of recording"
        found = self._recorded.read({"recorded": claimed, "at": at})
        if isinstance(found, int):
            self._recorded.note(self._map.platform, found)
        return found

    def _end_of_the_day(self) -> str:
        assert self._as_of is not None
        return format_time(datetime.combine(self._as_of, time_of_day(23, 59, 59), self._zone))

    def _instant(self, cell: Cell) -> str:
        if isinstance(cell, datetime):
            return format_time(cell if cell.tzinfo else cell.replace(tzinfo=self._zone))
        if isinstance(cell, date):
            return format_time(datetime.combine(cell, time_of_day(12), self._zone))
        text = str(cell).strip()
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return self._times.read(text)
        return format_time(moment if moment.tzinfo else moment.replace(tzinfo=self._zone))


def _values(cells: Mapping[str, Cell]) -> dict[str, Any]:
    """What a row tells besides; a number that an event cannot have is told by none."""
    found: dict[str, Any] = {}
    seconds = _seconds(cells.get("seconds", ""), 1)
    seconds = _seconds(cells.get("minutes", ""), 60) if seconds is None else seconds
    if seconds is not None and 0 <= seconds <= _MOST_S:
        found["seconds"] = round(seconds, 3)
    grade = _number(cells.get("grade", ""))
    if grade is not None and 0 <= grade <= _MOST_GRADE:
        found["grade"] = grade
    characters = _number(cells.get("characters", ""))
    if characters is not None and 0 <= characters <= _MOST_CHARACTERS:
        found["characters"] = int(characters)
    if result := identifier(_text(cells.get("result", ""))):
        found["result"] = result
    return found


def _text(cell: Cell) -> str:
    """A cell as text; a spreadsheet keeps whole numbers as 818.0."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def _number(cell: Cell) -> float | None:
    if isinstance(cell, bool | date | time_of_day | timedelta):
        return None
    try:
        return float(str(cell).strip().removesuffix("%"))
    except ValueError:
        return None


def _seconds(cell: Cell, unit: int) -> float | None:
    """Seconds of a cell: a number of units, a clock such as 1:02:03 or 02:03, or a spreadsheet's time."""
    if isinstance(cell, timedelta):
        return cell.total_seconds()
    if isinstance(cell, time_of_day):
        return cell.hour * 3600.0 + cell.minute * 60 + cell.second
    clock = _CLOCK.fullmatch(str(cell).strip())
    if clock is not None:
        hours, minutes, seconds = clock.groups()
        return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds)
    number = _number(cell)
    return None if number is None else number * unit
