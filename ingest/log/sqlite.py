"""The embedded log: one SQLite file in WAL mode with ``synchronous=FULL``."""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ingest.log.port import EventLog, LogReader, NewRecord, Placed, Retention, Slice, no_log
from ingest.transactions import transaction
from warehouse.errors import BadConfiguration, LogUnavailable

__all__ = ["SqliteLog"]

#: Records are rows of their own with an index beside them: kept within the index, one of more than a kilobyte would take a page more.
_SCHEMA = """
create table if not exists meta (name text primary key, value text not null) without rowid;
create table if not exists partitions (partition integer primary key, next_offset integer not null);
create table if not exists batches (batch_id text primary key) without rowid;
create table if not exists records (
    partition integer not null,
    offset integer not null,
    recorded_at_us integer not null,
    key blob not null,
    value blob,
    primary key (partition, offset)
);
"""
#: Rows fetched at a time while the size of a poll is being watched: bounds what is held
#: beyond max_bytes to this many records.
_FETCH = 1_000
_POLL_PAUSE_S = 0.05


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise LogUnavailable(f"the log {path.name} cannot be used at the moment ({error}); try again") from error
    except sqlite3.DatabaseError as error:
        raise BadConfiguration(f"{path} is not a Xueqing log ({error}); name another with --log") from error


class SqliteLog(EventLog):
    """An :class:`EventLog` in one file. Many processes may read and append at once.

    Args:
        path: the file; made with its folder if absent.
        partitions: how many a new log gets; an existing one keeps its own.
        create: make it where there is none.

    Raises:
        BadConfiguration: there is none and none is to be made, or it is no log.
        LogUnavailable: it cannot be opened now.
    """

    def __init__(
        self,
        path: Path,
        *,
        partitions: int = 4,
        create: bool = True,
        clock_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self.path = path
        self._clock_us = clock_us
        # An empty file is what is left of one that was cut off; a log that is being made is not empty for long.
        if not create and not (path.exists() and path.stat().st_size):
            raise no_log(str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        with _translated(path):
            self._con = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
            self._con.execute("pragma journal_mode=wal")
            self._con.execute("pragma synchronous=full")
            self._con.execute("pragma cache_size=-65536")
            self._create(partitions)
            self._log_id = self._meta("log_id")
            self._count = int(self._con.execute("select count(*) from partitions").fetchone()[0])

    def _create(self, partitions: int) -> None:
        for statement in _SCHEMA.split(";"):
            self._con.execute(statement)
        with transaction(self._con):
            if self._con.execute("select 1 from meta where name = 'log_id'").fetchone() is None:
                self._con.execute("insert into meta values ('log_id', ?)", (f"sqlite-{uuid.uuid4()}",))
                self._con.executemany("insert into partitions values (?, 0)", [(p,) for p in range(partitions)])

    def _meta(self, name: str) -> str:
        return str(self._con.execute("select value from meta where name = ?", (name,)).fetchone()[0])

    @property
    def log_id(self) -> str:
        return self._log_id

    @property
    def partition_count(self) -> int:
        return self._count

    def append(self, records: Sequence[NewRecord], *, batch_id: str | None = None) -> list[Placed]:
        now = self._clock_us()
        with _translated(self.path), transaction(self._con):
            if batch_id is not None:
                done = self._con.execute("insert or ignore into batches values (?)", (batch_id,))
                if done.rowcount == 0:
                    return []
            offsets = dict(self._con.execute("select partition, next_offset from partitions"))
            rows = []
            count = self._count
            for record in records:
                partition = record.partition_of(count)
                offset = offsets[partition]
                offsets[partition] = offset + 1
                recorded = now if record.recorded_at_us is None else record.recorded_at_us
                rows.append((partition, offset, recorded, record.key, record.value))
            self._con.executemany("insert into records values (?, ?, ?, ?, ?)", rows)
            self._con.executemany(
                "update partitions set next_offset = ? where partition = ?", [(o, p) for p, o in offsets.items()]
            )
        return [(partition, offset, recorded) for partition, offset, recorded, _, _ in rows]

    def begin_offsets(self) -> dict[int, int]:
        return dict.fromkeys(range(self._count), 0)

    def end_offsets(self) -> dict[int, int]:
        with _translated(self.path):
            return dict(self._con.execute("select partition, next_offset from partitions"))

    def record_at(self, partition: int, offset: int) -> tuple[int, bytes | None] | None:
        sql = "select recorded_at_us, value from records where partition = ? and offset = ?"
        with _translated(self.path):
            row: tuple[int, bytes | None] | None = self._con.execute(sql, (partition, offset)).fetchone()
        return row

    def reader(
        self,
        position: Callable[[int], int],
        *,
        group: str | None = None,
        on_revoked: Callable[[Iterable[int]], None] | None = None,
    ) -> LogReader:
        return _SqliteReader(self.path, {p: position(p) for p in range(self._count)})

    def retention(self) -> Retention:
        return Retention()

    def close(self) -> None:
        self._con.close()


class _SqliteReader(LogReader):
    def __init__(self, path: Path, positions: dict[int, int]) -> None:
        self._path = path
        self._positions = positions
        self._turn = 0
        self._con = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        self._con.execute("pragma query_only=on")

    def poll(self, max_records: int, max_bytes: int, timeout_s: float) -> list[Slice]:
        deadline = time.monotonic() + timeout_s
        while True:
            with _translated(self._path):
                slices = self._read(max_records, max_bytes)
            if slices or time.monotonic() >= deadline:
                return slices
            time.sleep(min(_POLL_PAUSE_S, max(0.0, deadline - time.monotonic())))

    def _read(self, max_records: int, max_bytes: int) -> list[Slice]:
        slices: list[Slice] = []
        partitions = sorted(self._positions)
        # Another partition goes first each time, so that a long one starves none.
        self._turn = (self._turn + 1) % max(1, len(partitions))
        for partition in partitions[self._turn :] + partitions[: self._turn]:
            if max_records <= 0 or max_bytes <= 0:
                break
            piece, size = self._read_partition(partition, max_records, max_bytes)
            if piece.offsets:
                self._positions[partition] = piece.offsets[-1] + 1
                slices.append(piece)
                max_records -= len(piece)
                max_bytes -= size
        return slices

    def _read_partition(self, partition: int, max_records: int, max_bytes: int) -> tuple[Slice, int]:
        piece, size = Slice(partition), 0
        cursor = self._con.execute(
            "select offset, recorded_at_us, value from records"
            " where partition = ? and offset >= ? order by offset limit ?",
            (partition, self._positions[partition], max_records),
        )
        while size < max_bytes and (rows := cursor.fetchmany(_FETCH)):
            offsets, recorded, values = zip(*rows, strict=True)
            piece.offsets.extend(offsets)
            piece.recorded_at_us.extend(recorded)
            piece.values.extend(values)
            size += sum(len(v) for v in values if v is not None)
        cursor.close()
        return piece, size

    @property
    def assignment(self) -> frozenset[int]:
        return frozenset(self._positions)

    def seek(self, partition: int, offset: int) -> None:
        self._positions[partition] = offset

    def hint(self, positions: dict[int, int]) -> None:
        """Nobody monitors an embedded log's lag but ``xueqing status``, which asks the lake."""

    def close(self) -> None:
        self._con.close()
