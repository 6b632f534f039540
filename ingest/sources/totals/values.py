"""Cells of a table of totals as amounts, in thousandths of the activity's unit."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache

from ingest.sources.roster.values import text_of
from ingest.sources.tables import Cell

__all__ = ["UNITS", "Finding", "Reason", "amount_of"]


class Finding(StrEnum):
    """What a row of a table of totals comes to."""

    USED = "used"
    CORRECTED = "corrected"
    SAME = "same"
    TWICE = "twice"
    UNCLEAR = "unclear"
    NOT_FOUND = "not_found"
    SET_ASIDE = "set_aside"


class Reason(StrEnum):
    """Why a row was not used, beside what may be wrong with whom it is about."""

    NOT_FOUND = "not_found"
    NO_ENROLMENT = "no_enrolment"
    NO_PERSON = "no_person"
    SEVERAL_NAMESAKES = "several_namesakes"
    SEVERAL_ENROLMENTS = "several_enrolments"
    WRONG_NUMBER = "wrong_number"
    NOTHING_TOLD = "nothing_told"
    WRONG_DATE = "wrong_date"
    FUTURE_DATE = "future_date"
    TWICE = "twice"
    OTHER_TOTALS = "other_totals"
    TOO_LONG = "too_long"


#: Unit of a column → what its totals are of (the vocabulary's words), and how much one is.
UNITS = {
    "seconds": ({"seconds"}, Decimal(1)),
    "minutes": ({"seconds"}, Decimal(60)),
    "hours": ({"seconds"}, Decimal(3600)),
    "HH:MM:SS": ({"seconds"}, None),
    "HH:MM": ({"seconds"}, None),
    "count": ({"events", "things", "clicks"}, Decimal(1)),
    "points": ({"points"}, Decimal(1)),
    "score": ({"percent"}, Decimal(1)),
}
#: What says that there is no total; a platform that means zero says 0.
_NONE = frozenset({"", "-", "--", "—", "——", "/", "无", "n/a"})
_CLOCKS = {
    "HH:MM:SS": re.compile(r"(?P<h>\d{1,6}):(?P<m>[0-5]?\d):(?P<s>[0-5]?\d(?:\.\d+)?)"),
    "HH:MM": re.compile(r"(?P<h>\d{1,6}):(?P<m>[0-5]?\d)"),
}
_WORDS = re.compile(
    r"(?:(?P<d>\d+)(?:天|d))?(?:(?P<h>\d+)(?:个?小时|时|h))?(?:(?P<m>\d+)(?:分钟|分|min|m))?(?:(?P<s>\d+(?:\.\d+)?)(?:秒钟?|s))?"
)
_SECONDS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_COMMAS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_NUMBER = re.compile(r"\d{1,12}(?:\.\d{1,15})?(?:E[+-]?\d{1,2})?")
#: The largest total that an event may tell, in thousandths.
_MOST = 100_000_000_000
#: The day from which spreadsheets count, so that 25 hours are one o'clock of the day after.
_BEGIN = datetime.fromisoformat("1899-12-30")


@lru_cache(maxsize=1 << 15, typed=True)
def amount_of(cell: Cell, unit: str) -> tuple[int | None, Reason | None]:
    """A total in thousandths of seconds, times, points or percent (tables say the same few over and over); None where the cell tells none, with the reason where it tells something else."""
    text = text_of(cell) if isinstance(cell, str) else ""
    if isinstance(cell, str) and text.casefold() in _NONE:
        return None, None
    factor = UNITS[unit][1]
    if isinstance(cell, bool):
        amount = None
    elif isinstance(cell, timedelta | time | datetime | date):
        amount = _of_a_time(cell) if "seconds" in UNITS[unit][0] else None
    elif isinstance(cell, float | int):
        amount = Decimal(repr(cell)) * factor if factor is not None and cell == cell and abs(cell) < _MOST else None
    else:
        amount = _of_a_text(text, unit, factor)
    if amount is None or amount < 0 or (unit == "count" and amount % 1) or (unit == "score" and amount > 100):
        return None, Reason.WRONG_NUMBER
    thousandths = int((amount * 1000).to_integral_value())
    return (thousandths, None) if thousandths <= _MOST else (None, Reason.WRONG_NUMBER)


def _of_a_time(cell: timedelta | time | date) -> Decimal | None:
    """Seconds of a duration as a workbook keeps it."""
    if isinstance(cell, timedelta):
        return Decimal(repr(cell.total_seconds()))
    if isinstance(cell, time):
        return Decimal(cell.hour * 3600 + cell.minute * 60 + cell.second)
    if isinstance(cell, datetime) and cell.year <= 1900:
        return Decimal(repr((cell - _BEGIN).total_seconds()))
    return None


def _of_a_text(text: str, unit: str, factor: Decimal | None) -> Decimal | None:
    if "seconds" in UNITS[unit][0]:
        clock = _CLOCKS.get(unit, _CLOCKS["HH:MM:SS"]).fullmatch(text)
        parts = clock or _WORDS.fullmatch(text.replace(" ", "").casefold())
        if parts is not None and any(parts.groups()):
            return sum((Decimal(n) * _SECONDS[name] for name, n in parts.groupdict().items() if n), Decimal(0))
    number = text.replace(",", "") if _COMMAS.fullmatch(text) else text
    if unit == "score":
        number = number.removesuffix("分").removesuffix("%").strip()
    if factor is None or not _NUMBER.fullmatch(number.upper()):
        return None
    try:
        return Decimal(number) * factor
    except InvalidOperation:
        return None
