"""JSON by the letter."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

from ingest.lrs.rules import BadStatement

__all__ = ["parse_json"]

_MOST_NESTED = 60
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class _Unfit(ValueError):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Unfit("a name comes twice in an object")
    return found


def _number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _Unfit("a number is too large")
    return value


def _constant(name: str) -> Any:
    raise _Unfit(f"{name} is not JSON")


def _check_depth(node: Any) -> None:
    """Level by level: whoever walks what was let in may do so by recursion."""
    level, depth = [node], 0
    while level:
        level = [
            value
            for one in level
            for value in (one.values() if type(one) is dict else one)
            if type(value) is dict or type(value) is list
        ]
        depth += 1
        if depth > _MOST_NESTED:
            raise BadStatement("", f"nested more than {_MOST_NESTED} deep")


_decoder = json.JSONDecoder(object_pairs_hook=_once, parse_float=_number, parse_constant=_constant)


def _quickly(body: bytes) -> Any:
    """The same by a decoder that is many times as fast, but lets names come twice: then fewer quotes are left than there were.

    Raises:
        ValueError, RecursionError: it is not, or it cannot be told: a quote is escaped by its number.
    """
    found = _decode(body)
    if b"\\u0022" in body or _encode(found).count(b'"') != body.count(b'"'):
        raise _Unfit
    return found


def parse_json(body: bytes) -> Any:
    """JSON by the letter: UTF-8, each name once, no half characters.

    Raises:
        BadStatement: it is not.
    """
    try:
        found = _quickly(body)
    except (ValueError, RecursionError):
        found = _slowly(body)
    if body.count(b"{") + body.count(b"[") > _MOST_NESTED:
        _check_depth(found)
    return found


def _slowly(body: bytes) -> Any:
    """By the decoder that tells what is wrong, and where."""
    try:
        text = body.decode("utf-8")
        found = _decoder.decode(text)
        if "\\ud" in text.lower():
            json.dumps(found, ensure_ascii=False).encode()
    except UnicodeDecodeError:
        raise BadStatement("", "not UTF-8") from None
    except UnicodeEncodeError:
        raise BadStatement("", "half of a surrogate pair") from None
    except json.JSONDecodeError as error:
        raise BadStatement("", f"not JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise BadStatement("", "nested too deeply") from None
    except ValueError as error:
        raise BadStatement("", str(error) if isinstance(error, _Unfit) else "a number is too long") from None
    return found
