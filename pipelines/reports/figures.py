"""Rates as they are printed: from whole counts, half up, never through a binary fraction."""

from __future__ import annotations

import re

__all__ = ["NO_VALUE", "clean_text", "count_text", "percent"]

#: Control characters, which crash renderers, and marks that turn the direction of the text around them.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")

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


def clean_text(text: str) -> str:
    """What somebody wrote, without what would break or turn around what stands beside it."""
    return _CONTROL.sub("", text)


def count_text(count: int) -> str:
    """A whole number with its thousands set apart."""
    return f"{count:,}"
