"""Printed figures beside those that the events give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from pipelines.audit.possible import printed_share
from pipelines.audit.printed import Printed
from pipelines.words import Share

__all__ = ["Compared", "Comparison", "compared"]


@dataclass(frozen=True, slots=True)
class Compared:
    """A printed figure, what the events give printed alike (None: they cannot tell), and by how much it differs."""

    figure: str
    recomputed: str | None
    difference: Decimal | None
    agrees: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Figures of a report beside those of a programme's events."""

    programme_id: str
    as_of: date
    is_simulated: bool
    rows: Sequence[Compared]


def compared(name: str, printed: Printed, found: int | Decimal | Share | None) -> Compared:
    """``printed`` beside what the events give, which is rounded as it was printed."""
    if isinstance(found, Share) and not printed.is_percent:
        found = found.numerator
    if isinstance(found, Share):
        if not found.denominator or found.numerator is None:
            return Compared(name, None, None, False)
        text = printed_share(found.numerator, found.denominator, printed.decimals)
        exact = Fraction(100 * found.numerator, found.denominator)
    elif found is None or printed.is_percent or printed.is_date:
        return Compared(name, None, None, False)
    else:
        text, exact = f"{found:,}", Fraction(found)
    agrees = printed.low <= exact <= printed.high
    difference = Decimal(text.rstrip("%").replace(",", "")) - printed.value
    return Compared(name, text, difference, agrees)
