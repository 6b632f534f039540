"""Our own events, one JSON object a line. Every line goes to the log; the sink judges it."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

import msgspec

from ingest.log.port import NewRecord

__all__ = ["read_ndjson"]


class _Key(msgspec.Struct):
    learner_key: str | None = None
    staff_key: str | None = None
    event_id: str | None = None


_decoder = msgspec.json.Decoder(_Key)


def read_ndjson(lines: Iterable[bytes]) -> Iterator[NewRecord]:
    """A record for each line that is not blank, keyed by its learner, staff member or event.

    A line that cannot be read still becomes a record: it is quarantined there, not lost here.
    """
    for number, line in enumerate(lines):
        # Spreadsheets and some editors begin a file with a mark.
        value = (line.removeprefix(codecs.BOM_UTF8) if number == 0 else line).strip()
        if not value:
            continue
        try:
            found = _decoder.decode(value)
            key = found.learner_key or found.staff_key or found.event_id or ""
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            key = ""
        yield NewRecord(key.encode("utf-8", "replace"), value)
