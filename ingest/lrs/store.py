"""Takes statements and documents into the log, and answers when they are durable there and in the index.

One thread writes. What arrives while it is busy goes into its next commit: a thousand clients who send one statement each pay for a
handful of commits.
"""

from __future__ import annotations

import queue
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha1
from typing import Any, Protocol
from uuid import uuid4

from ingest.events import encode, format_time
from ingest.events.statement import DocumentDeleted, DocumentStored, StatementStored, StatementVoided
from ingest.events.validation import MAX_RECORD_BYTES
from ingest.log.port import EventLog, LogReader, NewRecord, Slice
from ingest.lrs.compare import same_statement
from ingest.lrs.facets import voids
from ingest.lrs.formats import instant, microseconds
from ingest.lrs.index import Document, DocumentPlace, Record, StatementIndex
from ingest.lrs.people import People, person_keys
from ingest.lrs.projection import SOURCE, record_of
from ingest.sources.ids import stable_id

__all__ = ["Conflict", "DocumentWrite", "Store", "TooBusy", "TooLarge", "catch_up", "records_behind"]

#: Commands of one commit at most, and commands that wait at most: more are refused before memory grows.
_TOGETHER, _WAITING = 512, 4_096
_POLL_RECORDS, _POLL_BYTES = 5_000, 1 << 26
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)


class Conflict(Exception):
    """A statement of that id says something else."""


class TooBusy(Exception):
    """More waits than is taken; come back later."""


class TooLarge(Exception):
    """More than a record of the log holds."""


class _Command(Protocol):
    result: Future[Any]

    def people(self) -> Sequence[Any]:
        """What names people."""

    def plan(self, pending: _Pending) -> list[NewRecord]:
        """The records to append, with all that came before in the same commit known; sets nothing."""

    def done(self) -> None:
        """It is durable."""


def _within(place: DocumentPlace, gone: DocumentPlace) -> bool:
    """Whether all documents of ``gone`` are meant where those of ``place`` are: without a registration, of every one."""
    return gone.registration in ("", place.registration) and replace(place, registration=gone.registration) == gone


@dataclass(slots=True)
class _Pending:
    """What a commit will change, as far as it is planned."""

    store: Store
    statements: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    documents: dict[tuple[str, DocumentPlace, str], Document | None] = field(default_factory=dict)
    cleared: list[tuple[str, DocumentPlace]] = field(default_factory=list)

    def document(self, programme_id: str, place: DocumentPlace, document_id: str) -> Document | None:
        key = (programme_id, place, document_id)
        if key in self.documents:
            return self.documents[key]
        if any(programme == programme_id and _within(place, gone) for programme, gone in self.cleared):
            return None
        return self.store.index.document(programme_id, place, document_id)


@dataclass(slots=True)
class _Statements:
    """Statements of one request, checked: all are stored, or none."""

    programme_id: str
    statements: Sequence[dict[str, Any]]
    authority: Mapping[str, Any]
    version: str
    result: Future[list[str]] = field(default_factory=Future)
    ids: list[str] = field(default_factory=list)

    def people(self) -> Sequence[Any]:
        return [*self.statements, self.authority]

    def plan(self, pending: _Pending) -> list[NewRecord]:
        store = pending.store
        self.ids = [str(s.get("id") or uuid4()).lower() for s in self.statements]
        known = store.index.statements(self.programme_id, self.ids)
        own: dict[str, dict[str, Any]] = {}
        records = []
        for statement_id, said in zip(self.ids, self.statements, strict=True):
            before = own.get(statement_id) or pending.statements.get((self.programme_id, statement_id))
            if before is None and statement_id in known:
                before = known[statement_id].statement
            if before is not None:
                if not same_statement(said, store.people.restored(before)):
                    raise Conflict(statement_id)
                continue
            stored = store.next_stored()
            statement = {
                **{k: v for k, v in said.items() if k not in ("stored", "authority")},
                "id": statement_id,
                "version": said.get("version", self.version),
                "timestamp": said.get("timestamp", stored),
                "stored": stored,
                "authority": self.authority,
            }
            kept = store.people.replaced(statement)
            own[statement_id] = kept
            records += _events(self.programme_id, kept, stored)
        pending.statements |= {(self.programme_id, i): s for i, s in own.items()}
        return records

    def done(self) -> None:
        self.result.set_result(self.ids)


