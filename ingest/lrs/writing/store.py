"""Takes statements, documents and events into the log, and answers when they are durable there and in the index.

One thread writes. Whatever arrives while it is busy goes into its next commit, so that a thousand clients who send one statement each
pay for a handful of commits.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from traceback import format_tb
from typing import Any

import msgspec

from ingest.events import Envelope
from ingest.identity.sealing import header_of
from ingest.log.continuity import mark_of
from ingest.log.port import EventLog, Placed
from ingest.lrs.index.port import Document, DocumentPlace, Record, SeenEvent, SetAside, StatementIndex
from ingest.lrs.standard.formats import stored_text
from ingest.lrs.writing.catching_up import (
    catch_up,
    check_log,
    follow,
    records_behind,
    remembered_since,
    retry_set_aside,
)
from ingest.lrs.writing.documents import DocumentWrite
from ingest.lrs.writing.events import EventsWrite, TakenEvent
from ingest.lrs.writing.people import People
from ingest.lrs.writing.planning import Pending, Planned, Write
from ingest.lrs.writing.projection import record_of
from ingest.lrs.writing.statements import StatementsWrite
from ingest.sealed_records import sealed_event
from warehouse.errors import IdentityError

__all__ = ["NotKept", "Store", "TooBusy"]

#: Commands of one commit at most, and commands that wait at most: beyond, a command is refused before memory grows.
_TOGETHER, _WAITING = 512, 16_384
#: A commit of fewer commands takes along those that came while it waited for the index's lock.
_SOME = 32


class NotKept(Exception):
    """The log has what a client sent, but the index cannot give it back."""


class TooBusy(Exception):
    """Too many commands wait; the client should come back later."""


class Store:
    """The writer; :meth:`close` writes what was taken, then ends it.

    Args:
        index: it is caught up with the log before the constructor returns.
    """

    def __init__(self, log: EventLog, index: StatementIndex, people: People) -> None:
        self.log, self.index, self.people = log, index, people
        index.bind(log.log_id)
        catch_up(log, index)
        retry_set_aside(log, index)
        index.forget_events(remembered_since())
        self._reader = log.reader(lambda partition: index.positions().get(partition, 0))
        self._last_us = 0
        self._waiting: queue.Queue[Write | None] = queue.Queue(_WAITING)
        #: Commands that came during a commit and name somebody whom the vault has yet to meet.
        self._put_off: list[Write] = []
        #: When the commit under way began.
        self._oldest_us: int | None = None
        #: What the index has applied, by partition, as far as this process knows.
        self._positions: dict[int, int] = {}
        #: Whether others may have written, or a commit has failed: ``_positions`` may then be wrong.
        self._is_behind = True
        self._is_open = True
        self._writer = threading.Thread(target=self._write, name="xapi-writer", daemon=True)
        self._writer.start()

    def put(
        self, programme_id: str, statements: Sequence[dict[str, Any]], authority: Mapping[str, Any], version: str,
        *, opens_enrolments: bool = False, recorded_us: int | None = None,
    ) -> Future[list[str]]:  # fmt: skip
        """Store checked statements; the future gives their ids when they are durable.

        Args:
            recorded_us: when they were first recorded, where an import claims it and its claim makes sense.
            opens_enrolments: enrol the learner in the course of a statement where the learner is not.

        Raises (in the future):
            Conflict: a statement of the same id says something else; none of them is stored.
            TooLarge: a statement does not fit into a record.
            Transient: the log cannot take them now.
        """
        command = StatementsWrite(programme_id, statements, authority, version, opens_enrolments, recorded_us)
        self._submit(command)
        return command.result

    def write(self, document: DocumentWrite) -> Future[str | None]:
        """Store or delete a document; the future gives its new ETag when that is durable, None where it was deleted."""
        self._submit(document)
        return document.result

    def take(self, programme_id: str, events: Sequence[TakenEvent]) -> Future[list[str]]:
        """Append valid events; the future gives a verdict on each when all are durable.

        The verdict is ``accepted``; ``repeated`` where an event of the same id and content was recorded within
        :data:`~ingest.lrs.writing.catching_up.REMEMBERED_DAYS`; or ``conflict`` where that event has another content. (The warehouse
        recognises later repeats, and counts them once, too.)
        """
        command = EventsWrite(programme_id, events)
        self._submit(command)
        return command.result

    def sealed(self, value: bytes, event: Envelope) -> Envelope:
        """An event of a client whose words are sealed; the event itself where it has none."""
        return sealed_event(lambda: self.people.sealer, value, event)

    def waiting(self) -> int:
        """How many requests wait to be written."""
        return self._waiting.qsize()

    def _submit(self, command: Write) -> None:
        # Prepared in the client's thread where everybody in it has a key: nobody else waits for that.
        command.prepare(self.people)
        # A running future cannot be cancelled: a client who hangs up takes nothing back.
        command.result.set_running_or_notify_cancel()
        try:
            self._waiting.put_nowait(command)
        except queue.Full:
            raise TooBusy(f"{_WAITING} requests wait already") from None

    def opened(self, place: DocumentPlace, document: Document) -> bytes:
        """A document's content; raises IdentityError where its person was forgotten, or it was redacted."""
        header = header_of(document.content)
        if header is None or header.person != (place.person_key or None):  # of an earlier version
            return self.people.unseal(place.person_key, document.content) if place.person_key else document.content
        content = self.people.sealer.open(document.content, place.about())
        if content is None:
            raise IdentityError("the document's key is gone")
        return content

    def next_stored_us(self) -> int:
        """A time of storing, later than every one before, in microseconds since 1970."""
        self._last_us = max(self._last_us + 1, time.time_ns() // 1000)
        return self._last_us

    def consistent_through(self) -> str:
        """A time; queries find every statement that was stored until then."""
        now = time.time_ns() // 1000
        moments = [now, *(m for m in (self._oldest_us, self.index.settled_us()) if m is not None)]
        return stored_text(min(moments))

    def behind(self) -> int:
        """How many records of the log the index has not seen.

        Raises:
            LogUnavailable: the log cannot be reached.
        """
        return records_behind(self.log, self.index)

    def set_aside(self) -> int:
        """How many records of the log the index could not take in; ``xueqing status`` lists them."""
        return len(self.index.set_aside())

    def _write(self) -> None:
        while self._write_next():
            pass

    def _write_next(self) -> bool:
        """Write what waits, or the next command that comes; False where the store was closed.

        A method of its own, so that its variables release what was written before it waits again.
        """
        if not self._is_open and not self._put_off:
            return False
        first = self._put_off or self._waiting_now(1, wait=True)
        self._put_off = []
        if not first:
            return False
        self._oldest_us = time.time_ns() // 1000
        try:
            self._commit([*first, *self._waiting_now(_TOGETHER - len(first))])
        finally:
            self._oldest_us = None
        return True

    def _waiting_now(self, most: int, *, wait: bool = False) -> list[Write]:
        found: list[Write] = []
        while len(found) < most and self._is_open:
            try:
                command = self._waiting.get(block=wait)
            except queue.Empty:
                break
            if command is None:
                self._is_open = False
            else:
                found.append(command)
        return found

    def _commit(self, commands: list[Write]) -> None:
        try:
            self._prepare(commands)
            with self.index.exclusive() as others_wrote:
                if len(commands) < _SOME:
                    # More may have come during the wait for the lock. A commit costs as much as some dozens of small requests.
                    for late in self._waiting_now(_SOME - len(commands)):
                        # The vault meets new people in a transaction of its own, for which this commit does not wait.
                        (commands if late.prepare(self.people) else self._put_off).append(late)
                self._commit_alone(commands, others_wrote=others_wrote)
        except Exception as error:  # the index cannot be reached: every client who has no answer yet gets this one
            _refuse([command for command in commands if not command.result.done()], error)

    def _prepare(self, commands: Sequence[Write]) -> None:
        strangers = [command for command in commands if not command.prepare(self.people)]
        self.people.learn(thing for c in strangers for thing in c.people())
        for command in strangers:
            command.prepare(self.people)

    def _commit_alone(self, commands: Sequence[Write], *, others_wrote: bool) -> None:
        pending = Pending(self)
        planned: list[tuple[Write, Planned]] = []
        accepted: list[Write] = []
        try:
            if others_wrote or self._is_behind:
                self._is_behind = True
                self._positions = dict(self.index.positions())
                self._last_us = max(self._last_us, self.index.newest_us())
            # Another process may have appended, and ended before its records were in the index.
            self._catch_up()
        except Exception as error:  # nothing was written: every command is refused
            _refuse(commands, error)
            return
        for command in commands:
            try:
                planned += [(command, one) for one in command.plan(pending)]
                accepted.append(command)
            except Exception as error:  # this command is refused; the others go on
                _refuse([command], error)
        try:
            if planned:
                placed = self.log.append([one.record for _, one in planned])
                aside = {(one.partition, one.offset): one.why for one in self._apply([p for _, p in planned], placed)}
        except Exception as error:  # the log may have the records or not: clients hear so, and may send them again
            self._is_behind = True
            _refuse(accepted, error)
            return
        for (command, _), place in zip(planned, placed, strict=True) if planned and aside else ():
            if place[:2] in aside and not command.result.done():
                _refuse([command], NotKept(aside[place[:2]]))
        # Before anybody hears of it: who asks then is told of a time that is not before what was stored.
        self._oldest_us = None
        for command in accepted:
            if not command.result.done():
                command.done()

    def _apply(self, planned: Sequence[Planned], placed: Sequence[Placed]) -> list[SetAside]:
        """Bring records that were appended just now into the index; returns those that it cannot take in.

        The log is read only where records of other processes lie between them.
        """
        positions = dict(self._positions)
        for partition, offset, _ in placed:
            if positions.get(partition, 0) != offset:
                return self._catch_up()
            positions[partition] = offset + 1
        since = remembered_since()
        last = {where[0]: number for number, where in enumerate(placed)}
        records = [_placed(one, *where, since) for one, where in zip(planned, placed, strict=True)]
        for number in last.values():
            mark = mark_of(placed[number][2], planned[number].record.value)
            records[number] = msgspec.structs.replace(records[number], mark=mark)
        aside = self.index.apply(records)
        self._positions = positions
        return aside

    def _catch_up(self) -> list[SetAside]:
        """Bring the index up to the log's end; returns what it cannot take in."""
        ends = self.log.end_offsets()
        if any(ends.get(p, 0) < position for p, position in self._positions.items()):
            check_log(self.log, self.index)
        if all(self._positions.get(p, 0) >= end for p, end in ends.items()):
            self._is_behind = False
            return []
        self._is_behind = True
        for partition in ends:
            self._reader.seek(partition, self._positions.get(partition, 0))
        aside: list[SetAside] = []
        follow(self.log, self.index, self._reader, aside=aside)
        self._positions = dict(self.index.positions())
        self._is_behind = False
        return aside

    def close(self) -> None:
        """Write what was taken, and end."""
        self._waiting.put(None)
        self._writer.join()
        self._reader.close()


def _placed(one: Planned, partition: int, offset: int, recorded_us: int, since_us: int) -> Record:
    """What a record changes in the index, at the place that the log has given it."""
    means = one.means
    if means is None:
        return record_of(partition, offset, one.record.value, recorded_us, since_us)
    event = means.event and SeenEvent(means.event.event_id, means.event.digest, recorded_us)
    return Record(partition, offset, means.programme_id, means.stored_us, means.statement, event=event)


def _refuse(commands: Sequence[Write], error: Exception) -> None:
    """Set ``error`` as the result of commands.

    Its traceback is kept as text: its frames would hold the commands, and the commands hold the error. Such a cycle keeps everything that
    clients sent until the next collection.
    """
    error.add_note("".join(format_tb(error.__traceback__)))
    error.with_traceback(None)
    for command in commands:
        command.result.set_exception(error)
