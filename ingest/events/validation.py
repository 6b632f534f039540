"""Is this record an event, and which? The one authority on both questions.

The collector, the index's projection, the quarantine's replay and the sink ask here; the sink's fast check
(``ingest.sink.fast_check``) may only say yes where this says yes, and then says the same. A refusal never repeats a value: it may
be somebody's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache
from hashlib import blake2b
from typing import Any

import msgspec

from ingest.events.catalogue import Actor, EventSpec, catalogue
from ingest.events.envelope import TIME_PATTERN, Envelope, parse_time
from ingest.events.free_text import readable_members
from ingest.events.json_text import Fault, NotReadable, read_json
from ingest.events.people import names_somebody
from ingest.events.profile import PAYLOAD, VERB, is_staffs, spec_of
from ingest.programmes.pack import pack_problems

__all__ = [
    "EARLIEST",
    "FUTURE_TOLERANCE",
    "MAX_RECORD_BYTES",
    "Reason",
    "Refusal",
    "content_digest",
    "payload_text",
    "read_record",
    "recording_times",
    "set_aside",
    "validate",
]

#: A record larger than this is kept aside whole: statements with their attachments belong elsewhere.
MAX_RECORD_BYTES = 1_048_576
#: Clocks differ; more than a day ahead of the log's own clock is a wrong clock.
FUTURE_TOLERANCE = timedelta(days=1)
#: No learning platform recorded before this; 1970 is a clock that was never set.
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Reason(StrEnum):
    """Why a record is quarantined."""

    EMPTY_RECORD = "empty_record"
    RECORD_TOO_LARGE = "record_too_large"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    REPEATED_NAME = "repeated_name"
    TOO_DEEP = "too_deep"
    NOT_AN_OBJECT = "not_an_object"
    UNKNOWN_EVENT_TYPE = "unknown_event_type"
    UNKNOWN_EVENT_VERSION = "unknown_event_version"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_BOUNDS = "out_of_bounds"
    BAD_FORMAT = "bad_format"
    NAIVE_TIME = "naive_time"
    TIME_IN_FUTURE = "time_in_future"
    WRONG_ACTOR = "wrong_actor"
    PERSONAL_KEY = "personal_key"
    BAD_PACK = "bad_pack"
    BAD_RECORDING_TIME = "bad_recording_time"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a record is no event: the reason, the field at fault (dotted, or empty), what was expected."""

    reason: Reason
    field: str = ""
    detail: str = ""


_FAULTS = {
    Fault.NOT_UTF8: Reason.NOT_UTF8,
    Fault.NOT_JSON: Reason.NOT_JSON,
    Fault.REPEATED_NAME: Reason.REPEATED_NAME,
    Fault.TOO_DEEP: Reason.TOO_DEEP,
}
_AT = re.compile(r" - at `\$\.?([^`]*)`$")
_MISSING = re.compile(r"missing required field `([^`]*)`")
_BOUND = re.compile(r"Expected `(?:int|float)` (?:[<>]=?|multiple)")
_LENGTH = re.compile(r"Expected `[^`]*` of length ")
_FORMAT = re.compile(r"matching regex|[Ii]nvalid enum value")


def _refusal(message: str, prefix: str = "") -> Refusal:
    """What a msgspec message means, without the value it may quote."""
    at = _AT.search(message)
    field = at.group(1) if at else ""
    if prefix:
        field = f"{prefix}.{field}" if field else prefix
    body = _AT.sub("", message)
    missing = _MISSING.search(body)
    if missing:
        name = missing.group(1)
        return Refusal(Reason.MISSING_FIELD, f"{field}.{name}" if field else name, "required")
    if _BOUND.search(body) or _LENGTH.search(body):
        return Refusal(Reason.OUT_OF_BOUNDS, field, body)
    if _FORMAT.search(body):
        expected = body if "regex" in body else "not one of the allowed values"
        return Refusal(Reason.BAD_FORMAT, field, expected)
    return Refusal(Reason.WRONG_TYPE, field, body)


def _check_time(text: str, recorded_at: datetime) -> Refusal | None:
    try:
        moment = parse_time(text)
    except ValueError:
        match = TIME_PATTERN.match(text)
        if match and match.group(1) is None:
            return Refusal(Reason.NAIVE_TIME, "occurred_at", "an offset is required: end it with Z or +08:00")
        return Refusal(Reason.BAD_FORMAT, "occurred_at", "expected an RFC 3339 time such as 2017-10-12T08:30:00Z")
    if moment > recorded_at + FUTURE_TOLERANCE:
        return Refusal(Reason.TIME_IN_FUTURE, "occurred_at", "more than a day after the log recorded it")
    if moment < EARLIEST:
        return Refusal(Reason.OUT_OF_BOUNDS, "occurred_at", f"before {EARLIEST.date()}")
    return None


