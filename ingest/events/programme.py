"""Programmes: what their figures mean, and from when on; which of their texts were ended."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from ingest.events.catalogue import Actor, event
from ingest.events.fields import Day, FreeText, Id


@event("programme.loaded", actor=Actor.NONE)
class ProgrammeLoaded(Struct, kw_only=True, frozen=True):
    """A programme's definitions were loaded: the text of the pack's files, by name; they apply from a day on."""

    digest: Id
    applies_from_on: Day
    files: dict[str, Any]


@event("programme.text_redacted", actor=Actor.NONE)
class TextRedacted(Struct, kw_only=True, frozen=True):
    """The keys of sealed texts of one record, each `period:leaf`, were destroyed; the record stays, and what rules read of it."""

    texts: Annotated[list[Id], Meta(min_length=1, max_length=1000)]
    reason: FreeText | None = None


@event("programme.texts_retired", actor=Actor.NONE)
class TextsRetired(Struct, kw_only=True, frozen=True):
    """What was sealed in some periods has been kept as long as the programme says; its keys were destroyed."""

    until_on: Day
    periods: Annotated[list[Id], Meta(min_length=1, max_length=10000)]
