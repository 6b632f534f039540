"""xAPI statements as received."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ingest.events.catalogue import Actor, event
from ingest.events.fields import Id, Text, Uuid


@event("xapi.statement_stored", actor=Actor.EITHER)
class StatementStored(Struct, kw_only=True, frozen=True):
    """An xAPI statement, its actor replaced by the envelope's key."""

    enrolment_id: Id | None = None
    statement_id: Uuid
    verb_id: Id
    statement: dict[str, Any]


@event("xapi.statement_voided", actor=Actor.NONE)
class StatementVoided(Struct, kw_only=True, frozen=True):
    """An xAPI statement was voided by another."""

    statement_id: Uuid
    voiding_statement_id: Uuid
    reason: Text | None = None
