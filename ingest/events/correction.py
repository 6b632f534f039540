"""Corrections: later events that undo earlier ones."""

from __future__ import annotations

from msgspec import Struct

from ingest.events.catalogue import Actor, event
from ingest.events.fields import FreeText, Uuid


@event("event.voided", actor=Actor.NONE)
class EventVoided(Struct, kw_only=True, frozen=True):
    """An earlier event should not have been recorded; figures change from this correction's recording on. Voided itself, it gives back what it took."""

    voided_event_id: Uuid
    reason: FreeText | None = None


@event("learner.erased", actor=Actor.LEARNER)
class LearnerErased(Struct, kw_only=True, frozen=True):
    """The person's key in the vault was destroyed; the events stay, tied to nobody."""

    reason: FreeText | None = None