def _check_actor(spec: EventSpec, envelope: Envelope, payload: msgspec.Struct) -> Refusal | None:
    learner, staff = envelope.learner_key is not None, envelope.staff_key is not None
    if spec.actor is Actor.LEARNER and (not learner or staff):
        return Refusal(Reason.WRONG_ACTOR, "learner_key", "a learner's event: learner_key and no staff_key")
    if spec.actor is Actor.STAFF and (not staff or learner):
        return Refusal(Reason.WRONG_ACTOR, "staff_key", "a staff member's event: staff_key and no learner_key")
    if spec.actor is Actor.EITHER:
        if learner == staff:
            return Refusal(Reason.WRONG_ACTOR, "learner_key", "either learner_key or staff_key, not both")
        if learner and getattr(payload, "enrolment_id", None) is None and spec.event_type not in _ENROLMENT_FREE:
            return Refusal(Reason.MISSING_FIELD, "payload.enrolment_id", "required with learner_key")
    return None


#: A statement may come from a learner whose enrolment the platform does not say.
_ENROLMENT_FREE = frozenset({"xapi.statement_stored"})


def _parse(value: bytes | None) -> Any:
    if value is None or value == b"":
        return Refusal(Reason.EMPTY_RECORD)
    if len(value) > MAX_RECORD_BYTES:
        return Refusal(Reason.RECORD_TOO_LARGE, "", f"{len(value)} bytes; at most {MAX_RECORD_BYTES}")
    try:
        document = read_json(value)
    except NotReadable as error:
        return Refusal(_FAULTS[error.fault], "", error.detail)
    if not isinstance(document, dict):
        return Refusal(Reason.NOT_AN_OBJECT, "", "one JSON object a record")
    return document


#: The members of a record that was no event when it came: why, and its bytes, sealed.
_SET_ASIDE = {"refused", "sealed"}


class _Refused(msgspec.Struct):
    reason: Reason
    field: str = ""
    detail: str = ""


def _refused_before(document: Mapping[str, Any]) -> Refusal:
    try:
        said = msgspec.convert(document["refused"], _Refused)
    except msgspec.ValidationError:
        return Refusal(Reason.MISSING_FIELD, "event_id", "required")
    return Refusal(said.reason, said.field, said.detail)


def set_aside(refusal: Refusal, sealed: str) -> bytes:
    """The record of bytes that are no event: :func:`validate` gives the same refusal for it."""
    why = {"reason": refusal.reason.value, "field": refusal.field, "detail": refusal.detail}
    return _encode({"refused": why, "sealed": sealed})


def validate(value: bytes | None, recorded_at: datetime, *, as_said: bool = True) -> Envelope | Refusal:
    """The event in ``value``, or why it is none.

    Its payload is the dict of the members that its type has, checked, as they were sent and in the catalogue's order, without free
    text. What else the sender wrote stays in the log and is read by nobody: it may be called like a member of another type.

    Args:
        value: the record's bytes, ``None`` for a Kafka tombstone.
        recorded_at: when the log took it, UTC.
        as_said: a statement with a verb of ours is to say an event; a store of statements gives back one that does not, too.
    """
    document = _parse(value)
    if isinstance(document, Refusal):
        return document
    if document.keys() == _SET_ASIDE:
        return _refused_before(document)
    try:
        envelope = msgspec.convert(document, Envelope)
    except msgspec.ValidationError as error:
        return _refusal(str(error))
    specs = catalogue()
    spec = specs.get((envelope.event_type, envelope.event_version))
    if spec is None:
        if any(t == envelope.event_type for t, _ in specs):
            return Refusal(Reason.UNKNOWN_EVENT_VERSION, "event_version", "this version was never released")
        return Refusal(Reason.UNKNOWN_EVENT_TYPE, "event_type", "not in the catalogue (docs/events.md)")
    refusal = _check_time(envelope.occurred_at, recorded_at)
    if refusal:
        return refusal
    said = envelope.payload
    try:
        payload = msgspec.convert(said, spec.payload)
    except msgspec.ValidationError as error:
        return _refusal(str(error), "payload")
    members, keys = _members(spec.payload)
    event = msgspec.structs.replace(envelope, payload={name: said[name] for name in members if name in said})
    refusal = _check_actor(spec, event, payload) or _check_keys(event, keys)
    if refusal is None and as_said:
        refusal = _check_statement(event)
    return refusal or event


def recording_times(now: datetime) -> tuple[int, int]:
    """The first and last microsecond since 1970 at which a log can have recorded what is read at ``now``.

    A producer of Kafka writes there what it likes.
    """
    return _microseconds(EARLIEST), _microseconds(now + FUTURE_TOLERANCE)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def read_record(
    value: bytes | None, recorded_us: int, times: tuple[int, int], *, as_said: bool = True
) -> Envelope | Refusal:
    """The event in a record of a log, or why it is none; never raises, whatever the log holds.

    Args:
        recorded_us: when the log says that it took it, microseconds since 1970.
        times: what :func:`recording_times` gives.
        as_said: as :func:`validate` has it.
    """
    if not times[0] <= recorded_us <= times[1]:
        return Refusal(Reason.BAD_RECORDING_TIME, "", "the log says that it was recorded before 1990 or in the future")
    try:
        event = validate(value, _EPOCH + timedelta(microseconds=recorded_us), as_said=as_said)
        return event if isinstance(event, Refusal) else _check_pack(event) or event
    except Exception as error:  # a fault of ours in one record is not to stop what reads the others
        return Refusal(Reason.UNREADABLE, "", f"reading it failed ({type(error).__name__})")


