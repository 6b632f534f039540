"""The loop: poll, parse, commit, hint; exactly once.

While one batch is committed on one thread and the next is parsed on another (DuckDB and Delta
release the interpreter lock there), the main thread polls the one after. So at most three
batches are in memory: one being filled, two in flight. They are committed in their order, and
each only where the lake covers just what comes before it.

Steps at which a test may kill the process are named in ``STEPS``; the ``probe`` is called
with each.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

from ingest.log.continuity import check_continues, marks_of
from ingest.log.port import EventLog, LogReader, Slice
from ingest.sink.parse import BatchParser, ParsedBatch
from warehouse.errors import CommitRefused, LogTruncated
from warehouse.lake import Lake

__all__ = ["REMEDY", "STEPS", "BatchReport", "Sink", "SinkOptions"]

#: What to do where the log that a lake has covered is lost for good.
REMEDY = "`xueqing rebuild --recover` brings back into the log what only the lake has, `xueqing rebuild --accept-loss` goes without"
STEPS = ("polled", "parsed", "committing", "committed", "hinted")


@dataclass(frozen=True, slots=True)
class SinkOptions:
    """How large and how old a batch may get.

    Memory is bounded by three batches: ``3 × max_bytes`` of values, and about eight times
    that while they are parsed, plus one fetch of the log (Kafka: up to 50 MB).
    """

    max_records: int = 100_000
    max_bytes: int = 64 * 1024 * 1024
    max_age_s: float = 5.0
    group: str = "xueqing-sink"


@dataclass(frozen=True, slots=True)
class BatchReport:
    """One committed batch."""

    accepted: int
    quarantined: int
    seconds: float


#: One batch being committed, one being parsed.
_FLIGHTS = 2


class _Batch:
    def __init__(self) -> None:
        self.slices: list[Slice] = []
        self.records = 0
        self.bytes = 0
        self.since: float | None = None
        #: What the lake must be at when this batch is committed.
        self.first: dict[int, int] = {}

    def add(self, slices: list[Slice]) -> None:
        for piece in slices:
            self.slices.append(piece)
            self.records += len(piece)
            self.bytes += sum(map(len, filter(None, piece.values)))
        if self.since is None and self.slices:
            self.since = time.monotonic()

    def following(self) -> dict[int, int]:
        """The offset after the last record, for each partition."""
        return {s.partition: s.offsets[-1] + 1 for s in self.slices}

    def is_due(self, options: SinkOptions) -> bool:
        return self.since is not None and (
            self.records >= options.max_records
            or self.bytes >= options.max_bytes
            or time.monotonic() - self.since >= options.max_age_s
        )

    def drop(self, partitions: Iterable[int]) -> None:
        gone = set(partitions)
        kept = [s for s in self.slices if s.partition not in gone]
        self.__init__()  # type: ignore[misc]
        self.add(kept)


class Sink:
    """Moves records from ``log`` to ``lake``.

    Args:
        probe: called with the name of each step; tests kill the process there.
        report: called after each commit.
    """

    def __init__(
        self,
        log: EventLog,
        lake: Lake,
        options: SinkOptions | None = None,
        *,
        probe: Callable[[str], None] = lambda step: None,
        report: Callable[[BatchReport], None] = lambda batch: None,
    ) -> None:
        self._log, self._lake, self._options = log, lake, options or SinkOptions()
        self._probe, self._report = probe, report
        self._parser = BatchParser()
        self._batch = _Batch()
        #: Batches handed over, in their order; each gives the offsets after it once committed.
        self._flights: deque[Future[dict[int, int]]] = deque()
        self._workers: tuple[Executor, Executor] | None = None
        self._reader: LogReader | None = None
        #: Where the next batch of each partition starts. Kept apart from the offsets seen:
        #: those may have gaps (a broker's own markers take offsets too).
        self._next: dict[int, int] = {}
        self.stop = Event()

    def run(self, *, follow: bool = False) -> None:
        """Sink until the log's present end, or with ``follow`` until :attr:`stop` is set.

        A batch that is under way when :attr:`stop` is set is finished or abandoned whole.

        Raises:
            LakeMismatch: the lake covers another log.
            LogReplaced: the log does not hold what the lake has covered.
            LogTruncated: the log no longer holds what the lake has not covered.
            LogUnavailable: the log went away.
            LakeDamaged: a file of the lake is missing or cut off.
            LakeBusy: the lake is being made again.
            StorageUnavailable: the lake cannot be written to now.
        """
        with self._lake.writing():
            self._run(follow=follow)

    def _run(self, *, follow: bool) -> None:
        self._lake.bind(self._log.log_id)
        self._lake.refresh()
        self._lake.check_files()
        check_continues(self._log, self._lake.all_covered(), "the lake", REMEDY)
        target = None if follow else self._log.end_offsets()
        with (
            ThreadPoolExecutor(1, thread_name_prefix="parse") as parsing,
            ThreadPoolExecutor(1, thread_name_prefix="commit") as committing,
            self._log.reader(self._position, group=self._options.group, on_revoked=self._revoked) as reader,
        ):
            self._reader, self._workers = reader, (parsing, committing)
            try:
                self._loop(reader, target)
            finally:
                self._reader = self._workers = None
                self._batch = _Batch()
                while self._flights:
                    self._flights.popleft().exception()  # wait: committed or refused, never half

    def close(self) -> None:
        """Release the parser."""
        self._parser.close()

    def _position(self, partition: int) -> int:
        """Where to resume ``partition``: what the lake says, never what the log remembers."""
        self._land()
        self._lake.refresh()
        covered = self._lake.covered(partition)
        # Again: it may be another by the time at which the partition comes to this sink.
        check_continues(self._log, {partition: covered}, "the lake", REMEDY)
        offset = covered.next_offset
        begin = self._log.begin_offsets().get(partition, 0)
        if begin > offset:
            raise LogTruncated(
                f"partition {partition}: the log starts at offset {begin}, the lake has covered only {offset}; "
                f"{begin - offset} records are lost to the log's retention. Restore them, or start a new lake."
            )
        self._next[partition] = offset
        return offset

    def _revoked(self, partitions: Iterable[int]) -> None:
        self._land()
        self._batch.drop(partitions)

    def _loop(self, reader: LogReader, target: dict[int, int] | None) -> None:
        options = self._options
        while not self.stop.is_set():
            batch = self._batch
            slices = reader.poll(
                options.max_records - batch.records, options.max_bytes - batch.bytes, 0.2 if target is None else 0.05
            )
            self._batch.add(slices)  # a rebalance inside poll may have replaced the batch
            batch = self._batch
            done = target is not None and self._reached(reader, target)
            if batch.is_due(options) or (batch.slices and (done or self.stop.is_set())):
                self._land(_FLIGHTS - 1)
                if self._batch is not batch:
                    continue  # a batch before it was refused: read again from where the lake is
                self._probe("polled")
                batch.first = {s.partition: self._next[s.partition] for s in batch.slices}
                self._next |= batch.following()
                self._batch = _Batch()
                self._submit(batch)
            elif self._flights and self._flights[0].done():
                self._land(len(self._flights) - 1)
            if done and not self._batch.slices:
                break
        self._land()

    def _reached(self, reader: LogReader, target: dict[int, int]) -> bool:
        seen = self._batch.following()
        mine = reader.assignment
        if not mine:
            return all(self._lake_covers(p, o) for p, o in target.items())
        flying = bool(self._flights)
        return all(
            seen.get(p, 0) >= target.get(p, 0) or (not flying and self._covered(p, target.get(p, 0))) for p in mine
        )

    def _covered(self, partition: int, offset: int) -> bool:
        return self._lake.next_offset(partition) >= offset

    def _lake_covers(self, partition: int, offset: int) -> bool:
        if not self._flights:
            self._lake.refresh()
        return self._covered(partition, offset)

    def _submit(self, batch: _Batch) -> None:
        assert self._workers is not None
        parsing, committing = self._workers
        started = time.perf_counter()
        parsed = parsing.submit(self._parse, batch)
        self._flights.append(committing.submit(self._commit, batch, parsed, started))

    def _land(self, leave: int = 0) -> None:
        """Wait until at most ``leave`` batches fly; where one was refused, go back to what the lake says."""
        while len(self._flights) > leave:
            try:
                positions = self._flights.popleft().result()
            except CommitRefused:
                self._rewind()
                return
            if self._reader is not None:
                self._reader.hint(positions)
                self._probe("hinted")

    def _rewind(self) -> None:
        # What flies behind the refused batch is refused too, or fits what the lake covers now.
        while self._flights:
            error = self._flights.popleft().exception()
            if error is not None and not isinstance(error, CommitRefused):
                raise error
        self._lake.refresh()
        self._batch = _Batch()
        if self._reader is not None:
            for partition in self._reader.assignment:
                self._next[partition] = self._lake.next_offset(partition)
                self._reader.seek(partition, self._next[partition])

    def _parse(self, batch: _Batch) -> ParsedBatch:
        parsed = self._parser.parse(batch.slices)
        self._probe("parsed")
        return parsed

    def _commit(self, batch: _Batch, parsing: Future[ParsedBatch], started: float) -> dict[int, int]:
        following = batch.following()
        parsed = parsing.result()
        self._probe("committing")
        self._lake.append(parsed.rows, batch.first, following, marks_of(batch.slices))
        self._probe("committed")
        self._report(BatchReport(parsed.accepted, parsed.quarantined, time.perf_counter() - started))
        return following
