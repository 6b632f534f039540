"""JSON by the letter."""

from __future__ import annotations

import json
import math
from typing import Any

from ingest.lrs.rules import BadStatement

__all__ = ["parse_json"]

_MOST_NESTED = 60


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
            for value in (one.values() if isinstance(one, dict) else one)
            if isinstance(value, (dict, list))
        ]
        depth += 1
        if depth > _MOST_NESTED:
            raise _Unfit(f"nested more than {_MOST_NESTED} deep")


_decoder = json.JSONDecoder(object_pairs_hook=_once, parse_float=_number, parse_constant=_constant)


def parse_json(body: bytes) -> Any:
    """JSON by the letter: UTF-8, each name once, no half characters.

    Raises:
        BadStatement: it is not.
    """
    try:
        text = body.decode("utf-8")
        found = _decoder.decode(text)
        if "\\ud" in text.lower():
            json.dumps(found, ensure_ascii=False).encode()
        if text.count("{") + text.count("[") > _MOST_NESTED:
            _check_depth(found)
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
