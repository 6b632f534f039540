"""What a request has the store write: which records, with all that came before in the same commit known."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha1
from typing import Any, Protocol, cast
from uuid import uuid4

import msgspec

from ingest.events import encode
from ingest.events.enrolment import EnrolmentOpened
from ingest.events.profile import is_staffs, spec_of
from ingest.events.statement import DocumentDeleted, DocumentStored, StatementStored, StatementVoided
from ingest.events.validation import EARLIEST, MAX_RECORD_BYTES
from ingest.log.port import NewRecord
from ingest.lrs.compare import same_statement
from ingest.lrs.facets import Facts, facts_of
from ingest.lrs.formats import instant, moment, stored_text
from ingest.lrs.index import Document, DocumentPlace, Record, SeenEvent, StatementIndex
from ingest.lrs.meaning import course_of, enrolment_of, enrolment_said
from ingest.lrs.people import People, parts_with_people, person_keys
from ingest.lrs.projection import SOURCE, digest_of
from ingest.sources.ids import stable_id

__all__ = ["Conflict", "DocumentWrite", "EventsWrite", "Pending", "StatementsWrite", "TooLarge", "Write"]


class Conflict(Exception):
    """A statement of that id says something else."""


class TooLarge(Exception):
    """More than a record of the log holds."""


class Planning(Protocol):
    """What planning asks of the store."""

    index: StatementIndex
    people: People

    def next_stored_us(self) -> int:
        """A time of storing, later than every one before, in microseconds since 1970."""

    def opened(self, place: DocumentPlace, document: Document) -> bytes:
        """A document's content."""


@dataclass(slots=True)
class _Prepared:
    """A statement as it is kept, but for when it was stored.

    Attributes:
        whose: the key of the one who is told of; of a group, its first member's.
        at: its timestamp, where it has one.
    """

    statement: dict[str, Any]
    facts: Facts
    whose: str
    event_id: str
    at: datetime | None
    stored_us: int = 0


class Write(Protocol):
    """Something that is written, whole or not at all; ``result`` tells when it is durable."""

    result: Future[Any]

    def people(self) -> Iterable[Any]:
        """Who is named, and in what people are."""

    def prepare(self, people: People) -> None:
        """All that can be done before what was written by others is known: everybody has a key by now."""

    def plan(self, pending: Pending) -> list[NewRecord]:
        """The records to append, with all that came before in the same commit known; sets nothing."""

    def done(self) -> None:
        """It is durable."""


def _within(place: DocumentPlace, gone: DocumentPlace) -> bool:
    """Whether all documents of ``gone`` are meant where those of ``place`` are: without a registration, of every one."""
    return gone.registration in ("", place.registration) and replace(place, registration=gone.registration) == gone


@dataclass(slots=True)
class Pending:
    """What a commit will change, as far as it is planned."""

    store: Planning
    statements: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    documents: dict[tuple[str, DocumentPlace, str], Document | None] = field(default_factory=dict)
    cleared: list[tuple[str, DocumentPlace]] = field(default_factory=list)
    enrolments: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    events: dict[tuple[str, str], bytes] = field(default_factory=dict)
    #: What the records that are appended say, by their bytes: read back, they need not be read and checked again.
    said: dict[bytes, Record] = field(default_factory=dict)

    def look_up(self, programme_id: str, learner_keys: Collection[str]) -> None:
        """Ask for the enrolments of all of them together."""
        unknown = {key for key in learner_keys if (programme_id, key) not in self.enrolments}
        for key, enrolments in self.store.index.enrolments(programme_id, unknown).items():
            self.enrolments[programme_id, key] = set(enrolments)

    def enrolled(self, programme_id: str, learner_key: str) -> set[str]:
        """A learner's enrolments, those that the commit opens among them."""
        if (programme_id, learner_key) not in self.enrolments:
            self.look_up(programme_id, (learner_key,))
        return self.enrolments[programme_id, learner_key]

    def document(self, programme_id: str, place: DocumentPlace, document_id: str) -> Document | None:
        """A document as it will be."""
        key = (programme_id, place, document_id)
        if key in self.documents:
            return self.documents[key]
        if any(programme == programme_id and _within(place, gone) for programme, gone in self.cleared):
            return None
        return self.store.index.document(programme_id, place, document_id)


