"""The index in one SQLite file: for the processes of one machine."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ingest.lrs.index import MOST_SECONDS, TooCostly
from ingest.lrs.index_sql import FORMAT, SqlIndex, schema
from ingest.transactions import transaction
from warehouse.errors import BadConfiguration

__all__ = ["SqliteIndex"]

#: SQLite's steps between two looks at the clock: some milliseconds.
_STEPS = 100_000
#: Seconds until who has the index and gives it to nobody is told of.
_PATIENCE_S = 60.0


class SqliteIndex(SqlIndex):
    """An index for the processes of one machine; the file is made with its folder if it is absent.

    Raises:
        BadConfiguration: another process has kept it for long.
    """

    # The left side is the smaller one; SQLite would count on statistics that it does not have.
    _join = "cross join"

    def __init__(self, path: Path) -> None:
        super().__init__(path.name)
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        # Locks go with the open file: one for who writes, one to see whether anybody does.
        self._lock, self._look = (path.with_suffix(".lock").open("a") for _ in range(2))
        self._depth, self._version, self._looking = 0, -1, threading.Lock()
        self._mine = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._lock_patiently()
        try:
            self._writer = self._connect()
            (written,) = self._writer.execute("select count(*) from sqlite_master").fetchone()
            if written and self._writer.execute("pragma user_version").fetchone() != (FORMAT,):
                self._writer.close()
                for ending in ("", "-wal", "-shm"):
                    Path(f"{path}{ending}").unlink(missing_ok=True)
                self._writer = self._connect()
            self._writer.execute(f"pragma user_version = {FORMAT}")
            for statement in schema(bytes_type="blob", whole="integer", suffix=" without rowid"):
                self._writer.execute(statement)
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _lock_patiently(self) -> None:
        ends = time.monotonic() + _PATIENCE_S
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > ends:
                    raise BadConfiguration(
                        f"another process has kept {self._path.name} for {_PATIENCE_S:.0f} s; end it, or see whether it hangs"
                    ) from None
                time.sleep(0.05)

    @contextmanager
    def exclusive(self) -> Iterator[bool]:
        if self._depth == 0:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._depth += 1
        try:
            # It rises when another connection has written; connections of ours but this one only read.
            (version,) = self._writer.execute("pragma data_version").fetchone()
            others_wrote, self._version = version != self._version, version
            if others_wrote:
                self._others_wrote()
            yield others_wrote
        finally:
            self._depth -= 1
            if self._depth == 0:
                fcntl.flock(self._lock, fcntl.LOCK_UN)

    def settled_us(self) -> int | None:
        with self._looking:
            try:
                fcntl.flock(self._look, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return self.newest_us()
            fcntl.flock(self._look, fcntl.LOCK_UN)
        return None

    def _connect(self) -> sqlite3.Connection:
        con = sqlite3.connect(self._path, timeout=60, isolation_level=None, check_same_thread=False)
        con.execute("pragma journal_mode=wal")
        # Pages that are written again and again are copied into the file less often.
        con.execute("pragma wal_autocheckpoint=16384")
        # What a crash of the machine may lose is read from the log again.
        con.execute("pragma synchronous=normal")
        con.execute("pragma cache_size=-65536")
        return con

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with transaction(self._writer):
                yield self._writer
        except BaseException:
            self._forget()
            raise

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        con: sqlite3.Connection | None = getattr(self._mine, "con", None)
        if con is None:
            con = self._mine.con = self._connect()
            con.execute("pragma query_only=on")
            self._readers.append(con)
        ends = time.monotonic() + MOST_SECONDS
        con.set_progress_handler(lambda: time.monotonic() > ends, _STEPS)
        try:
            return con.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            if "interrupted" in str(error):
                raise TooCostly from None
            raise

    def close(self) -> None:
        for con in (*self._readers, self._writer):
            con.close()
        for lock in (self._lock, self._look):
            lock.close()
