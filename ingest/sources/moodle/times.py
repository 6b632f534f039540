"""The times of Moodle's reports: as its language pack writes them, in the zone of whoever exported them, without that zone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from ingest.events import format_time

__all__ = ["Order", "Times", "order_of"]

#: Which of a date's three numbers comes first.
Order = Literal["dmy", "mdy", "ymd"]
_PARTS = re.compile(r"\d+|[^\W\d_]+")
_MONTHS = {
    name: number
    for number, name in enumerate(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)
}  # fmt: skip
_AFTERNOON, _MORNING = frozenset({"pm", "下午"}), frozenset({"am", "上午"})
#: Texts of times that are remembered: those of one file come by the minute, in order.
_KEPT = 20_000


def _numbers(text: str) -> list[str]:
    return [part for part in _PARTS.findall(text) if part.isdigit()]


def order_of(texts: Iterable[str]) -> Order | None:
    """The order of the numbers in dates; None where all of them could be read in two ways.

    Raises:
        ValueError: some can only have the day first and others only the month.
    """
    found: set[Order] = set()
    for text in texts:
        numbers = _numbers(text)
        if len(numbers) < 5:
            continue
        if len(numbers[0]) == 4:
            found.add("ymd")
        elif int(numbers[0]) > 12:
            found.add("dmy")
        elif int(numbers[1]) > 12:
            found.add("mdy")
    if len(found) > 1:
        raise ValueError
    return found.pop() if found else None


class Times:
    """Reads the times of one file."""

    def __init__(self, zone: ZoneInfo, order: Order | None) -> None:
        self._zone, self._order = zone, order
        self._known: dict[str, str] = {}

    def read(self, text: str) -> str:
        """The instant in RFC 3339.

        Raises:
            ValueError: no such time.
        """
        known = self._known.get(text)
        if known is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            known = self._known[text] = format_time(self._read(text))
        return known

    def _read(self, text: str) -> datetime:
        parts = _PARTS.findall(text.lower())
        numbers = [int(part) for part in parts if part.isdigit()]
        month = next((_MONTHS[part[:3]] for part in parts if part[:3] in _MONTHS and not part.isdigit()), None)
        if month is not None and len(numbers) >= 4:
            first, second, *clock = numbers
            day, year = (second, first) if first > 31 else (first, second)
        elif len(numbers) >= 5 and self._order is not None:
            first, second, third, *clock = numbers
            year, month, day = {
                "dmy": (third, second, first), "mdy": (third, first, second), "ymd": (first, second, third)
            }[self._order]  # fmt: skip
        else:
            raise ValueError("no date with a year")
        hour, minute, second = (*clock, 0)[:3]
        if not _AFTERNOON.isdisjoint(parts):
            hour = hour % 12 + 12
        elif not _MORNING.isdisjoint(parts):
            hour %= 12
        return datetime(year + 2000 if year < 100 else year, month, day, hour, minute, second, tzinfo=self._zone)
