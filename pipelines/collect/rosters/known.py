"""What the log says of a programme's enrolments and of the names of its groups, up to its last record.

No build and no sink is waited for: what the lake has covered is asked of the lake, which takes a moment, and the rest is read from the log.
So a roster that is imported twice in a row changes nothing the second time.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ingest.events import Envelope, parse_time
from ingest.events.validation import read_record, recording_times
from ingest.log.port import EventLog
from ingest.log.reading import records_between
from ingest.sources.roster import Fact, Place
from pipelines.continuity import check_lake
from warehouse.lake import Lake
from warehouse.query import connect_lake

__all__ = ["ROSTER_TYPES", "GroupName", "LogEvent", "Void", "events_of", "known_of", "said_by"]

_ENROLMENT = ("enrolment.opened", "enrolment.transferred", "enrolment.withdrawn")
_NAMED, _VOIDED = "group.named", "event.voided"
ROSTER_TYPES = (*_ENROLMENT, _NAMED, _VOIDED)
_FETCHED = 10_000


class Void(NamedTuple):
    """An event that should not have been recorded."""

    event_id: str


class GroupName(NamedTuple):
    """What a school or class is called."""

    kind: str
    group_id: str
    county_id: str | None
    labels: tuple[str, ...]


class LogEvent(NamedTuple):
    """An event of the programme; times in microseconds since 1970."""

    event_id: str
    event_type: str
    occurred_us: int
    recorded_us: int
    partition: int
    offset: int
    learner_key: str | None
    payload: Mapping[str, Any]


def known_of(log: EventLog, lake: Lake, programme_id: str) -> Iterator[Fact | Void | GroupName]:
    """What the log says, in no order; an event may come twice.

    Raises:
        LakeMismatch, LogReplaced: the lake was made from another log.
        LakeDamaged, LogUnavailable: it cannot be read.
    """
    for event in events_of(log, lake, programme_id, ROSTER_TYPES):
        yield said_by(event)


def events_of(log: EventLog, lake: Lake, programme_id: str, types: Collection[str]) -> Iterator[LogEvent]:
    """The programme's events of some types, in no order; an event may come twice.

    Raises:
        LakeMismatch, LogReplaced: the lake was made from another log.
        LakeDamaged, LogUnavailable: it cannot be read.
    """
    check_lake(lake, log)
    covered = {p: one.next_offset for p, one in lake.all_covered().items()} if lake.exists else {}
    if covered:
        yield from _in_lake(lake, programme_id, types)
    times = recording_times(datetime.now(UTC))
    # Only records with one of these are looked at; an escape could hide the letters of a type.
    signs = (*(name.encode() for name in types), b"\\u00")
    for partition, offset, recorded_us, value in records_between(log, covered, log.end_offsets()):
        if value is None or not any(sign in value for sign in signs):
            continue
        event = read_record(value, recorded_us, times)
        if isinstance(event, Envelope) and event.programme_id == programme_id and event.event_type in types:
            occurred_us = _microseconds(parse_time(event.occurred_at))
            yield LogEvent(
                event.event_id,
                event.event_type,
                occurred_us,
                recorded_us,
                partition,
                offset,
                event.learner_key,
                event.payload,
            )


def _in_lake(lake: Lake, programme_id: str, types: Collection[str]) -> Iterator[LogEvent]:
    with connect_lake(lake) as con:
        marks = ", ".join("?" * len(types))
        found = con.execute(
            "select event_id, event_type, epoch_us(occurred_at), epoch_us(recorded_at), \"partition\", \"offset\", learner_key, payload"
            f" from lake.accepted where programme_id = ? and event_type in ({marks})",
            [programme_id, *types],
        )  # fmt: skip
        while rows := found.fetchmany(_FETCHED):
            for *event, payload in rows:
                yield LogEvent._make((*event, json.loads(payload)))


def said_by(event: LogEvent) -> Fact | Void | GroupName:
    """What an event of one of the ``ROSTER_TYPES`` says."""
    payload = event.payload
    if event.event_type == _VOIDED:
        return Void(payload["voided_event_id"])
    if event.event_type == _NAMED:
        labels = tuple(filter(None, (payload["label_zh"], payload.get("label_en"))))
        return GroupName(payload["kind"], payload["group_id"], payload.get("county_id"), labels)
    place = Place(*(payload.get(name) for name in Place._fields))
    return Fact(
        event.event_id,
        event.event_type,
        payload["enrolment_id"],
        event.occurred_us,
        event.recorded_us,
        event.partition,
        event.offset,
        str(event.learner_key),
        place,
    )


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
