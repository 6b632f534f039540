"""What of a record is a person's own words: it is sealed before the log has it; what is left is what rules read.

Readable are the envelope and the members that an event's type has, but for those declared as free text. What else a producer has sent
is read by nobody, so it may say anything: it is hidden, too. (docs/decisions/0010)
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from ingest.events.envelope import Envelope

__all__ = ["divided", "free_members", "merged", "readable_members"]

_ENVELOPE = frozenset(Envelope.__struct_fields__)


@cache
def free_members(payload: type[msgspec.Struct]) -> frozenset[str]:
    """The members of a payload that are free text."""
    found = inspect.type_info(payload)
    assert isinstance(found, inspect.StructType)
    return frozenset(field.encode_name for field in found.fields if _is_free(field.type))


@cache
def readable_members(payload: type[msgspec.Struct]) -> dict[str, None]:
    """The other members of a payload, in their order."""
    found = inspect.type_info(payload)
    assert isinstance(found, inspect.StructType)
    free = free_members(payload)
    return dict.fromkeys(field.encode_name for field in found.fields if field.encode_name not in free)


def _is_free(kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.UnionType):
        return any(map(_is_free, kind.types))
    return isinstance(kind, inspect.Metadata) and ((kind.extra or {}).get("is_free", False) or _is_free(kind.type))


def divided(document: Mapping[str, Any], event: Envelope) -> dict[str, Any] | None:
    """What of an event's record is hidden; None where nothing is.

    Args:
        document: the record as it came.
        event: what the catalogue reads in it, which is what stays readable.
    """
    hidden = {name: value for name, value in document.items() if name not in _ENVELOPE}
    said = {name: value for name, value in document["payload"].items() if name not in event.payload}
    said = {name: value for name, value in said.items() if value is not None}
    if said:
        hidden["payload"] = said
    return hidden or None


def merged(plain: Mapping[str, Any], hidden: Mapping[str, Any]) -> dict[str, Any]:
    """What was divided, whole again: objects within are joined member by member."""
    found = dict(plain)
    for name, value in hidden.items():
        before = found.get(name)
        found[name] = merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return found
