"""Our own events, one JSON object a line. Every line goes to the log; the sink judges it."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator

import msgspec

from ingest.log.port import NewRecord
from ingest.sources.recorded import RecordedTimes

__all__ = ["read_ndjson"]


class _Key(msgspec.Struct):
    learner_key: str | None = None
    staff_key: str | None = None
    event_id: str | None = None


#: Characters of a source's name that are told.
_MOST_CHARACTERS = 100
_decoder = msgspec.json.Decoder(_Key)


def read_ndjson(
    lines: Iterable[bytes], recorded: RecordedTimes | None = None, aside: Callable[[bytes, str], None] | None = None
) -> Iterator[NewRecord]:
    """A record for each line that is not blank, keyed by its learner, staff member or event.

    A line that cannot be read still becomes a record: it is quarantined there, not lost here.

    Args:
        recorded: reads when each record was first recorded. None: they are recorded now.
        aside: takes a line whose claim of that makes no sense, and why. Such a line is no record: the log's order of times would lie.
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
        at = None
        if recorded is not None and aside is not None:
            found_at, source = _claimed(recorded, value)
            if isinstance(found_at, str):
                aside(value, found_at)
                continue
            recorded.note(source, found_at)
            at = found_at
        yield NewRecord(key.encode("utf-8", "replace"), value, at)


def _claimed(recorded: RecordedTimes, value: bytes) -> tuple[int | str, str]:
    """When a line claims that it was recorded, or why the claim makes no sense; and its source."""
    try:
        document = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "no JSON, and so no time of recording", ""
    if not isinstance(document, dict):
        return "no object, and so no time of recording", ""
    source = document.get("source")
    return recorded.read(document), source[:_MOST_CHARACTERS] if isinstance(
        source, str
    ) and source.isprintable() else ""
