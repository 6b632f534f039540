"""Numbers as they were written: what a double would not give back is kept as its text."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import msgspec

__all__ = ["decode", "exact", "has_signed_zero", "number_value", "written_float", "written_int"]

_encode = msgspec.json.Encoder().encode
_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
_SIGNED_ZERO = re.compile(rb"-0(?:[\s,\]}]|\Z)")


def written_float(text: str) -> float | msgspec.Raw:
    """A number with a fraction or an exponent: a double, or its text where a double would be written otherwise.

    Encoders write the text as it is; who compares asks :func:`exact` or :func:`number_value`.
    """
    value, written = float(text), text.encode()
    return value if _encode(value) == written else msgspec.Raw(written)


def written_int(text: str) -> int | msgspec.Raw:
    """A number without: of whole numbers in Python zero has no sign.

    Raises:
        ValueError: it has thousands of digits.
    """
    return msgspec.Raw(b"-0") if text == "-0" else int(text)


def has_signed_zero(body: bytes) -> bool:
    """Whether a zero may have a sign there; a text that looks so makes it yes, too."""
    return _SIGNED_ZERO.search(body) is not None


_quickly = msgspec.json.Decoder(float_hook=written_float).decode
_slowly = json.JSONDecoder(parse_float=written_float, parse_int=written_int).decode


def decode(body: bytes) -> Any:
    """JSON that was checked before, its numbers as they were written.

    Raises:
        ValueError: it is no JSON.
    """
    return _slowly(body.decode()) if has_signed_zero(body) else _quickly(body)


def exact(number: float | msgspec.Raw) -> Decimal:
    """A number's value, whatever keeps it."""
    return Decimal(bytes(number).decode()) if isinstance(number, msgspec.Raw) else Decimal(number)


def number_value(number: float | msgspec.Raw) -> tuple[str, int]:
    """Which number it is: its digits without zeros around them, and the power of ten; 1, 1.0 and 1e0 are one.

    Of what was written, not of the double next to it.
    """
    found = _NUMBER.fullmatch(_encode(number).decode())
    assert found is not None
    sign, whole, rest, power = found.groups("")
    digits = (whole + rest).lstrip("0")
    kept = digits.rstrip("0")
    return (sign + kept, int(power or 0) - len(rest) + len(digits) - len(kept)) if kept else ("0", 0)