def _events(programme_id: str, statement: dict[str, Any], stored: str) -> list[NewRecord]:
    statement_id, verb = str(statement["id"]), str(statement["verb"]["id"])
    keys = person_keys(statement["actor"]) or person_keys(statement["authority"])
    at = instant(statement["timestamp"])
    stored_at = instant(stored)
    # A clock that was never set, or runs ahead, is no time of an event.
    occurred = at if _EARLIEST < at <= stored_at else stored_at
    # Verbs longer than an id are cut here, and whole in the statement.
    payload = StatementStored(statement_id=statement_id, verb_id=verb[:200], statement=statement)
    value = encode(
        payload, event_type="xapi.statement_stored", event_id=stable_id("xapi", programme_id, statement_id), occurred_at=occurred,
        programme_id=programme_id, source=SOURCE, learner_key=keys[0],
    )  # fmt: skip
    if len(value) > MAX_RECORD_BYTES:
        raise TooLarge(f"a statement of more than {MAX_RECORD_BYTES:,} bytes")
    # By the statement's id: one that comes again meets the first one in the same partition.
    records = [NewRecord(statement_id.encode(), value)]
    target = voids(statement)
    if target is not None:
        undone = encode(
            StatementVoided(statement_id=target, voiding_statement_id=statement_id), event_type="xapi.statement_voided",
            event_id=stable_id("xapi.voided", programme_id, statement_id), occurred_at=stored_at, programme_id=programme_id, source=SOURCE,
        )  # fmt: skip
        records.append(NewRecord(statement_id.encode(), undone))
    return records


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

    def people(self) -> Sequence[Any]:
        return [self.agent] if self.agent is not None else []

    def plan(self, pending: _Pending) -> list[NewRecord]:
        store = pending.store
        person = store.people.key_for(self.agent) if self.agent is not None else None
        place = DocumentPlace(self.kind, self.activity_id or "", person or "", self.registration or "")
        about: dict[str, Any] = {
            "kind": self.kind, "activity_id": self.activity_id, "person_key": person, "registration": self.registration,
        }  # fmt: skip
        stored = store.next_stored()
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
        pending.documents[key] = Document(sealed, content_type, self._etag, microseconds(instant(stored)))
        payload = DocumentStored(
            document_id=self.document_id, content_type=content_type, etag=self._etag, content=b64encode(sealed).decode(), **about
        )  # fmt: skip
        return [self._record("xapi.document_stored", payload, stored)]

    def _record(self, event_type: str, payload: Any, stored: str) -> NewRecord:
        value = encode(
            payload, event_type=event_type, event_id=str(uuid4()), occurred_at=instant(stored), programme_id=self.programme_id,
            source=SOURCE,
        )  # fmt: skip
        if len(value) > MAX_RECORD_BYTES:
            raise TooLarge(f"a document of more than {MAX_RECORD_BYTES * 3 // 4 - 1024:,} bytes")
        # All of one place in one partition, in order.
        key = f"{self.programme_id} {self.kind} {self.activity_id} {self.agent and payload.person_key}"
        return NewRecord(key.encode(), value)

    def done(self) -> None:
        self.result.set_result(self._etag)


