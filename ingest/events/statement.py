"""xAPI statements as received."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from ingest.events.catalogue import Actor, event
from ingest.events.fields import FreeText, Id, Key, Text, Uuid


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
    reason: FreeText | None = None


DocumentKind = Literal["state", "agent_profile", "activity_profile"]


@event("xapi.document_stored", actor=Actor.NONE)
class DocumentStored(Struct, kw_only=True, frozen=True):
    """A client's document of a state or a profile was stored; of a person it is encrypted under the person's key."""

    kind: DocumentKind
    document_id: Text
    activity_id: Text | None = None
    person_key: Key | None = None
    registration: Uuid | None = None
    content_type: Text
    etag: Id
    content: Annotated[str, Meta(description="base64")]


@event("xapi.document_deleted", actor=Actor.NONE)
class DocumentDeleted(Struct, kw_only=True, frozen=True):
    """A document was deleted; without its id all of its place."""

    kind: DocumentKind
    document_id: Text | None = None
    activity_id: Text | None = None
    person_key: Key | None = None
    registration: Uuid | None = None
