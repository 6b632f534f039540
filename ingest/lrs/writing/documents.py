"""A document that is stored or deleted."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha1
from typing import Any
from uuid import uuid4

import msgspec

from ingest.events import encode
from ingest.events.statement import DocumentDeleted, DocumentStored
from ingest.events.validation import MAX_RECORD_BYTES
from ingest.log.port import NewRecord
from ingest.lrs.index.port import Document, DocumentPlace
from ingest.lrs.standard.agents import person_keys
from ingest.lrs.standard.formats import moment
from ingest.lrs.standard.rules import BadStatement
from ingest.lrs.writing.people import People, Unmet
from ingest.lrs.writing.planning import Pending, Planned, TooLarge, is_within
from ingest.lrs.writing.projection import SOURCE

__all__ = ["DocumentWrite"]


@dataclass(slots=True)
class DocumentWrite:
    """A document to store or delete, or all documents of a place to delete.

    Attributes:
        agent: the agent whose document it is; None where it is nobody's.
        document_id: None to delete every document of the place.
        change: takes the content before (None where there is no document) and returns the new content and its type, or None to delete;
            raises to refuse.
    """

    programme_id: str
    kind: str
    activity_id: str | None
    agent: Mapping[str, Any] | None
    registration: str | None
    document_id: str | None
    change: Callable[[tuple[bytes, Document] | None], tuple[bytes, str] | None]
    result: Future[str | None] = field(default_factory=Future)
    _etag: str | None = None
    _person: str | None = None

    def people(self) -> Iterable[Any]:
        return [self.agent] if self.agent is not None else []

    def prepare(self, people: People) -> bool:
        try:
            self._person = person_keys(people.replaced(self.agent))[0] if self.agent is not None else None
        except Unmet:
            return False
        return True

    def plan(self, pending: Pending) -> list[Planned]:
        store, person = pending.store, self._person
        place = DocumentPlace(self.kind, self.activity_id or "", person or "", self.registration or "")
        about: dict[str, Any] = {
            "kind": self.kind, "activity_id": self.activity_id, "person_key": person, "registration": self.registration,
        }  # fmt: skip
        stored_us = store.next_stored_us()
        stored = moment(stored_us)
        if self.document_id is None:
            pending.cleared.append((self.programme_id, place))
            pending.documents = {
                k: v for k, v in pending.documents.items() if k[0] != self.programme_id or not is_within(k[1], place)
            }
            return [self._record("xapi.document_deleted", DocumentDeleted(**about), stored)]
        before = pending.document(self.programme_id, place, self.document_id)
        found = self.change(None if before is None else (store.opened(place, before), before))
        key = (self.programme_id, place, self.document_id)
        if found is None:
            pending.documents[key] = None
            deleted = DocumentDeleted(document_id=self.document_id, **about)
            return [self._record("xapi.document_deleted", deleted, stored)] if before is not None else []
        content, content_type = found
        self._etag = sha1(content, usedforsecurity=False).hexdigest()
        sealed = store.people.sealer.seal_bytes(person, self.programme_id, "document", place.about(), content)
        pending.documents[key] = Document(sealed, content_type, self._etag, stored_us)
        payload = DocumentStored(
            document_id=self.document_id, content_type=content_type, etag=self._etag, content=b64encode(sealed).decode(), **about
        )  # fmt: skip
        return [self._record("xapi.document_stored", payload, stored)]

    def done(self) -> None:
        self.result.set_result(self._etag)

    def _record(self, event_type: str, payload: Any, stored: datetime) -> Planned:
        try:
            # Readers of the log check the event; one that fails there would be in the log and nowhere else.
            msgspec.convert(msgspec.to_builtins(payload), type(payload))
        except msgspec.ValidationError as error:
            raise BadStatement("", f"not a document that can be kept: {error}") from None
        value = encode(
            payload, event_type=event_type, event_id=str(uuid4()), occurred_at=stored, programme_id=self.programme_id,
            source=SOURCE,
        )  # fmt: skip
        if len(value) > MAX_RECORD_BYTES:
            raise TooLarge(f"a document of more than {MAX_RECORD_BYTES * 3 // 4 - 1024:,} bytes")
        # The key puts all documents of one place into one partition, so that the log keeps their order.
        key = f"{self.programme_id} {self.kind} {self.activity_id} {self.agent and payload.person_key}"
        return Planned(NewRecord(key.encode(), value))
