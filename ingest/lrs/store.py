"""Takes statements and documents into the log, and answers when they are durable there and in the index.

One thread writes. What arrives while it is busy goes into its next commit: a thousand clients who send one statement each pay for a
handful of commits.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from traceback import format_tb
from typing import Any

from ingest.log.port import EventLog, LogReader, NewRecord, Placed
from ingest.lrs.formats import stored_text
from ingest.lrs.index import Document, DocumentPlace, Record, SeenEvent, StatementIndex
from ingest.lrs.people import People
from ingest.lrs.projection import record_of
from ingest.lrs.writes import DocumentWrite, EventsWrite, Pending, Planned, StatementsWrite, Write

__all__ = ["REMEMBERED_DAYS", "Store", "TooBusy", "catch_up", "records_behind"]

#: For how long an event's id is known to be a repeat when it comes again over HTTP.
REMEMBERED_DAYS = 7
#: Commands of one commit at most, and commands that wait at most: more are refused before memory grows.
_TOGETHER, _WAITING = 512, 16_384
#: Of fewer commands than that, a commit takes those along that came while it waited for its turn.
_SOME = 32
_POLL_RECORDS, _POLL_BYTES = 5_000, 1 << 26


class TooBusy(Exception):
    """More waits than is taken; come back later."""


class Store:
    """The one that writes; close it, and what was taken is written first.

    Args:
        index: caught up with the log before anything is answered.
    """

    def __init__(self, log: EventLog, index: StatementIndex, people: People) -> None:
        self.log, self.index, self.people = log, index, people
        index.bind(log.log_id)
        catch_up(log, index)
        index.forget_events(_remembered_since())
        self._reader = log.reader(lambda partition: index.positions().get(partition, 0))
        self._last_us = 0
        self._waiting: queue.Queue[Write | None] = queue.Queue(_WAITING)
        self._put_off: list[Write] = []
        self._oldest_us: int | None = None
        #: What the index has seen, by partition, unless others may have written or something failed.
        self._positions: dict[int, int] = {}
        self._is_behind, self._is_open = True, True
        self._writer = threading.Thread(target=self._write, name="xapi-writer", daemon=True)
        self._writer.start()

    def put(
        self, programme_id: str, statements: Sequence[dict[str, Any]], authority: Mapping[str, Any], version: str,
        *, opens_enrolments: bool = False,
    ) -> Future[list[str]]:  # fmt: skip
        """Store statements that were checked; their ids come when they are durable.

        Args:
            opens_enrolments: enrol a learner in the course of a statement who is not.

        Raises (in the future):
            Conflict: one is known otherwise; none of them is stored.
            TooLarge: one is larger than a record.
            Transient: the log cannot take them now.
        """
        command = StatementsWrite(programme_id, statements, authority, version, opens_enrolments)
        self._submit(command)
        return command.result

    def write(self, document: DocumentWrite) -> Future[str | None]:
        """Store or delete a document; its new ETag comes when that is durable, None where there is none."""
        self._submit(document)
        return document.result

    def take(self, programme_id: str, events: Sequence[tuple[str, NewRecord]]) -> Future[list[str]]:
        """Append events that were checked, with their ids; what became of each comes when all are durable.

        ``accepted``; ``repeated``, as it was recorded within :data:`REMEMBERED_DAYS` and says the same; or ``conflict``, as
        that one says something else. (What comes again later is recognised in the warehouse, and counts once, too.)
        """
        command = EventsWrite(programme_id, events)
        self._submit(command)
        return command.result

    def waiting(self) -> int:
        """How many requests wait to be written."""
        return self._waiting.qsize()

    def _submit(self, command: Write) -> None:
        # Here, where nobody else waits for it, if everybody in it is known.
        command.prepare(self.people)
        # From now on it runs: a client who hangs up cannot take it back.
        command.result.set_running_or_notify_cancel()
        try:
            self._waiting.put_nowait(command)
        except queue.Full:
            raise TooBusy(f"{_WAITING} requests wait already") from None

    def opened(self, place: DocumentPlace, document: Document) -> bytes:
        """A document's content; raises IdentityError where its person was forgotten."""
        return self.people.unseal(place.person_key, document.content) if place.person_key else document.content

    def next_stored_us(self) -> int:
        """A time of storing, later than every one before, in microseconds since 1970."""
        self._last_us = max(self._last_us + 1, time.time_ns() // 1000)
        return self._last_us

    def consistent_through(self) -> str:
        """All that was stored until then can be asked for."""
        now = time.time_ns() // 1000
        moments = [now, *(m for m in (self._oldest_us, self.index.settled_us()) if m is not None)]
        return stored_text(min(moments))

    def behind(self) -> int:
        """How many records of the log the index has not seen yet.

        Raises:
            LogUnavailable: the log cannot be asked.
        """
        return records_behind(self.log, self.index)

    def _write(self) -> None:
        while self._write_next():
            pass

    def _write_next(self) -> bool:
        """Write what waits, or comes; False where nothing will. What was written is held no longer than this takes."""
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
                    # While others wrote, more came: a commit costs as much as some dozens of small requests.
                    for late in self._waiting_now(_SOME - len(commands)):
                        # Nobody is made to wait until the vault has met somebody.
                        (commands if late.prepare(self.people) else self._put_off).append(late)
                self._commit_alone(commands, others_wrote=others_wrote)
        except Exception as error:  # the index cannot be reached: who was not told yet is
            _refuse([command for command in commands if not command.result.done()], error)

    def _prepare(self, commands: Sequence[Write]) -> None:
        strangers = [command for command in commands if not command.prepare(self.people)]
        self.people.learn(thing for c in strangers for thing in c.people())
        for command in strangers:
            command.prepare(self.people)

    def _commit_alone(self, commands: Sequence[Write], *, others_wrote: bool) -> None:
        pending, planned, accepted = Pending(self), [], []
        try:
            if others_wrote or self._is_behind:
                self._is_behind = True
                self._positions = dict(self.index.positions())
                self._last_us = max(self._last_us, self.index.newest_us())
            # Others may have appended, and have ended before it was in the index.
            self._catch_up()
        except Exception as error:  # nothing was written: all of them are told
            _refuse(commands, error)
            return
        for command in commands:
            try:
                planned += command.plan(pending)
                accepted.append(command)
            except Exception as error:  # this one is refused; the others go on
                _refuse([command], error)
        try:
            if planned:
                self._apply(planned, self.log.append([one.record for one in planned]))
        except Exception as error:  # it may be in the log or not: all of them are told, and may send it again
            self._is_behind = True
            _refuse(accepted, error)
            return
        for command in accepted:
            command.done()

    def _apply(self, planned: Sequence[Planned], placed: Sequence[Placed]) -> None:
        """Bring what was appended just now into the index; it is read again only where something of others is between."""
        positions = dict(self._positions)
        for partition, offset, _ in placed:
            if positions.get(partition, 0) != offset:
                self._catch_up()
                return
            positions[partition] = offset + 1
        since = _remembered_since()
        self.index.apply([_placed(one, *where, since) for one, where in zip(planned, placed, strict=True)])
        self._positions = positions

    def _catch_up(self) -> None:
        """Bring the index up to the log's end."""
        ends = self.log.end_offsets()
        if all(self._positions.get(p, 0) >= end for p, end in ends.items()):
            self._is_behind = False
            return
        self._is_behind = True
        for partition in ends:
            self._reader.seek(partition, self._positions.get(partition, 0))
        _follow(self.log, self.index, self._reader)
        self._positions = dict(self.index.positions())
        self._is_behind = False

    def close(self) -> None:
        """Write what was taken, and end."""
        self._waiting.put(None)
        self._writer.join()
        self._reader.close()


def _refuse(commands: Sequence[Write], error: Exception) -> None:
    """Tell them.

    Where it was raised is kept as text: as frames it would hold the commands, which hold it, and so all that was sent until
    the next collection of cycles.
    """
    error.add_note("".join(format_tb(error.__traceback__)))
    error.with_traceback(None)
    for command in commands:
        command.result.set_exception(error)


def catch_up(log: EventLog, index: StatementIndex, report: Callable[[int], None] = lambda records: None) -> int:
    """Apply all that the index has not seen of the log; returns how many records."""
    with index.exclusive(), log.reader(lambda partition: index.positions().get(partition, 0)) as reader:
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
        since = _remembered_since()
        records = [
            record_of(piece.partition, offset, value, recorded_us, since)
            for piece in reader.poll(_POLL_RECORDS, _POLL_BYTES, 5.0)
            for offset, value, recorded_us in zip(piece.offsets, piece.values, piece.recorded_at_us, strict=True)
        ]
        index.apply(records)
        applied += len(records)
        report(len(records))
    return applied


def _placed(one: Planned, partition: int, offset: int, recorded_us: int, since_us: int) -> Record:
    means = one.means
    if means is None:
        return record_of(partition, offset, one.record.value, recorded_us, since_us)
    event = means.event and SeenEvent(means.event.event_id, means.event.digest, recorded_us)
    return Record(partition, offset, means.programme_id, means.stored_us, means.statement, event=event)


def _remembered_since() -> int:
    return time.time_ns() // 1000 - REMEMBERED_DAYS * 86_400_000_000
