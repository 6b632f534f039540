"""Numbers as they were printed. They stay texts, because trailing zeros say how they were rounded."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import cached_property

import msgspec

from warehouse.errors import BadConfiguration

__all__ = ["Printed"]

_ABOUT = re.compile(
    r"^(?:about|around|approximately|approx\.?|circa|ca\.|nearly|almost|some|over|more than|around|~|≈|约|大约|大概|近|将近|超过|逾)\s*",
    re.IGNORECASE,
)
#: What a Chinese number ends with that is a little more than it: 300余人.
_ODD = re.compile(r"(?:余|多)(?=\D*$)")
#: What is counted may stand behind the number.
_COUNTED = re.compile(
    r"\s*(?:人次|人|名|个|份|篇|条|门|学时|分钟|分|天|次|所|期|张|people|learners|items|points|minutes|hours)\s*$"
)
_NUMBER = re.compile(r"([+-]?)(\d{1,3}(?:[, ]\d{3})+|\d+)(\.\d+)?\s*(万|亿)?\s*(%|‰)?")
_DAY = re.compile(r"(\d{4})(?:-|/|\.|年)(\d{1,2})(?:-|/|\.|月)(\d{1,2})日?")
_MYRIADS = {None: 0, "万": 4, "亿": 8}


class Printed(msgspec.Struct, frozen=True, dict=True):
    """A number, a percentage or a date (days since year 1) as it was printed.

    Attributes:
        decimals: digits behind the point that say something; −3 for 1.2万.
        is_about: said to be about so many: nothing exact follows from it.
    """

    text: str
    value: Decimal
    decimals: int
    is_percent: bool = False
    is_about: bool = False
    is_date: bool = False

    @classmethod
    def parse(cls, text: str, *, is_percent: bool = False) -> Printed:
        """Read it: full-width digits, thousands separators, 万 and 亿, ‰, "about", dates in Chinese or ISO form.

        Args:
            is_percent: its column is one of percentages, whose sign may be left out.

        Raises:
            BadConfiguration: it is no number.
        """
        plain = (
            unicodedata.normalize("NFKC", text).strip().replace("−", "-").replace("\u2009", " ").replace("\u202f", " ")
        )
        day = _DAY.fullmatch(plain)
        if day is not None:
            try:
                return cls(text, Decimal(date(*map(int, day.groups())).toordinal()), 0, is_date=True)
            except ValueError as error:
                raise BadConfiguration(f"{text!r} is no date") from error
        number = _ABOUT.sub("", plain)
        about = number != plain
        number, odd = _ODD.subn("", _COUNTED.sub("", number))
        found = _NUMBER.fullmatch(number.strip())
        if found is None:
            raise BadConfiguration(f"{text!r} is no printed number such as 6,983, 98.99% or 约300人")
        sign, whole, fraction, myriads, per = found.groups()
        power = _MYRIADS[myriads] - (1 if per == "‰" else 0)
        try:
            value = Decimal(f"{sign}{re.sub('[, ]', '', whole)}{fraction or ''}").scaleb(power)
        except InvalidOperation as error:
            raise BadConfiguration(f"{text!r} has too many digits") from error
        decimals = len(fraction or ".") - 1 - power
        return cls(text, value, decimals, is_percent or bool(per), about or bool(odd))

    @cached_property
    def units(self) -> int:
        """Its value in units of its last digit."""
        return int(self.value.scaleb(self.decimals))

    @cached_property
    def low(self) -> Fraction:
        """The least that prints so: a count printed in full stands for itself, all else for half a last digit more or less."""
        return self._end(-1)

    @cached_property
    def high(self) -> Fraction:
        """The most that prints so, however ties are rounded."""
        return self._end(1)

    def _end(self, sign: int) -> Fraction:
        slack = 0 if self.is_whole else sign
        return Fraction(2 * self.units + slack, 2) / Fraction(10) ** self.decimals

    @property
    def is_whole(self) -> bool:
        """Whether it counts something, to the last."""
        return self.decimals == 0 and not self.is_percent

    def with_units(self, units: int) -> Printed:
        """The number of so many units of the last digit, printed alike."""
        value = Decimal(units).scaleb(-self.decimals)
        if self.is_date:
            return Printed(date.fromordinal(max(1, units)).isoformat(), value, 0, is_date=True)
        text = f"{value:,f}" if self.decimals > 0 or self.value >= 10_000 or "," in self.text else f"{value:f}"
        return Printed(text + ("%" if re.search("[%％]", self.text) else ""), value, self.decimals, self.is_percent)

    @property
    def printable(self) -> range:
        """The units of every number with as many digits: percentages from 0 to 100."""
        if self.is_percent:
            return range(100 * 10 ** max(0, self.decimals) + 1)
        digits = len(str(abs(self.units)))
        return range(0 if digits == 1 else 10 ** (digits - 1), 10**digits)
