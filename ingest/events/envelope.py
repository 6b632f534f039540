"""The envelope: what every event carries, and its form on the wire (one JSON object a record)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ingest.events.catalogue import catalogue, latest_version
from ingest.events.fields import Id, Key, Offset, Sealed, Time, Uuid

__all__ = ["TIME_PATTERN", "Envelope", "encode", "encode_raw", "format_time", "parse_time"]

#: RFC 3339 with the offset required. Group 1 is missing in a naive time.
TIME_PATTERN = re.compile(
    r"^\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(Z|[+-](?:0\d|1[0-4]):[0-5]\d)?\Z",
    re.ASCII,
)

_encoder = msgspec.json.Encoder()


class Envelope(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One event as it travels.

    ``occurred_at`` is an RFC 3339 time with its offset (``Z`` for UTC); ``payload`` is a
    payload struct when producing and a plain dict when read back. ``replaces`` names the
    quarantined record (``partition:offset``) that this one corrects. ``sealed`` holds what of the
    record is somebody's own words; it is the store's to write.
    """

    event_id: Uuid
    event_type: Id
    event_version: Annotated[int, Meta(ge=1, le=1000)]
    occurred_at: Time
    programme_id: Id
    learner_key: Key | None = None
    staff_key: Key | None = None
    source: Id
    replaces: Offset | None = None
    sealed: Sealed | None = None
    payload: Any


def format_time(moment: datetime) -> str:
    """``moment`` in UTC with ``Z``, to the microsecond where it has any.

    Raises:
        ValueError: the time is naive.
    """
    if moment.tzinfo is None:
        raise ValueError("a naive time has no place in an event; give it an offset")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """The UTC instant that ``text`` names.

    Raises:
        ValueError: not RFC 3339, no offset, or no such date.
    """
    match = TIME_PATTERN.match(text)
    if match is None:
        raise ValueError("not an RFC 3339 time")
    if match.group(1) is None:
        raise ValueError("the time has no offset; end it with Z or +08:00")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("out of the calendar's range") from error


def encode(
    payload: msgspec.Struct,
    *,
    event_type: str,
    event_id: str,
    occurred_at: datetime,
    programme_id: str,
    source: str,
    learner_key: str | None = None,
    staff_key: str | None = None,
    replaces: str | None = None,
) -> bytes:
    """The wire form of an event of the newest version of ``event_type``.

    Raises:
        KeyError: no such event type.
        TypeError: the payload is not of that event type.
        ValueError: ``occurred_at`` is naive.
    """
    spec = catalogue()[event_type, latest_version(event_type)]
    if type(payload) is not spec.payload:
        raise TypeError(f"{event_type} takes {spec.payload.__name__}, not {type(payload).__name__}")
    return _encoder.encode(
        Envelope(
            event_id=event_id,
            event_type=event_type,
            event_version=spec.event_version,
            occurred_at=format_time(occurred_at),
            programme_id=programme_id,
            learner_key=learner_key,
            staff_key=staff_key,
            source=source,
            replaces=replaces,
            payload=payload,
        )
    )


def encode_raw(envelope: Envelope) -> bytes:
    """The wire form of an envelope whose parts the caller vouches for (bulk producers)."""
    return _encoder.encode(envelope)
