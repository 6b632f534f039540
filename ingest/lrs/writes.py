"""What a request has the store write: which records, with all that came before in the same commit known."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha1
from typing import Any, NamedTuple, Protocol, cast
from uuid import uuid4

import msgspec

from ingest.events import EventSpec, encode
from ingest.events.enrolment import EnrolmentOpened
from ingest.events.profile import is_staffs, spec_of
from ingest.events.statement import DocumentDeleted, DocumentStored, StatementStored, StatementVoided
from ingest.events.validation import EARLIEST, MAX_RECORD_BYTES
from ingest.log.port import NewRecord
from ingest.lrs.compare import same_statement
from ingest.lrs.facets import Facts, facts_of
from ingest.lrs.formats import instant, microseconds, moment, stored_text
from ingest.lrs.index import Document, DocumentPlace, Record, Said, SeenEvent, StatementIndex
from ingest.lrs.meaning import Belonging, belonging_of, course_of, enrolment_of
from ingest.lrs.people import People, Unmet, parts_with_people, person_keys
from ingest.lrs.projection import SOURCE, digest_of
from ingest.sources.ids import stable_id

__all__ = ["Conflict", "DocumentWrite", "EventsWrite", "Pending", "Planned", "StatementsWrite", "TooLarge", "Write"]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_EARLIEST_US = microseconds(EARLIEST)


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


class Planned(NamedTuple):
    """A record to append.

    Attributes:
        means: what it changes in the index, but for where it stands and when it was recorded; None: it is read for that.
    """

    record: NewRecord
    means: Record | None = None


class _Prepared(NamedTuple):
    """A statement as it is kept, but for when it was stored.

    Attributes:
        body: how it is written; and ``value`` its event, of the enrolment that it names and of its own time, where it has one
            that an event may have.
        whose: the key of the one who is told of; of a group, its first member's.
        at_us: its timestamp, in microseconds since 1970.
        spec: the event of ours that it says, where it is of our profile.
    """

    statement: dict[str, Any]
    body: bytes
    value: bytes | None
    facts: Facts
    whose: str
    at_us: int | None
    spec: EventSpec | None
    is_staffs: bool
    belonging: Belonging


class _Fresh(NamedTuple):
    """A statement that is stored now: when, what says so in its JSON, and how it is written."""

    said: _Prepared
    stored_us: int
    times: bytes
    body: bytes


class Write(Protocol):
    """Something that is written, whole or not at all; ``result`` tells when it is durable."""

    result: Future[Any]

    def people(self) -> Iterable[Any]:
        """Who is named, and in what people are."""

    def prepare(self, people: People) -> bool:
        """Do all that can be done before what was written by others is known, once.

        Returns:
            False where somebody has no key yet: it is to be asked again when :attr:`people` have.
        """

    def plan(self, pending: Pending) -> list[Planned]:
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
    statements: dict[tuple[str, str], _Fresh] = field(default_factory=dict)
    documents: dict[tuple[str, DocumentPlace, str], Document | None] = field(default_factory=dict)
    cleared: list[tuple[str, DocumentPlace]] = field(default_factory=list)
    enrolments: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    events: dict[tuple[str, str], bytes] = field(default_factory=dict)

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
    ids: list[str] = field(init=False)
    #: Where people are, for each statement; and those that are prepared, the first ones.
    _named: list[list[str]] = field(init=False)
    _prepared: list[_Prepared] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._named = [[name for name in parts_with_people(s) if name != "authority"] for s in self.statements]
        self.ids = [str(s.get("id") or uuid4()).lower() for s in self.statements]

    def people(self) -> Iterable[Any]:
        yield self.authority
        for statement, names in zip(self.statements, self._named, strict=True):
            yield from [statement[name] for name in names]

    def prepare(self, people: People) -> bool:
        try:
            authority = people.replaced(self.authority)
            for n in range(len(self._prepared), len(self.ids)):
                self._prepared.append(self._kept(n, people, authority))
        except Unmet:
            return False
        return True

    def _kept(self, n: int, people: People, authority: Mapping[str, Any]) -> _Prepared:
        said, statement_id = self.statements[n], self.ids[n]
        # Who has stored it and when is the store's to say.
        statement = {k: v for k, v in said.items() if k not in ("stored", "authority")}
        for name in self._named[n]:
            statement[name] = people.replaced(statement[name])
        statement["id"] = statement_id
        statement.setdefault("version", self.version)
        statement["authority"] = authority
        whose = (person_keys(statement["actor"]) or person_keys(authority))[0]
        at = instant(statement["timestamp"]) if "timestamp" in statement else None
        spec, belonging = spec_of(statement["verb"]["id"]), belonging_of(statement, whose)
        is_told_by_staff = spec is not None and is_staffs(spec, statement)
        facts, body, value = facts_of(statement), _encode(statement), None
        if at is not None and at > EARLIEST:
            value = self._event(facts, body, belonging.said, at, whose, is_staffs=is_told_by_staff)
        at_us = microseconds(at) if at is not None else None
        return _Prepared(statement, body, value, facts, whose, at_us, spec, is_told_by_staff, belonging)

    def _event(
        self, facts: Facts, body: bytes, enrolment_id: str | None, occurred_at: datetime, whose: str, *, is_staffs: bool
    ) -> bytes:
        # Verbs longer than an id are cut here, and whole in the statement, which is written once, for the log and the index.
        payload = StatementStored(
            enrolment_id=enrolment_id, statement_id=facts.statement_id, verb_id=facts.verb[:200],
            statement=cast("dict[str, Any]", msgspec.Raw(body)),
        )  # fmt: skip
        return encode(
            payload, event_type="xapi.statement_stored", event_id=stable_id("xapi", self.programme_id, facts.statement_id),
            occurred_at=occurred_at, programme_id=self.programme_id, source=SOURCE,
            learner_key=None if is_staffs else whose, staff_key=whose if is_staffs else None,
        )  # fmt: skip

    def plan(self, pending: Pending) -> list[Planned]:
        store = pending.store
        known = store.index.statements(self.programme_id, self.ids)
        fresh: dict[str, _Fresh] = {}
        for statement_id, said, one in zip(self.ids, self.statements, self._prepared, strict=True):
            found = fresh.get(statement_id) or pending.statements.get((self.programme_id, statement_id))
            before = _decode(found.body) if found is not None else None
            if before is None and statement_id in known:
                before = known[statement_id].statement
            if before is None:
                fresh[statement_id] = _stamped(one, store.next_stored_us())
            elif not same_statement(said, store.people.restored(before)):
                raise Conflict(statement_id)
        pending.look_up(self.programme_id, {one.said.whose for one in fresh.values()})
        opened: dict[str, set[str]] = {}
        records = [record for one in fresh.values() for record in self._records(one, pending, opened)]
        # Only now: where one is refused, none of them has opened anything.
        for learner, enrolments in opened.items():
            pending.enrolled(self.programme_id, learner).update(enrolments)
        pending.statements |= {(self.programme_id, i): one for i, one in fresh.items()}
        return records

    def done(self) -> None:
        self.result.set_result(self.ids)

    def _records(self, fresh: _Fresh, pending: Pending, opened: dict[str, set[str]]) -> list[Planned]:
        one, key = fresh.said, fresh.said.whose
        if one.is_staffs:
            return self._planned(fresh, one.belonging.said)

        def enrolled() -> set[str]:
            before = pending.enrolled(self.programme_id, key)
            return before | opened[key] if key in opened else before

        enrolment, is_new = enrolment_of(one.belonging, enrolled, may_open=self.opens_enrolments)
        records = self._planned(fresh, enrolment)
        if enrolment is not None:
            if is_new:
                course = course_of(one.statement)
                records.insert(0, _opening(self.programme_id, enrolment, course, key, _occurred_at(fresh)))
            if is_new or (one.spec is not None and one.spec.event_type == "enrolment.opened"):
                opened.setdefault(key, set()).add(enrolment)
        return records

    def _planned(self, fresh: _Fresh, enrolment_id: str | None) -> list[Planned]:
        one, facts = fresh.said, fresh.said.facts
        if one.value is not None and enrolment_id == one.belonging.said and (one.at_us or 0) <= fresh.stored_us:
            # The statement is its last member's last member.
            value = one.value[:-3] + fresh.times + b"}}}"
        else:
            value = self._event(
                facts, fresh.body, enrolment_id, _occurred_at(fresh), one.whose, is_staffs=one.is_staffs
            )
        if len(value) > MAX_RECORD_BYTES:
            raise TooLarge(f"a statement of more than {MAX_RECORD_BYTES:,} bytes")
        means = None
        if one.spec is None:
            # Of our own profile it may open an enrolment: that is looked for when it is read.
            means = Record(-1, -1, self.programme_id, fresh.stored_us, Said(facts, fresh.body))
        # By the statement's id: one that comes again meets the first one in the same partition.
        key = facts.statement_id.encode()
        records = [Planned(NewRecord(key, value), means)]
        if facts.voids is not None:
            undone = encode(
                StatementVoided(statement_id=facts.voids, voiding_statement_id=facts.statement_id), event_type="xapi.statement_voided",
                event_id=stable_id("xapi.voided", self.programme_id, facts.statement_id), occurred_at=moment(fresh.stored_us),
                programme_id=self.programme_id, source=SOURCE,
            )  # fmt: skip
            records.append(Planned(NewRecord(key, undone)))
        return records


def _stamped(one: _Prepared, stored_us: int) -> _Fresh:
    """With when it was stored, which is when it was said where it does not say so."""
    stored = stored_text(stored_us)
    said_at = f',"timestamp":"{stored}"' if one.at_us is None else ""
    # Others wait for this: what was written of it before is written on.
    times = f'{said_at},"stored":"{stored}"'.encode()
    return _Fresh(one, stored_us, times, one.body[:-1] + times + b"}")


def _occurred_at(fresh: _Fresh) -> datetime:
    """A clock that was never set, or runs ahead, is no time of an event."""
    at_us = fresh.said.at_us
    is_told = at_us is not None and _EARLIEST_US < at_us <= fresh.stored_us
    return moment(at_us if is_told and at_us is not None else fresh.stored_us)


def _opening(programme_id: str, enrolment_id: str, course_id: str, learner_key: str, at: datetime) -> Planned:
    value = encode(
        EnrolmentOpened(enrolment_id=enrolment_id, class_id=course_id, course_id=course_id), event_type="enrolment.opened",
        event_id=stable_id(SOURCE, programme_id, enrolment_id), occurred_at=at, programme_id=programme_id, source=SOURCE,
        learner_key=learner_key,
    )  # fmt: skip
    return Planned(NewRecord(learner_key.encode(), value))


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

    def _record(self, event_type: str, payload: Any, stored: datetime) -> Planned:
        value = encode(
            payload, event_type=event_type, event_id=str(uuid4()), occurred_at=stored, programme_id=self.programme_id,
            source=SOURCE,
        )  # fmt: skip
        if len(value) > MAX_RECORD_BYTES:
            raise TooLarge(f"a document of more than {MAX_RECORD_BYTES * 3 // 4 - 1024:,} bytes")
        # All of one place in one partition, in order.
        key = f"{self.programme_id} {self.kind} {self.activity_id} {self.agent and payload.person_key}"
        return Planned(NewRecord(key.encode(), value))

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

    def prepare(self, people: People) -> bool:
        if not self._digests:
            self._digests = [digest_of(record.value) for _, record in self.events]
        return True

    def plan(self, pending: Pending) -> list[Planned]:
        known = pending.store.index.events(self.programme_id, [event_id for event_id, _ in self.events])
        records = []
        for (event_id, record), digest in zip(self.events, self._digests, strict=True):
            before = pending.events.get((self.programme_id, event_id)) or known.get(event_id)
            if before is not None:
                self._verdicts.append("repeated" if before == digest else "conflict")
                continue
            pending.events[self.programme_id, event_id] = digest
            # An opening says more than that it was seen.
            says_more = b'"enrolment.opened"' in record.value
            seen = SeenEvent(event_id, digest, 0)
            records.append(Planned(record, None if says_more else Record(-1, -1, self.programme_id, event=seen)))
            self._verdicts.append("accepted")
        return records

    def done(self) -> None:
        self.result.set_result(self._verdicts)
