"""Bytes as JSON: the one place that says what they mean.

The collector, the importers, the statement endpoint, the index and the sink all read through here. JSON leaves open what a name
that comes twice in an object means, and parsers answer otherwise: a record that one reader takes for one thing and another for
another is a way to forge. Here such bytes are no JSON.
"""

from __future__ import annotations

import json
import math
import re
from enum import Enum
from typing import Any

import msgspec

from ingest.events.numbers import has_signed_zero, written_float, written_int

__all__ = ["MOST_NESTED", "Fault", "NotReadable", "read_json"]

#: Whoever walks what was read may do so by recursion.
MOST_NESTED = 100
#: A number of so many digits in its exponent is a way to have others calculate.
_LONG_EXPONENT = re.compile(r"[eE][+-]?[0-9]{10}")
_encode = msgspec.json.Encoder().encode


class Fault(Enum):
    """Why bytes are no JSON."""

    NOT_UTF8 = "not UTF-8"
    NOT_JSON = "not JSON"
    REPEATED_NAME = "a name comes twice in an object"
    TOO_DEEP = "nested too deeply"


class NotReadable(ValueError):
    """Bytes are no JSON: the fault, and where or why. No value is repeated: it may be a name."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(f"{fault.value}: {detail}" if detail else fault.value)
        self.fault, self.detail = fault, detail


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NotReadable(Fault.REPEATED_NAME)
    return found


def _number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise NotReadable(Fault.NOT_JSON, "a number is too large")
    return value


def _number_as_written(text: str) -> float | msgspec.Raw:
    _number(text)
    if _LONG_EXPONENT.search(text):
        raise NotReadable(Fault.NOT_JSON, "a number is too long")
    return written_float(text)


def _constant(name: str) -> Any:
    raise NotReadable(Fault.NOT_JSON, f"{name} is not JSON")


#: By whether numbers stay as they were written: decoders that are many times as fast, and those that tell what is wrong.
_QUICK = {
    False: msgspec.json.Decoder().decode,
    True: msgspec.json.Decoder(float_hook=_number_as_written).decode,
}
_CAREFUL = {
    False: json.JSONDecoder(object_pairs_hook=_each_once, parse_float=_number, parse_constant=_constant),
    True: json.JSONDecoder(
        object_pairs_hook=_each_once, parse_float=_number_as_written, parse_int=written_int, parse_constant=_constant
    ),
}


def read_json(body: bytes, *, most_nested: int = MOST_NESTED, as_written: bool = False) -> Any:
    """The one value that ``body`` is: UTF-8, each name once in its object, no half characters, numbers that a double can hold.

    Args:
        most_nested: objects and lists within one another at most.
        as_written: numbers that a double would not give back as they were written are kept so (see :mod:`ingest.events.numbers`).

    Raises:
        NotReadable: it is not.
    """
    try:
        found = _quickly(body, as_written=as_written)
    except (ValueError, RecursionError):
        found = _carefully(body, decoder=_CAREFUL[as_written])
    if body.count(b"{") + body.count(b"[") > most_nested:
        _check_depth(found, most_nested)
    return found


def _quickly(body: bytes, *, as_written: bool) -> Any:
    """The same where names come once, told by quotes: there would be fewer of them than there were.

    Raises:
        ValueError, RecursionError: it is not, or it cannot be told: a quote is escaped by its number, or a zero has a sign.
    """
    found = _QUICK[as_written](body)
    if b"\\u0022" in body or _encode(found).count(b'"') != body.count(b'"'):
        raise ValueError
    if as_written and has_signed_zero(body):
        raise ValueError
    return found


def _carefully(body: bytes, *, decoder: json.JSONDecoder) -> Any:
    """The same by a decoder that tells what is wrong, and where."""
    try:
        text = body.decode("utf-8")
        found = decoder.decode(text)
        if "\\ud" in text.lower():
            _encode(found)
    except UnicodeDecodeError as error:
        raise NotReadable(Fault.NOT_UTF8, f"at byte {error.start}") from None
    except UnicodeEncodeError:
        raise NotReadable(Fault.NOT_JSON, "half of a surrogate pair") from None
    except json.JSONDecodeError as error:
        raise NotReadable(Fault.NOT_JSON, f"{error.msg} at character {error.pos}") from None
    except RecursionError:
        raise NotReadable(Fault.TOO_DEEP) from None
    except NotReadable:
        raise
    except ValueError:  # an integer of thousands of digits
        raise NotReadable(Fault.NOT_JSON, "a number is too long") from None
    return found


def _check_depth(node: Any, most: int) -> None:
    """Level by level: what is nested to the limit of recursion may not be walked by recursion."""
    level, depth = [node], 0
    while level:
        level = [
            value
            for one in level
            for value in (one.values() if type(one) is dict else one if type(one) is list else ())
            if type(value) is dict or type(value) is list
        ]
        depth += 1
        if depth > most:
            raise NotReadable(Fault.TOO_DEEP, f"more than {most} levels")
