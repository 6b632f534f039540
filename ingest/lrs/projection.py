"""From a record of the log to what it changes in the index."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import msgspec

from ingest.events import parse_time
from ingest.events.statement import DocumentDeleted, DocumentStored
from ingest.lrs.formats import microseconds
from ingest.lrs.index import Document, DocumentChange, DocumentPlace, Record
from ingest.lrs.rules import BadStatement, check_statement

__all__ = ["SOURCE", "record_of"]

#: The source of events that a learning-record store of ours has written.
SOURCE = "xapi-lrs"


class _Envelope(msgspec.Struct):
    event_type: str
    occurred_at: str
    programme_id: str
    source: str
    payload: msgspec.Raw


class _Stored(msgspec.Struct):
    statement: dict[str, Any]


_envelope = msgspec.json.Decoder(_Envelope)
_stored = msgspec.json.Decoder(_Stored)
_document = msgspec.json.Decoder(DocumentStored)
_deleted = msgspec.json.Decoder(DocumentDeleted)


def record_of(partition: int, offset: int, value: bytes | None) -> Record:
    """What a record changes; nothing where it is about something else, was written by others or is no event."""
    nothing = Record(partition, offset)
    if value is None or b'"xapi.' not in value:
        return nothing
    try:
        event = _envelope.decode(value)
        if event.source != SOURCE:
            return nothing
        if event.event_type == "xapi.statement_stored":
            statement = _stored.decode(event.payload).statement
            check_statement(statement)
            return Record(partition, offset, event.programme_id, _microseconds(statement["stored"]), statement)
        if event.event_type == "xapi.document_stored":
            stored = _document.decode(event.payload)
            document = Document(
                b64decode(stored.content, validate=True), stored.content_type, stored.etag, _microseconds(event.occurred_at)
            )  # fmt: skip
            change = DocumentChange(_place(stored), stored.document_id, document)
            return Record(partition, offset, event.programme_id, document.stored_us, change=change)
        if event.event_type == "xapi.document_deleted":
            deleted = _deleted.decode(event.payload)
            return Record(
                partition, offset, event.programme_id, change=DocumentChange(_place(deleted), deleted.document_id, None)
            )
    except (msgspec.MsgspecError, BadStatement, KeyError, ValueError):
        # Somebody else's writing under our name: the sink quarantines what is no event.
        return nothing
    return nothing


def _place(event: DocumentStored | DocumentDeleted) -> DocumentPlace:
    return DocumentPlace(event.kind, event.activity_id or "", event.person_key or "", event.registration or "")


def _microseconds(text: str) -> int:
    return microseconds(parse_time(text))
