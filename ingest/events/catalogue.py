"""Which events there are: (event_type, event_version) → the payload's type.

A family's module declares each payload with :func:`event`. A released version is never
changed; a change is a new version, with an upcaster from the one before it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import TypeVar

import msgspec

__all__ = ["Actor", "EventSpec", "catalogue", "event", "latest_version"]

P = TypeVar("P", bound=type[msgspec.Struct])

_FAMILIES = (
    "enrolment",
    "group",
    "learning",
    "workshop",
    "assessment",
    "staff",
    "support",
    "correction",
    "platform",
    "totals",
    "statement",
    "programme",
)


class Actor(StrEnum):
    """Whose key the envelope must carry."""

    LEARNER = "learner"
    STAFF = "staff"
    EITHER = "either"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class EventSpec:
    """One released version of one event type."""

    event_type: str
    event_version: int
    actor: Actor
    payload: type[msgspec.Struct]
    family: str

    @property
    def summary(self) -> str:
        """The first line of the payload's docstring."""
        return (self.payload.__doc__ or "").strip().splitlines()[0]


_REGISTRY: dict[tuple[str, int], EventSpec] = {}


def event(name: str, version: int = 1, *, actor: Actor = Actor.LEARNER) -> Callable[[P], P]:
    """Declare a payload type as ``name`` version ``version``.

    Raises:
        ValueError: the same name and version were declared before.
    """

    def declare(payload: P) -> P:
        key = (name, version)
        if key in _REGISTRY:
            raise ValueError(f"{name} version {version} is declared twice")
        _REGISTRY[key] = EventSpec(name, version, actor, payload, payload.__module__.rpartition(".")[2])
        return payload

    return declare


@cache
def catalogue() -> Mapping[tuple[str, int], EventSpec]:
    """Every released event, keyed by (event_type, event_version), in the families' order."""
    for family in _FAMILIES:
        importlib.import_module(f"ingest.events.{family}")
    return MappingProxyType(dict(_REGISTRY))


@cache
def latest_version(event_type: str) -> int:
    """The newest version of ``event_type``; KeyError if there is no such type."""
    versions = [v for t, v in catalogue() if t == event_type]
    if not versions:
        raise KeyError(event_type)
    return max(versions)
