"""JSON of clients, by the letter and within the bounds of a statement."""

from __future__ import annotations

from typing import Any

from ingest.events.json_text import NotReadable, read_json
from ingest.lrs.standard.rules import BadStatement

__all__ = ["parse_json"]

#: Levels of nesting, at most: fewer than a record may have, because the statement lies some levels within it.
_MOST_NESTED = 60


def parse_json(body: bytes) -> Any:
    """Parse JSON by the letter: UTF-8, each name once, no half characters; numbers stay as written (:mod:`ingest.events.numbers`).

    Raises:
        BadStatement: it is not such JSON.
    """
    try:
        return read_json(body, most_nested=_MOST_NESTED, as_written=True)
    except NotReadable as error:
        raise BadStatement("", str(error)) from None
