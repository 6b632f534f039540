"""SQL that says of a whole batch at once which records are surely events.

Generated from the catalogue. It may be unsure of a good record (that one goes to
:func:`ingest.events.validate`, which is slower), but never sure of a bad one: a property
test holds it to that. DuckDB's parser is laxer than JSON, and casts where the catalogue
would not; the guards below are for just those cases.
"""

from __future__ import annotations

import json
from functools import cache

import msgspec
from msgspec import inspect

from ingest.events import Actor, Envelope, EventSpec, catalogue
from ingest.events.validation import EARLIEST, FUTURE_TOLERANCE

__all__ = ["ENVELOPE_FIELDS", "extraction_sql"]

ENVELOPE_FIELDS = (
    "event_id",
    "event_type",
    "programme_id",
    "learner_key",
    "staff_key",
    "source",
    "replaces",
)
#: A JSON number, object, array or boolean that was cast to text; a real text of that form is unsure.
_NOT_TEXT = r"^(?:[-0-9{\[]|true\z|false\z)"
#: Accepted by DuckDB, no JSON: trailing commas, NaN, Infinity, comments.
_NOT_JSON = r"(?i),\s*[}\]]|[,:\[]\s*-?(?:nan|inf)|/[*/]"
_TIME = r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _is_text(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.StrType | inspect.LiteralType)


def _unwrap(kind: inspect.Type) -> tuple[inspect.Type, bool]:
    """The type without ``| None`` and ``Meta`` extras, and whether it may be null."""
    nullable = False
    while True:
        if isinstance(kind, inspect.Metadata):
            kind = kind.type
        elif isinstance(kind, inspect.UnionType):
            inner = [t for t in kind.types if not isinstance(t, inspect.NoneType)]
            if len(inner) != 1:
                return inspect.AnyType(), True
            kind, nullable = inner[0], True
        else:
            return kind, nullable


def _value_check(column: str, kind: inspect.Type) -> str:
    """SQL that is true only where ``column`` surely is a good value of ``kind``."""
    if isinstance(kind, inspect.LiteralType):
        return f"{column} in ({', '.join(_quoted(str(v)) for v in kind.values)})"
    if isinstance(kind, inspect.StrType):
        checks = []
        pattern = kind.pattern.removeprefix("^").removesuffix(r"\Z") if kind.pattern else None
        if kind.min_length != kind.max_length or kind.min_length is None:
            checks.append(f"length({column}) between {kind.min_length or 0} and {kind.max_length or 1_000_000}")
            checks.append(f"not regexp_matches({column}, {_quoted(_NOT_TEXT)})")
        if pattern:
            checks.append(f"regexp_full_match({column}, {_quoted(pattern)})")
        return " and ".join(checks)
    if isinstance(kind, inspect.IntType):
        # The length keeps the cast from overflowing.
        return (
            f"regexp_full_match({column}, '-?[0-9]{{1,15}}')"
            f" and try_cast({column} as bigint) between {kind.ge} and {kind.le}"
        )
    if isinstance(kind, inspect.FloatType):
        return f"try_cast({column} as double) between {kind.ge} and {kind.le}"
    if isinstance(kind, inspect.BoolType):
        return f"{column} in ('true', 'false')"
    if isinstance(kind, inspect.DictType) and isinstance(kind.value_type, inspect.AnyType):
        return f"starts_with({column}, '{{')"
    return "false"  # lists and typed maps are rare: left to the slow check


def _fields_check(prefix: str, struct: type[msgspec.Struct], skip: frozenset[str] = frozenset()) -> list[str]:
    checks = []
    for name, kind, required in _fields(struct):
        if name in skip:
            continue
        column = f"{prefix}.{name}"
        check = _value_check(column if _is_text(kind) else f"{column}::varchar", kind)
        checks.append(f"({column} is not null and {check})" if required else f"({column} is null or ({check}))")
    return checks


def _fields(struct: type[msgspec.Struct]) -> list[tuple[str, inspect.Type, bool]]:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    out = []
    for field in info.fields:
        kind, nullable = _unwrap(field.type)
        out.append((field.encode_name, kind, field.required and not nullable))
    return out


def _payload_check(spec: EventSpec) -> str:
    checks = _fields_check("p", spec.payload)
    learner, staff = "e.learner_key is not null", "e.staff_key is not null"
    match spec.actor:
        case Actor.LEARNER:
            checks.append(f"{learner} and e.staff_key is null")
        case Actor.STAFF:
            checks.append(f"{staff} and e.learner_key is null")
        case Actor.EITHER:
            checks.append(
                f"(({learner} and e.staff_key is null and p.enrolment_id is not null)"
                f" or (e.learner_key is null and {staff}))"
            )
        case Actor.NONE:
            pass
    return " and ".join(checks)


def _is_event() -> str:
    by_type: dict[str, list[EventSpec]] = {}
    for spec in catalogue().values():
        by_type.setdefault(spec.event_type, []).append(spec)
    branches = []
    for event_type, specs in by_type.items():
        versions = " ".join(f"when '{s.event_version}' then {_payload_check(s)}" for s in specs)
        branches.append(f"when '{event_type}' then case e.event_version {versions} else false end")
    return "case e.event_type " + "\n            ".join(branches) + "\n            else false end"


def _payload_structure() -> dict[str, str]:
    structure: dict[str, str] = {}
    for spec in catalogue().values():
        for name, kind, _ in _fields(spec.payload):
            form = "VARCHAR" if _is_text(kind) else "JSON"
            if structure.setdefault(name, form) != form:
                raise TypeError(f"payload field {name} is text in one event and not in another; rename one")
    return structure


@cache
def extraction_sql() -> str:
    """SQL from ``batch(i, recorded_at, value)`` to the envelope's columns with ``is_event``.

    ``is_event`` is false where the record is bad *or unsure*; the other columns are only
    to be used where it is true.
    """
    envelope = dict.fromkeys(ENVELOPE_FIELDS, "VARCHAR") | {
        "event_version": "JSON",
        "occurred_at": "VARCHAR",
        "payload": "JSON",
    }
    envelope_checks = _fields_check("e", Envelope, frozenset({"event_type", "event_version", "occurred_at", "payload"}))
    columns = ", ".join(f"e.{name}" for name in ENVELOPE_FIELDS)
    tolerance_s = int(FUTURE_TOLERANCE.total_seconds())
    return f"""
    with opened as (
        select i, recorded_at, value,
            try(from_json(value, {_quoted(json.dumps(envelope))})) as e
        from batch
        where value is not null
    ),
    parsed as (
        select i, recorded_at, value, e,
            try(from_json(e.payload, {_quoted(json.dumps(_payload_structure()))})) as p,
            try_cast(e.occurred_at as timestamptz) as occurred_at
        from opened
    )
    select
        i, {columns},
        try_cast(e.event_version as integer) as event_version,
        occurred_at,
        p.enrolment_id as enrolment_id,
        e.payload::varchar as payload,
        coalesce(
            value[1] = '{{' and starts_with(e.payload::varchar, '{{')
            and not regexp_matches(value, {_quoted(_NOT_JSON)})
            and regexp_full_match(e.occurred_at, {_quoted(_TIME)})
            and occurred_at between {_quoted(EARLIEST.isoformat())}::timestamptz
                and recorded_at + interval {tolerance_s} second
            and {" and ".join(envelope_checks)}
            and {_is_event()},
            false
        ) as is_event
    from parsed
    """
