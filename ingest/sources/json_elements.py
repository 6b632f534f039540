"""The elements of JSON that may be one list of gigabytes, lists in lists, or one object a line; never more of it in memory than one element."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from warehouse.errors import BadSource

__all__ = ["json_elements", "json_texts"]

#: Characters of one element, at most.
_MOST_CHARACTERS = 4_000_000
_BETWEEN = re.compile(r"[\s,\]]*")
#: An opening bracket that holds elements, not values: an element begins with a brace, or is a row of texts.
_HOLDS = re.compile(r"\[\s*(?=[\[{\]])")
_decode = json.JSONDecoder().raw_decode


def json_elements(chunks: Iterable[bytes], name: str) -> Iterator[Any]:
    """The objects, and the rows that are lists of values, in ``chunks`` of JSON.

    Raises:
        BadSource: it is no JSON from some character on; after the last element that could be read.
    """
    return (element for element, _ in _elements(chunks, name, "replace"))


def json_texts(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """The same elements as they are written, byte for byte: who reads them sees numbers, repeated names and faults of encoding.

    Raises:
        BadSource: as :func:`json_elements`.
    """
    return (text.encode("utf-8", "surrogateescape") for _, text in _elements(chunks, name, "surrogateescape"))


def _elements(chunks: Iterable[bytes], name: str, errors: str) -> Iterator[tuple[Any, str]]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")(errors)
    buffer, place, passed = "", 0, 0
    source = iter(chunks)
    is_whole = False
    while True:
        place = _BETWEEN.match(buffer, place).end()  # type: ignore[union-attr]
        opening = _HOLDS.match(buffer, place)
        if opening:
            place = opening.end()
            continue
        if place < len(buffer):
            try:
                element, end = _decode(buffer, place)
            except json.JSONDecodeError:
                if is_whole or len(buffer) - place > _MOST_CHARACTERS:
                    raise BadSource(f"{name} is no JSON from character {passed + place + 1:,} on") from None
            except RecursionError:
                raise BadSource(f"{name} is nested too deeply at character {passed + place + 1:,}") from None
            else:
                yield element, buffer[place:end]
                place = end
                continue
        elif is_whole:
            return
        passed, buffer, place = passed + place, buffer[place:], 0
        parts: list[str] = []
        size = 0
        for chunk in source:
            parts.append(decoder.decode(chunk))
            size += len(parts[-1])
            if size > 250_000:
                break
        else:
            is_whole = True
            parts.append(decoder.decode(b"", final=True))
        buffer += "".join(parts)
