"""What a record of the log changes in the index."""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime
from typing import Any

import msgspec

from ingest.events import Envelope, Refusal, parse_time
from ingest.events.numbers import decode
from ingest.events.profile import VERB
from ingest.events.statement import DocumentDeleted, DocumentStored
from ingest.events.validation import content_digest, read_record, recording_times
from ingest.lrs.index.port import Document, DocumentChange, DocumentPlace, Enrolment, Record, Said, SeenEvent
from ingest.lrs.standard.facets import facts_of
from ingest.lrs.standard.formats import microseconds
from ingest.lrs.standard.meaning import enrolment_said
from ingest.lrs.standard.rules import BadStatement
from ingest.lrs.standard.words import SEALED
from ingest.lrs.writing.kept import check_kept

__all__ = ["SOURCE", "record_of"]

#: The source of the events that this store writes.
SOURCE = "xapi-lrs"
_OPENED = f"{VERB}enrolment.opened"


class _Payload(msgspec.Struct):
    statement: msgspec.Raw


class _Written(msgspec.Struct):
    payload: _Payload


_written = msgspec.json.Decoder(_Written)


def record_of(partition: int, offset: int, value: bytes | None, recorded_us: int, events_since_us: int = 0) -> Record:
    """What a record changes; nothing where it is no event, or an event that the index does not keep. Never raises.

    Args:
        events_since_us: the ids of events recorded before this time are not kept.
    """
    nothing = Record(partition, offset)
    if value is None:
        return nothing
    # An old record changes something only where its text has one of these types; an escape could hide the letters.
    is_old = recorded_us < events_since_us and b"\\u" not in value
    if is_old and b'"xapi.' not in value and b'"enrolment.opened"' not in value:
        return nothing
    event = read_record(value, recorded_us, recording_times(datetime.now(UTC)), as_said=False)
    if isinstance(event, Refusal):
        # No event: the sink quarantines the record.
        return nothing
    try:
        if event.event_type.startswith("xapi.") and event.source == SOURCE:
            return _about_statements(partition, offset, event, value)
        enrolment = None
        if event.event_type == "enrolment.opened" and event.learner_key is not None:
            enrolment = Enrolment(event.learner_key, event.payload["enrolment_id"])
        seen = None
        if recorded_us >= events_since_us:
            seen = SeenEvent(event.event_id, content_digest(event), recorded_us)
        return Record(partition, offset, event.programme_id, enrolment=enrolment, event=seen)
    except Exception as error:  # one record must not stop those after it: it is set aside
        why = str(error) if isinstance(error, BadStatement) else f"reading it failed ({type(error).__name__})"
        return Record(partition, offset, event.programme_id, fault=why)


def _about_statements(partition: int, offset: int, event: Envelope, value: bytes) -> Record:
    programme = event.programme_id
    if event.event_type == "xapi.statement_stored":
        written = bytes(_written.decode(value).payload.statement)
        statement = decode(written)
        check_kept({k: v for k, v in statement.items() if k != SEALED})
        enrolment = _opened_by(statement, event.learner_key)
        # The bytes of the record: numbers stay as the client wrote them.
        said = Said(facts_of(statement), written)
        return Record(partition, offset, programme, _microseconds(statement["stored"]), said, enrolment=enrolment)
    if event.event_type == "xapi.document_stored":
        stored = msgspec.convert(event.payload, DocumentStored)
        content = b64decode(stored.content, validate=True)
        document = Document(content, stored.content_type, stored.etag, _microseconds(event.occurred_at))
        change = DocumentChange(_place(stored), stored.document_id, document)
        return Record(partition, offset, programme, document.stored_us, change=change)
    if event.event_type == "xapi.document_deleted":
        deleted = msgspec.convert(event.payload, DocumentDeleted)
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
