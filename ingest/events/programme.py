"""Programmes: what their figures mean, and from when on."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from ingest.events.catalogue import Actor, event
from ingest.events.fields import Id

Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", max_length=10, description="local date")]


@event("programme.loaded", actor=Actor.NONE)
class ProgrammeLoaded(Struct, kw_only=True, frozen=True):
    """A programme's definitions were loaded: the text of the pack's files, by name; they apply from a day on."""

    digest: Id
    applies_from_on: Day
    files: dict[str, Any]