@dataclass(slots=True)
class StatementsWrite:
    """Statements of one request, checked: all are stored, or none."""

    programme_id: str
    statements: Sequence[dict[str, Any]]
    authority: Mapping[str, Any]
    version: str
    opens_enrolments: bool
    result: Future[list[str]] = field(default_factory=Future)
    ids: list[str] = field(default_factory=list)
    #: Where people are, for each statement; and each as it is kept, but for its time, with its facts.
    _named: list[list[str]] = field(init=False)
    _prepared: list[_Prepared] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._named = [[name for name in parts_with_people(s) if name != "authority"] for s in self.statements]

    def people(self) -> Iterable[Any]:
        yield self.authority
        for statement, names in zip(self.statements, self._named, strict=True):
            yield from [statement[name] for name in names]

    def prepare(self, people: People) -> None:
        authority = people.replaced(self.authority)
        self.ids = [str(s.get("id") or uuid4()).lower() for s in self.statements]
        for statement_id, said, names in zip(self.ids, self.statements, self._named, strict=True):
            # Who has stored it and when is the store's to say.
            statement = {k: v for k, v in said.items() if k not in ("stored", "authority")}
            for name in names:
                statement[name] = people.replaced(statement[name])
            statement["id"] = statement_id
            statement.setdefault("version", self.version)
            statement["authority"] = authority
            whose = (person_keys(statement["actor"]) or person_keys(authority))[0]
            at = instant(statement["timestamp"]) if "timestamp" in statement else None
            event_id = stable_id("xapi", self.programme_id, statement_id)
            self._prepared.append(_Prepared(statement, facts_of(statement), whose, event_id, at))

    def plan(self, pending: Pending) -> list[NewRecord]:
        store = pending.store
        known = store.index.statements(self.programme_id, self.ids)
        fresh: dict[str, _Prepared] = {}
        for said, one in zip(self.statements, self._prepared, strict=True):
            statement, statement_id = one.statement, one.statement["id"]
            before = fresh[statement_id].statement if statement_id in fresh else None
            before = before or pending.statements.get((self.programme_id, statement_id))
            if before is None and statement_id in known:
                before = known[statement_id].statement
            if before is not None:
                if not same_statement(said, store.people.restored(before)):
                    raise Conflict(statement_id)
                continue
            one.stored_us = store.next_stored_us()
            stored = stored_text(one.stored_us)
            statement.setdefault("timestamp", stored)
            statement["stored"] = stored
            fresh[statement_id] = one
        pending.look_up(self.programme_id, {one.whose for one in fresh.values()})
        opened: dict[str, set[str]] = {}
        records = [record for one in fresh.values() for record in self._events(one, pending, opened)]
        # Only now: where one is refused, none of them has opened anything.
        for learner, enrolments in opened.items():
            pending.enrolled(self.programme_id, learner).update(enrolments)
        pending.statements |= {(self.programme_id, i): one.statement for i, one in fresh.items()}
        return records

    def done(self) -> None:
        self.result.set_result(self.ids)

    def _events(self, fresh: _Prepared, pending: Pending, opened: dict[str, set[str]]) -> list[NewRecord]:
        statement, key, stored_at = fresh.statement, fresh.whose, moment(fresh.stored_us)
        # A clock that was never set, or runs ahead, is no time of an event.
        occurred = fresh.at if fresh.at is not None and EARLIEST < fresh.at <= stored_at else stored_at
        spec = spec_of(statement["verb"]["id"])
        if spec is not None and is_staffs(spec, statement):
            return self._records(fresh, pending, occurred, enrolment_said(statement), staff_key=key)

        def enrolled() -> set[str]:
            before = pending.enrolled(self.programme_id, key)
            return before | opened[key] if key in opened else before

        enrolment, is_new = enrolment_of(statement, key, enrolled, may_open=self.opens_enrolments)
        records = self._records(fresh, pending, occurred, enrolment, learner_key=key)
        if is_new and enrolment is not None:
            records.insert(0, _opening(self.programme_id, enrolment, course_of(statement), key, occurred))
        if enrolment is not None and (is_new or (spec is not None and spec.event_type == "enrolment.opened")):
            opened.setdefault(key, set()).add(enrolment)
        return records

    def _records(
        self, fresh: _Prepared, pending: Pending, occurred_at: datetime, enrolment_id: str | None, *, learner_key: str | None = None,
        staff_key: str | None = None,
    ) -> list[NewRecord]:  # fmt: skip
        statement, facts = fresh.statement, fresh.facts
        statement_id, verb = str(statement["id"]), str(statement["verb"]["id"])
        body = msgspec.json.encode(statement)
        # It is written once, for the log and the index.
        said = cast("dict[str, Any]", msgspec.Raw(body))
        # Verbs longer than an id are cut here, and whole in the statement.
        payload = StatementStored(
            enrolment_id=enrolment_id, statement_id=statement_id, verb_id=verb[:200], statement=said
        )
        value = encode(
            payload, event_type="xapi.statement_stored", event_id=fresh.event_id,
            occurred_at=occurred_at, programme_id=self.programme_id, source=SOURCE, learner_key=learner_key, staff_key=staff_key,
        )  # fmt: skip
        if len(value) > MAX_RECORD_BYTES:
            raise TooLarge(f"a statement of more than {MAX_RECORD_BYTES:,} bytes")
        if spec_of(verb) is None:
            # Of our own profile it may open an enrolment: that is looked for when it is read.
            pending.said[value] = Record(-1, -1, self.programme_id, fresh.stored_us, statement, body, facts)
        # By the statement's id: one that comes again meets the first one in the same partition.
        records = [NewRecord(statement_id.encode(), value)]
        if facts.voids is not None:
            undone = encode(
                StatementVoided(statement_id=facts.voids, voiding_statement_id=statement_id), event_type="xapi.statement_voided",
                event_id=stable_id("xapi.voided", self.programme_id, statement_id), occurred_at=moment(fresh.stored_us),
                programme_id=self.programme_id, source=SOURCE,
            )  # fmt: skip
            records.append(NewRecord(statement_id.encode(), undone))
        return records


