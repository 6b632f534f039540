"""From a record of the log to what it changes in the index."""

from __future__ import annotations

from base64 import b64decode
from hashlib import blake2b
from typing import Any

import msgspec

from ingest.events import parse_time
from ingest.events.profile import VERB
from ingest.events.statement import DocumentDeleted, DocumentStored
from ingest.lrs.facets import facts_of
from ingest.lrs.formats import microseconds
from ingest.lrs.index import Document, DocumentChange, DocumentPlace, Enrolment, Record, Said, SeenEvent
from ingest.lrs.meaning import enrolment_said
from ingest.lrs.rules import BadStatement, check_statement

__all__ = ["SOURCE", "digest_of", "record_of"]

#: The source of events that a learning-record store of ours has written.
SOURCE = "xapi-lrs"
_OPENED = f"{VERB}enrolment.opened"


class _Envelope(msgspec.Struct):
    event_id: str
    event_type: str
    occurred_at: str
    programme_id: str
    source: str
    payload: msgspec.Raw
    learner_key: str | None = None


class _Stored(msgspec.Struct):
    statement: dict[str, Any]


class _Opened(msgspec.Struct):
    enrolment_id: str


_envelope = msgspec.json.Decoder(_Envelope)
_stored = msgspec.json.Decoder(_Stored)
_opened = msgspec.json.Decoder(_Opened)
_document = msgspec.json.Decoder(DocumentStored)
_deleted = msgspec.json.Decoder(DocumentDeleted)


def record_of(
    partition: int, offset: int, value: bytes | None, recorded_us: int = 0, events_since_us: int = 0
) -> Record:
    """What a record changes; nothing where it was written by others under our name or is no event.

    Args:
        events_since_us: ids of events recorded before are not kept.
    """
    nothing = Record(partition, offset)
    if value is None:
        return nothing
    is_ours = b'"xapi.' in value
    if not is_ours and recorded_us < events_since_us and b'"enrolment.opened"' not in value:
        return nothing
    try:
        event = _envelope.decode(value)
        if event.event_type.startswith("xapi.") and event.source == SOURCE:
            return _about_statements(partition, offset, event)
        enrolment = None
        if event.event_type == "enrolment.opened" and event.learner_key is not None:
            enrolment = Enrolment(event.learner_key, _opened.decode(event.payload).enrolment_id)
        seen = SeenEvent(event.event_id, digest_of(value), recorded_us) if recorded_us >= events_since_us else None
        return Record(partition, offset, event.programme_id, enrolment=enrolment, event=seen)
    except (msgspec.MsgspecError, BadStatement, KeyError, ValueError):
        # Somebody else's writing under our name: the sink quarantines what is no event.
        return nothing


def digest_of(value: bytes) -> bytes:
    """Of what an event says, whatever the order of its members and its spacing.

    Raises:
        msgspec.DecodeError: it is no JSON.
    """
    return blake2b(msgspec.json.encode(msgspec.json.decode(value), order="sorted"), digest_size=16).digest()


def _about_statements(partition: int, offset: int, event: _Envelope) -> Record:
    programme = event.programme_id
    if event.event_type == "xapi.statement_stored":
        statement = _stored.decode(event.payload).statement
        check_statement(statement)
        enrolment = _opened_by(statement, event.learner_key)
        said = Said(facts_of(statement), msgspec.json.encode(statement))
        return Record(partition, offset, programme, _microseconds(statement["stored"]), said, enrolment=enrolment)
    if event.event_type == "xapi.document_stored":
        stored = _document.decode(event.payload)
        content = b64decode(stored.content, validate=True)
        document = Document(content, stored.content_type, stored.etag, _microseconds(event.occurred_at))
        change = DocumentChange(_place(stored), stored.document_id, document)
        return Record(partition, offset, programme, document.stored_us, change=change)
    if event.event_type == "xapi.document_deleted":
        deleted = _deleted.decode(event.payload)
        return Record(partition, offset, programme, change=DocumentChange(_place(deleted), deleted.document_id, None))
    return Record(partition, offset)


def _opened_by(statement: dict[str, Any], learner_key: str | None) -> Enrolment | None:
    if statement["verb"]["id"] != _OPENED or learner_key is None:
        return None
    said = enrolment_said(statement)
    return Enrolment(learner_key, said) if said is not None else None


def _place(event: DocumentStored | DocumentDeleted) -> DocumentPlace:
    return DocumentPlace(event.kind, event.activity_id or "", event.person_key or "", event.registration or "")


def _microseconds(text: str) -> int:
    return microseconds(parse_time(text))
