"""Is this record an event? The one authority on that question.

The sink's fast check (``ingest.sink.fast_check``) may only say yes where this says yes; what
it is unsure of comes here. A refusal never repeats a value: it may be somebody's name.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from ingest.events.catalogue import Actor, EventSpec, catalogue
from ingest.events.envelope import TIME_PATTERN, Envelope, parse_time
from ingest.events.profile import PAYLOAD, VERB, is_staffs, spec_of

__all__ = ["EARLIEST", "FUTURE_TOLERANCE", "MAX_RECORD_BYTES", "Reason", "Refusal", "validate"]

#: A record larger than this is kept aside whole: statements with their attachments belong elsewhere.
MAX_RECORD_BYTES = 1_048_576
#: Clocks differ; more than a day ahead of the log's own clock is a wrong clock.
FUTURE_TOLERANCE = timedelta(days=1)
#: No learning platform recorded before this; 1970 is a clock that was never set.
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)


class Reason(StrEnum):
    """Why a record is quarantined."""

    EMPTY_RECORD = "empty_record"
    RECORD_TOO_LARGE = "record_too_large"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
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


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a record is no event: the reason, the field at fault (dotted, or empty), what was expected."""

    reason: Reason
    field: str = ""
    detail: str = ""


class _Invalid(Exception):
    pass


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # A repeated name keeps its first value, as the columnar parser does.
    out: dict[str, Any] = {}
    for name, value in pairs:
        out.setdefault(name, value)
    return out


def _no_constants(name: str) -> Any:
    raise _Invalid(f"{name} is not JSON")


_LOADER = json.JSONDecoder(object_pairs_hook=_first_wins, parse_constant=_no_constants)
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
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        return Refusal(Reason.NOT_UTF8, "", f"at byte {error.start}")
    try:
        document = _LOADER.decode(text)
    except json.JSONDecodeError as error:
        return Refusal(Reason.NOT_JSON, "", f"{error.msg} at character {error.pos}")
    except RecursionError:
        return Refusal(Reason.NOT_JSON, "", "nested too deeply")
    except _Invalid as error:
        return Refusal(Reason.NOT_JSON, "", str(error))
    except ValueError:  # an integer of thousands of digits
        return Refusal(Reason.NOT_JSON, "", "a number is too long")
    if "\\ud" in text.lower():
        try:
            msgspec.json.encode(document)
        except UnicodeEncodeError:
            return Refusal(Reason.NOT_JSON, "", "half of a surrogate pair")
    if not isinstance(document, dict):
        return Refusal(Reason.NOT_AN_OBJECT, "", "one JSON object a record")
    return document


def validate(value: bytes | None, recorded_at: datetime) -> Envelope | Refusal:
    """The event in ``value``, its payload the checked dict as sent, or why it is none.

    Args:
        value: the record's bytes, ``None`` for a Kafka tombstone.
        recorded_at: when the log took it, UTC.
    """
    document = _parse(value)
    if isinstance(document, Refusal):
        return document
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
    try:
        payload = msgspec.convert(envelope.payload, spec.payload)
    except msgspec.ValidationError as error:
        return _refusal(str(error), "payload")
    return _check_actor(spec, envelope, payload) or _check_statement(envelope) or envelope


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