class Store:
    """The one that writes; close it, and what was taken is written first.

    Args:
        index: caught up with the log before anything is answered.
    """

    def __init__(self, log: EventLog, index: StatementIndex, people: People) -> None:
        self.log, self.index, self.people = log, index, people
        index.bind(log.log_id)
        catch_up(log, index)
        self._reader = log.reader(lambda partition: index.positions().get(partition, 0))
        self._last_us = 0
        self._waiting: queue.Queue[_Command | None] = queue.Queue(_WAITING)
        self._oldest_us: int | None = None
        self._is_behind = False
        self._writer = threading.Thread(target=self._write, name="xapi-writer", daemon=True)
        self._writer.start()

    def put(
        self, programme_id: str, statements: Sequence[dict[str, Any]], authority: Mapping[str, Any], version: str
    ) -> Future[list[str]]:
        """Store statements that were checked; their ids come when they are durable.

        Raises (in the future):
            Conflict: one is known otherwise; none of them is stored.
            TooLarge: one is larger than a record.
            Transient: the log cannot take them now.
        """
        command = _Statements(programme_id, statements, authority, version)
        self._submit(command)
        return command.result

    def write(self, document: DocumentWrite) -> Future[str | None]:
        """Store or delete a document; its new ETag comes when that is durable, None where there is none."""
        self._submit(document)
        return document.result

    def _submit(self, command: _Command) -> None:
        # From now on it runs: a client who hangs up cannot take it back.
        command.result.set_running_or_notify_cancel()
        try:
            self._waiting.put_nowait(command)
        except queue.Full:
            raise TooBusy(f"{_WAITING} requests wait already") from None

    def opened(self, place: DocumentPlace, document: Document) -> bytes:
        """A document's content; raises IdentityError where its person was forgotten."""
        return self.people.unseal(place.person_key, document.content) if place.person_key else document.content

    def next_stored(self) -> str:
        """A time of storing, later than every one before."""
        self._last_us = max(self._last_us + 1, time.time_ns() // 1000)
        return _stored_text(self._last_us)

    def consistent_through(self) -> str:
        """All that was stored until then can be asked for."""
        oldest = self._oldest_us
        return _stored_text(time.time_ns() // 1000 if oldest is None else oldest)

    def behind(self) -> int:
        """How many records of the log the index has not seen yet.

        Raises:
            LogUnavailable: the log cannot be asked.
        """
        return records_behind(self.log, self.index)

    def _write(self) -> None:
        is_open = True
        while is_open:
            group = [self._waiting.get()]
            while len(group) < _TOGETHER:
                try:
                    group.append(self._waiting.get_nowait())
                except queue.Empty:
                    break
            is_open = None not in group
            commands = [c for c in group if c is not None]
            if commands:
                self._oldest_us = time.time_ns() // 1000
                try:
                    self._commit(commands)
                finally:
                    self._oldest_us = None

    def _commit(self, commands: Sequence[_Command]) -> None:
        pending, records, planned = _Pending(self), [], []
        try:
            if self._is_behind:
                self._catch_up()
            self.people.learn(thing for c in commands for thing in c.people())
        except Exception as error:  # nothing was written: all of them are told
            for command in commands:
                command.result.set_exception(error)
            return
        for command in commands:
            try:
                records += command.plan(pending)
                planned.append(command)
            except Exception as error:  # this one is refused; the others go on
                command.result.set_exception(error)
        try:
            if records:
                self.log.append(records)
                self._catch_up()
        except Exception as error:  # it may be in the log or not: all of them are told, and may send it again
            for command in planned:
                command.result.set_exception(error)
            return
        for command in planned:
            command.done()

    def _catch_up(self) -> None:
        if self._is_behind:
            # What was read may not have been applied.
            for partition in self.log.end_offsets():
                self._reader.seek(partition, self.index.positions().get(partition, 0))
        self._is_behind = True
        _follow(self.log, self.index, self._reader)
        self._is_behind = False

    def close(self) -> None:
        """Write what was taken, and end."""
        self._waiting.put(None)
        self._writer.join()
        self._reader.close()


def catch_up(log: EventLog, index: StatementIndex, report: Callable[[int], None] = lambda records: None) -> int:
    """Apply all that the index has not seen of the log; returns how many records."""
    with log.reader(lambda partition: index.positions().get(partition, 0)) as reader:
        return _follow(log, index, reader, report)


def records_behind(log: EventLog, index: StatementIndex) -> int:
    """How many records of the log the index has not seen; raises LogUnavailable."""
    done = index.positions()
    return sum(max(0, end - done.get(p, 0)) for p, end in log.end_offsets().items())


def _follow(
    log: EventLog, index: StatementIndex, reader: LogReader, report: Callable[[int], None] = lambda records: None
) -> int:
    """Apply what ``reader`` gives up to where the log ends now."""
    applied, ends = 0, log.end_offsets()
    while any(index.positions().get(p, 0) < end for p, end in ends.items()):
        records = _records(reader.poll(_POLL_RECORDS, _POLL_BYTES, 5.0))
        index.apply(records)
        applied += len(records)
        report(len(records))
    return applied


def _records(slices: Sequence[Slice]) -> list[Record]:
    return [
        record_of(piece.partition, offset, value)
        for piece in slices
        for offset, value in zip(piece.offsets, piece.values, strict=True)
    ]


def _stored_text(us: int) -> str:
    seconds, rest = divmod(us, 1_000_000)
    return f"{format_time(datetime.fromtimestamp(seconds, UTC)).removesuffix('Z')}.{rest:06d}Z"
