"""Rates as they are printed: from whole counts, half up, never through a binary fraction."""

from __future__ import annotations

__all__ = ["NO_VALUE", "count_text", "percent"]

#: An empty denominator has no rate, and never 0.
NO_VALUE = "–"


def percent(numerator: int, denominator: int, decimals: int = 2) -> str:
    """``numerator`` of ``denominator`` in percent, half up to ``decimals``; a dash for an empty denominator."""
    if denominator == 0:
        return NO_VALUE
    scale = 10**decimals
    units = (numerator * 100 * scale * 2 + denominator) // (2 * denominator)
    whole, part = divmod(units, scale)
    return f"{whole}.{part:0{decimals}d}" if decimals else str(whole)


def count_text(count: int) -> str:
    """A whole number with its thousands set apart."""
    return f"{count:,}"
