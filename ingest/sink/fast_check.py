"""SQL that says of a whole batch at once which records are surely events.

Generated from the catalogue. :func:`canonical_sql` knows the records that are written just as
:func:`ingest.events.encode` writes them. It may be unsure of a good record (that one goes to
:func:`ingest.events.validate`, which is slower), but never sure of a bad one, and what it finds
in a record is what that finds: a property test holds them to that.

DuckDB's parser is laxer than JSON, and casts where the catalogue would not. No guard against that
is needed here: a record that equals, byte for byte, the text put together from the members found
in it has nothing else in it, no name twice and no escape, and its payload matches a pattern of its
event type whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import msgspec
from msgspec import inspect

from ingest.events import Actor, Envelope, EventSpec, catalogue
from ingest.events.free_text import free_members
from ingest.events.validation import EARLIEST, FUTURE_TOLERANCE, MAX_RECORD_BYTES

__all__ = ["ENVELOPE_FIELDS", "canonical_sql"]

ENVELOPE_FIELDS = (
    "event_id",
    "event_type",
    "programme_id",
    "learner_key",
    "staff_key",
    "source",
    "replaces",
)
_TIME = r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)"

#: Any number of characters of one class.
_OF_ONE_CLASS = re.compile(r"\[[^\]]*\][*+]")
#: Up to this length a canonical pattern counts the characters of a text itself.
_COUNTED = 64

_Field = tuple[str, inspect.Type, bool]


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
        if pattern:
            checks.append(f"regexp_full_match({column}, {_quoted(pattern)})")
        return " and ".join(checks)
    if isinstance(kind, inspect.IntType):
        # The length keeps the cast from overflowing.
        return (
            f"regexp_full_match({column}, '-?[0-9]{{1,15}}')"
            f" and try_cast({column} as bigint) between {kind.ge} and {kind.le}"
        )
    raise TypeError(f"the envelope has no {type(kind).__name__}")


def _fields_check(prefix: str, fields: Iterable[_Field]) -> list[str]:
    checks = []
    for name, kind, required in fields:
        column = f"{prefix}.{name}"
        check = _value_check(column if _is_text(kind) else f"{column}::varchar", kind)
        checks.append(f"({column} is not null and {check})" if required else f"({column} is null or ({check}))")
    return checks


def _fields(struct: type[msgspec.Struct]) -> list[_Field]:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    out = []
    for field in info.fields:
        kind, nullable = _unwrap(field.type)
        out.append((field.encode_name, kind, field.required and not nullable))
    return out


def _actor_check(spec: EventSpec, enrolment_id: str) -> list[str]:
    learner, staff = "e.learner_key is not null", "e.staff_key is not null"
    match spec.actor:
        case Actor.LEARNER:
            return [f"{learner} and e.staff_key is null"]
        case Actor.STAFF:
            return [f"{staff} and e.learner_key is null"]
        case Actor.EITHER:
            return [
                f"(({learner} and e.staff_key is null and {enrolment_id} is not null)"
                f" or (e.learner_key is null and {staff}))"
            ]
        case Actor.NONE:
            return []


def _by_type(check: Callable[[EventSpec], str]) -> str:
    """SQL that applies to each event the check of its type and version."""
    by_type: dict[str, list[EventSpec]] = {}
    for spec in catalogue().values():
        by_type.setdefault(spec.event_type, []).append(spec)
    branches = []
    for event_type, specs in by_type.items():
        versions = " ".join(f"when '{s.event_version}' then {check(s)}" for s in specs)
        branches.append(f"when '{event_type}' then case e.event_version {versions} else false end")
    return "case e.event_type " + "\n            ".join(branches) + "\n            else false end"


# -- the canonical form ------------------------------------------------------------------------


def _up_to(limit: int) -> str:
    """A pattern of some numbers from 0 to ``limit`` without sign or leading zero, and of no others."""
    digits = str(limit)
    forms = [rf"0|[1-9]\d{{0,{len(digits) - 2}}}"] if len(digits) > 1 else ["0"]
    if digits[0] > "1":
        forms.append(rf"[1-{int(digits[0]) - 1}]\d{{{len(digits) - 1}}}")
    return "|".join(forms)


def _float_form(whole: int) -> str:
    """A pattern of numbers from 0 to ``whole`` as our encoder writes them, of at most 15 digits: no other text is the same number."""
    tail = rf"\d{{0,{14 - len(str(whole))}}}[1-9]"
    # From the sixth decimal on a number is written with an exponent.
    forms = [rf"0(?:\.(?:0|0{{0,4}}[1-9](?:{tail})?))?"]
    if others := _up_to(whole - 1).removeprefix("0").removeprefix("|"):
        forms.append(rf"(?:{others})(?:\.(?:0|{tail}))?")
    return rf"(?:{'|'.join(forms)}|{whole}(?:\.0)?)"


@dataclass(frozen=True, slots=True)
class _Form:
    """How a value is written: a pattern, its fewest bytes, and how many more it may have.

    ``slack`` is None where the pattern itself bounds the length. Elsewhere the length of the
    whole payload does: counting to 200 within a pattern makes a large automaton.
    """

    pattern: str
    least: int
    slack: int | None = None


def _form(kind: inspect.Type) -> _Form | None:
    """The canonical form of some good values of ``kind``; None where there is no simple one."""
    match kind:
        case inspect.LiteralType():
            words = [str(v) for v in kind.values]
            return _Form(f'"(?:{"|".join(map(re.escape, words))})"', min(map(len, words)) + 2)
        case inspect.StrType():
            body = kind.pattern.removeprefix("^").removesuffix(r"\Z") if kind.pattern else "[^]*"
            if _OF_ONE_CLASS.fullmatch(body):
                return _text_form(body[:-1], kind.min_length or 0, kind.max_length or 0)
            # Any other pattern must count for itself, and have no quote and no backslash to match.
            counts = kind.min_length is not None and kind.min_length == kind.max_length
            return _Form(f'"{body}"', (kind.min_length or 0) + 2) if counts else None
        case inspect.IntType(ge=0, le=int(most)):
            return _Form(f"(?:{_up_to(most)})", 1)
        case inspect.FloatType() if kind.ge == 0 and kind.le is not None and kind.le >= 1:
            whole = int(kind.le)
            return _Form(_float_form(whole), 1)
        case inspect.BoolType():
            return _Form("(?:true|false)", 4)
        case inspect.ListType(min_length=1, max_length=int(most)):
            item = _form(_unwrap(kind.item_type)[0])
            if item is None or item.slack is not None:
                return None
            more = rf"(?:,{item.pattern})*"
            return _Form(rf"\[{item.pattern}{more}\]", item.least + 2, (most - 1) * (item.least + 1))
    return None


def _text_form(any_of: str, least: int, most: int) -> _Form:
    if any_of.startswith("[^"):  # nothing that JSON would escape
        any_of = rf'{any_of[:-1]}\x00-\x1f"\\]'
    if most <= _COUNTED:
        return _Form(f'"{any_of}{{{least},{most}}}"', least + 2)
    return _Form(f'"{any_of}{"+" if least else "*"}"', least + 2, most - least)


def _canonical_payload(spec: EventSpec) -> str:
    """SQL that is true only of good payloads of ``spec`` written as our encoder writes them."""
    # A record with free text in the open is not of our writing: it goes to the authority, which leaves the text out.
    free = free_members(spec.payload)
    members = [(name, _form(kind), required) for name, kind, required in _fields(spec.payload) if name not in free]
    needed = [place for place, (_, _, required) in enumerate(members) if required]
    if not needed or any(members[place][1] is None for place in needed):
        return "false"
    pattern, least, slack = "", 1, MAX_RECORD_BYTES
    for place, (name, form, required) in enumerate(members):
        if form is None:
            continue
        if form.slack is not None:
            slack = min(slack, form.slack)
        member = f'"{name}":{form.pattern}'
        if required:
            pattern += member if place == needed[0] else f",{member}"
            least += len(name) + 4 + form.least
        else:
            member = f'"{name}":(?:null|{form.pattern})'
            pattern += f"(?:{member},)?" if place < needed[0] else f"(?:,{member})?"
    whole = rf"\{{{pattern}\}}"
    return f"strlen(e.payload) <= {least + slack} and regexp_full_match(e.payload, {_quoted(whole)})"


def _canonical_check(spec: EventSpec) -> str:
    keys = [
        _surely_random(f"e.payload ->> '$.{name}'") for name, _, _ in _fields(spec.payload) if name.endswith("_key")
    ]
    return " and ".join([*_actor_check(spec, "enrolment_id"), _canonical_payload(spec), *keys])


def _surely_random(key: str) -> str:
    """SQL that is true only of no key, and of some that :func:`ingest.events.people.names_somebody` takes for random ones."""
    # Either a digit among letters, or capitals all over more letters than a name in Pinyin has.
    return (
        f"coalesce(regexp_matches({key}, '[0-9].*[A-Za-z].*[A-Za-z]')"
        f" or (length({key}) >= 19 and regexp_full_match({key}, '[A-Za-z]*([a-z][A-Z][A-Za-z]*){{4}}')), true)"
    )


def _canonical_text() -> str:
    """SQL of the record that our encoder would write of the members in ``e``."""
    parts = []
    for place, (name, kind, required) in enumerate(_fields(Envelope)):
        quote = '"' if _is_text(kind) else ""
        member = f"""'{"," if place else "{"}"{name}":{quote}', e.{name}, '{quote}'"""
        parts.append(member if required else f"case when e.{name} is not null then concat({member}) else '' end")
    return f"concat({', '.join(parts)}, '}}')"


_IN_ENVELOPE = dict.fromkeys((*ENVELOPE_FIELDS, "sealed"), "VARCHAR") | {
    "event_version": "JSON",
    "occurred_at": "VARCHAR",
    "payload": "JSON",
}


def _envelope_fields() -> list[_Field]:
    elsewhere = {"event_type", "event_version", "occurred_at", "payload"}
    return [field for field in _fields(Envelope) if field[0] not in elsewhere]


def _opened() -> str:
    return f"""
        select i, recorded_at, value, try(from_json(value, {_quoted(json.dumps(_IN_ENVELOPE))})) as e
        from batch
        where value is not null
    """


def _columns(enrolment_id: str) -> str:
    columns = ", ".join(f"e.{name}" for name in ENVELOPE_FIELDS)
    return f"""
        i, {columns},
        try_cast(e.event_version as integer) as event_version,
        occurred_at,
        {enrolment_id} as enrolment_id,
        e.payload::varchar as payload
    """


def _time_check() -> str:
    return f"""
        regexp_full_match(e.occurred_at, {_quoted(_TIME)})
        and occurred_at between {_quoted(EARLIEST.isoformat())}::timestamptz
            and recorded_at + interval {int(FUTURE_TOLERANCE.total_seconds())} second
    """


@cache
def canonical_sql() -> str:
    """SQL from ``batch(i, recorded_at, value)`` to the envelope's columns with ``is_event``.

    ``is_event`` is false where the record is bad *or unsure*, as everything is that was not
    written as :func:`ingest.events.encode` writes; the other columns are only to be used
    where it is true.
    """
    envelope_checks = _fields_check("e", _envelope_fields())
    return f"""
    with opened as ({_opened()}),
    parsed as (
        select i, recorded_at, value, e,
            e.payload ->> '$.enrolment_id' as enrolment_id,
            try_cast(e.occurred_at as timestamptz) as occurred_at
        from opened
    )
    select {_columns("enrolment_id")},
        coalesce(
            value = {_canonical_text()}
            and {_time_check()}
            and {" and ".join(envelope_checks)}
            and {_surely_random("e.learner_key")} and {_surely_random("e.staff_key")}
            and {_by_type(_canonical_check)},
            false
        ) as is_event
    from parsed
    """
