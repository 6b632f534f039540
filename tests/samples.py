"""Example events made from the catalogue's own types."""

from __future__ import annotations

import json
import string
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from ingest.events import Actor, EventSpec, catalogue
from ingest.events.people import names_somebody

RECORDED = datetime(2017, 12, 1, tzinfo=UTC)


def envelope(spec: EventSpec, payload: dict[str, Any], **changes: Any) -> dict[str, Any]:
    actor: dict[str, Any] = {}
    if spec.actor in (Actor.LEARNER, Actor.EITHER):
        actor = {"learner_key": "Labcdefgh1234"}
    elif spec.actor is Actor.STAFF:
        actor = {"staff_key": "Sabcdefgh1234"}
    return {
        "event_id": "3f2b8c1e-0d4a-4c55-9e6f-7a8b9c0d1e2f",
        "event_type": spec.event_type,
        "event_version": spec.event_version,
        "occurred_at": "2017-10-12T11:23:45.123Z",
        "programme_id": "tianshui-2017",
        **actor,
        "source": "golden",
        "payload": payload,
    } | changes


def encode(document: Any, *, compact: bool = False) -> bytes:
    """The record, spaced as Python does, or ``compact`` as our own encoder does."""
    separators = (",", ":") if compact else None
    return json.dumps(document, ensure_ascii=False, separators=separators).encode()


def _kind(kind: inspect.Type) -> inspect.Type:
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        return _kind(next(t for t in kind.types if not isinstance(t, inspect.NoneType)))
    return kind


def fields(struct: type[msgspec.Struct]) -> list[tuple[str, inspect.Type, bool]]:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    return [(f.encode_name, _kind(f.type), f.required) for f in info.fields]


def sample(kind: inspect.Type, name: str) -> Any:
    """One plausible value, the same every time."""
    if isinstance(kind, inspect.LiteralType):
        return kind.values[0]
    if isinstance(kind, inspect.StrType):
        if kind.max_length == 36:
            return "11111111-2222-4333-8444-555555555555"
        if kind.max_length == 64:
            return "Sgrader12345"
        if kind.max_length == 10:
            return "2017-10-10"
        return f"{name.removesuffix('_id')}-1" if kind.min_length else "because"
    if isinstance(kind, inspect.IntType):
        return int(kind.ge or 0) + 1
    if isinstance(kind, inspect.FloatType):
        return 12.5
    if isinstance(kind, inspect.BoolType):
        return True
    if isinstance(kind, inspect.ListType):
        return ["A", "B", "C"]
    if isinstance(kind, inspect.DictType):
        if isinstance(kind.value_type, inspect.AnyType):
            return {"id": "11111111-2222-4333-8444-555555555555", "verb": {"id": "urn:verb"}}
        return {"item-1": 2, "item-2": 1}
    raise TypeError(kind)


def golden_event(spec: EventSpec) -> dict[str, Any]:
    return envelope(spec, {name: sample(kind, name) for name, kind, _ in fields(spec.payload)})


_texts = st.text(alphabet=string.ascii_letters + "学情-_ .", min_size=1, max_size=12)


def values(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Good values of a type, edges included."""
    if isinstance(kind, inspect.LiteralType):
        return st.sampled_from(kind.values)
    if isinstance(kind, inspect.StrType):
        if kind.max_length == 36:
            return st.uuids().map(str)
        if kind.max_length == 10:
            return st.dates().map(str)
        if kind.max_length == 64:
            keys = st.text(alphabet=string.ascii_letters + string.digits + "_-", min_size=8, max_size=64)
            return keys.filter(lambda key: names_somebody(key) is None)
        return _texts | st.sampled_from(["12", "true", "-", "{}", "null", "天水", "a" * 200])
    if isinstance(kind, inspect.IntType):
        return st.integers(int(kind.ge or 0), int(kind.le or 0))
    if isinstance(kind, inspect.FloatType):
        return st.floats(kind.ge, kind.le, allow_nan=False) | st.integers(int(kind.ge or 0), int(kind.le or 0))
    if isinstance(kind, inspect.BoolType):
        return st.booleans()
    if isinstance(kind, inspect.ListType):
        return st.lists(st.sampled_from("ABCD"), min_size=1, max_size=40)
    if isinstance(kind, inspect.DictType):
        if isinstance(kind.value_type, inspect.AnyType):
            return st.dictionaries(_texts, st.none() | st.integers() | _texts, max_size=4)
        return st.dictionaries(_texts, st.integers(1, 10), min_size=1, max_size=5)
    raise TypeError(kind)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """A good event of any type and version."""
    spec = draw(st.sampled_from(list(catalogue().values())))
    payload = {
        name: draw(values(kind))
        for name, kind, required in fields(spec.payload)
        if required or name == "enrolment_id" or draw(st.booleans())
    }
    payload |= {name: None for name, _, _ in fields(spec.payload) if name not in payload and draw(st.booleans())}
    return envelope(spec, payload, event_id=str(draw(st.uuids())))


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
    | st.sampled_from(["", "2017-10-12T08:00:00", "2017-10-12T08:00:00+08:00", "2017-02-30T08:00:00Z", "2999-01-01T00:00:00Z",
                       "tianshui\n", "x" * 201, "Labcdefgh1234\n", -1, 1e300, 86_401, 2**70, "5", "true"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip


@st.composite
def damaged_records(draw: st.DrawFn) -> bytes:
    """A good event with one thing wrong, or not wrong after all, as bytes."""
    event = draw(events())
    compact = draw(st.booleans())
    where = event if draw(st.booleans()) else event["payload"]
    names = [*where, "extra_field"]
    name = draw(st.sampled_from(names))
    match draw(st.sampled_from(["replace", "remove", "replace", "bytes", "duplicate"])):
        case "replace":
            where[name] = draw(junk)
        case "remove":
            where.pop(name, None)
        case "duplicate":
            text = encode(event, compact=compact).decode()
            return f'{{"{name}": {json.dumps(draw(junk))}, {text[1:]}'.encode()
        case "bytes":
            raw = bytearray(encode(event, compact=compact))
            at = draw(st.integers(0, len(raw) - 1))
            return (
                bytes(raw[:at])
                + draw(
                    st.sampled_from(
                        [b"", b",", b"\xff", b"}", b"NaN", b"/**/", b"\\ud800", b"\\n", b'\\"', b'"', b" ", b"\x00"]
                    )
                )
                + bytes(raw[at + draw(st.integers(0, 2)) :])
            )
    return encode(event, compact=compact)