@cache
def _members(payload: type[msgspec.Struct]) -> tuple[dict[str, None], tuple[str, ...]]:
    """The names of a payload's members in their order, without free text, and which of them are keys of people."""
    names = readable_members(payload)
    return names, tuple(name for name in names if name.endswith("_key"))


def _check_keys(event: Envelope, names: tuple[str, ...]) -> Refusal | None:
    for name, key in (("learner_key", event.learner_key), ("staff_key", event.staff_key)):
        if key is not None and (looks_like := names_somebody(key)):
            return Refusal(Reason.PERSONAL_KEY, name, f"looks like {looks_like}; keys of people are random")
    for name in names:
        key = event.payload.get(name)
        if key is not None and (looks_like := names_somebody(key)):
            return Refusal(
                Reason.PERSONAL_KEY, f"payload.{name}", f"looks like {looks_like}; keys of people are random"
            )
    return None


def payload_text(event: Envelope) -> str:
    """The payload as JSON text, the same for the same content: members in the catalogue's order, those of objects within by name."""
    payload: Mapping[str, Any] = event.payload
    if not any(isinstance(value, dict | list) for value in payload.values()):
        return _encode(payload).decode()
    return "{" + ",".join(f'"{name}":{_sorted(value).decode()}' for name, value in payload.items()) + "}"


def content_digest(event: Envelope) -> bytes:
    """Of what an event says, 16 bytes: two of one id are a repeat where it is the same, a conflict where it is not.

    The order of members, their spacing, the offset in which a time is written and which quarantined record it ``replaces`` are not
    what it says. Of what is sealed its mark counts, which is the same for the same words of a person.
    """
    said: tuple[Any, ...] = (
        event.event_type, event.event_version, parse_time(event.occurred_at), event.programme_id, event.learner_key,
        event.staff_key, event.source, payload_text(event),
    )  # fmt: skip
    if event.sealed is not None:
        said = (*said, event.sealed.rpartition(":")[2][:_MARK])
    return blake2b(_encode(said), digest_size=16).digest()


#: Characters of a sealed text's last part that are its mark (``ingest.identity.sealing``).
_MARK = 16
_encode = msgspec.json.Encoder().encode
_sorted = msgspec.json.Encoder(order="deterministic").encode


def _check_pack(event: Envelope) -> Refusal | None:
    """Definitions that cannot be used are none: checked here once, by the rules of the day on which they are loaded."""
    if event.event_type != "programme.loaded":
        return None
    try:
        date.fromisoformat(event.payload["applies_from_on"])
    except ValueError:
        return Refusal(Reason.BAD_FORMAT, "payload.applies_from_on", "no such date")
    problems = pack_problems(event.payload["files"], event.programme_id)
    if not problems:
        return None
    more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
    return Refusal(Reason.BAD_PACK, "payload.files", f"{problems[0]}{more}")


def _check_statement(envelope: Envelope) -> Refusal | None:
    """A statement with a verb of ours says an event, or it is none."""
    verb = envelope.payload.get("verb_id", "")
    if envelope.event_type != "xapi.statement_stored" or not verb.startswith(VERB):
        return None
    spec = spec_of(verb)
    if spec is None:
        return Refusal(Reason.UNKNOWN_EVENT_TYPE, "payload.verb_id", "no event of the profile (docs/xapi-profile/)")
    statement = envelope.payload["statement"]
    try:
        said = statement["context"]["extensions"][PAYLOAD]
    except (KeyError, TypeError):
        return Refusal(Reason.MISSING_FIELD, f"payload.statement.context.extensions.{PAYLOAD}", "the event's payload")
    try:
        payload = msgspec.convert(said, spec.payload)
    except msgspec.ValidationError as error:
        return _refusal(str(error), f"payload.statement.context.extensions.{PAYLOAD}")
    if is_staffs(spec, statement) != (envelope.staff_key is not None) and spec.actor is not Actor.NONE:
        return Refusal(Reason.WRONG_ACTOR, "learner_key", f"{spec.event_type} is of a {spec.actor.value}")
    if spec.actor is Actor.EITHER and envelope.staff_key is None and getattr(payload, "enrolment_id", None) is None:
        return Refusal(
            Reason.MISSING_FIELD,
            f"payload.statement.context.extensions.{PAYLOAD}.enrolment_id",
            "required of a learner",
        )
    return None