def _opening(programme_id: str, enrolment_id: str, course_id: str, learner_key: str, at: datetime) -> NewRecord:
    value = encode(
        EnrolmentOpened(enrolment_id=enrolment_id, class_id=course_id, course_id=course_id), event_type="enrolment.opened",
        event_id=stable_id(SOURCE, programme_id, enrolment_id), occurred_at=at, programme_id=programme_id, source=SOURCE,
        learner_key=learner_key,
    )  # fmt: skip
    return NewRecord(learner_key.encode(), value)


@dataclass(slots=True)
class DocumentWrite:
    """A document to be stored or deleted, or all of its place.

    Attributes:
        agent: whose it is, where it is somebody's.
        change: from the content before (None where there was none) to the new one and its type, None to delete; raises to
            refuse. ``document_id`` None: everything of the place goes.
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

    def prepare(self, people: People) -> None:
        self._person = person_keys(people.replaced(self.agent))[0] if self.agent is not None else None

    def plan(self, pending: Pending) -> list[NewRecord]:
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
                k: v for k, v in pending.documents.items() if k[0] != self.programme_id or not _within(k[1], place)
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
        sealed = store.people.seal(person, content) if person is not None else content
        pending.documents[key] = Document(sealed, content_type, self._etag, stored_us)
        payload = DocumentStored(
            document_id=self.document_id, content_type=content_type, etag=self._etag, content=b64encode(sealed).decode(), **about
        )  # fmt: skip
        return [self._record("xapi.document_stored", payload, stored)]

    def _record(self, event_type: str, payload: Any, stored: datetime) -> NewRecord:
        value = encode(
            payload, event_type=event_type, event_id=str(uuid4()), occurred_at=stored, programme_id=self.programme_id,
            source=SOURCE,
        )  # fmt: skip
        if len(value) > MAX_RECORD_BYTES:
            raise TooLarge(f"a document of more than {MAX_RECORD_BYTES * 3 // 4 - 1024:,} bytes")
        # All of one place in one partition, in order.
        key = f"{self.programme_id} {self.kind} {self.activity_id} {self.agent and payload.person_key}"
        return NewRecord(key.encode(), value)

    def done(self) -> None:
        self.result.set_result(self._etag)


@dataclass(slots=True)
class EventsWrite:
    """Events of one request, each valid: each is taken or not by itself."""

    programme_id: str
    events: Sequence[tuple[str, NewRecord]]
    result: Future[list[str]] = field(default_factory=Future)
    _verdicts: list[str] = field(default_factory=list)
    _digests: list[bytes] = field(default_factory=list)

    def people(self) -> Iterable[Any]:
        return []

    def prepare(self, people: People) -> None:
        self._digests = [digest_of(record.value) for _, record in self.events]

    def plan(self, pending: Pending) -> list[NewRecord]:
        known = pending.store.index.events(self.programme_id, [event_id for event_id, _ in self.events])
        records = []
        for (event_id, record), digest in zip(self.events, self._digests, strict=True):
            before = pending.events.get((self.programme_id, event_id)) or known.get(event_id)
            if before is not None:
                self._verdicts.append("repeated" if before == digest else "conflict")
                continue
            pending.events[self.programme_id, event_id] = digest
            # An opening says more than that it was seen.
            if b'"enrolment.opened"' not in record.value:
                pending.said[record.value] = Record(-1, -1, self.programme_id, event=SeenEvent(event_id, digest, 0))
            records.append(record)
            self._verdicts.append("accepted")
        return records

    def done(self) -> None:
        self.result.set_result(self._verdicts)
