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

from ingest.lrs.index.database import OF_A_RECORD
from ingest.lrs.index.port import MOST_SECONDS, TooCostly
from ingest.lrs.index.schema import FORMAT, schema
from ingest.lrs.index.sql_index import SqlIndex
from ingest.transactions import transaction
from warehouse.errors import BadConfiguration, IndexDamaged

__all__ = ["SqliteIndex"]

#: Steps of SQLite between two looks at the clock: some milliseconds.
_STEPS = 100_000
#: Seconds to wait at the start for another process that holds the lock.
_PATIENCE_S = 60.0


class SqliteIndex(SqlIndex):
    """An index for the processes of one machine; makes the file and its folder where they are absent.

    Raises:
        BadConfiguration: another process holds the lock for a minute.
    """

    # The left side is the smaller one. With a plain join SQLite would choose by statistics that it does not have.
    _join = "cross join"
    _of_a_record = (*OF_A_RECORD, sqlite3.DataError, sqlite3.IntegrityError, sqlite3.InterfaceError)

    def __init__(self, path: Path) -> None:
        super().__init__(path.name)
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        # A lock belongs to an open file: one for writing, and one to see whether another process writes.
        self._lock, self._look = (path.with_suffix(".lock").open("a") for _ in range(2))
        self._depth, self._version, self._looking = 0, -1, threading.Lock()
        self._mine = threading.local()
        self._readers: list[sqlite3.Connection] = []
        #: Whether the file was damaged, and this is a new one, to be filled from the log.
        self.was_damaged = False
        self._lock_patiently()
        try:
            if self._is_marked().exists():
                self._remove(is_damaged=True)
            try:
                self._open()
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                self._remove(is_damaged=True)
                self._open()
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _open(self) -> None:
        self._writer = self._connect()
        try:
            (written,) = self._writer.execute("select count(*) from sqlite_master").fetchone()
            if written and self._writer.execute("pragma user_version").fetchone() != (FORMAT,):
                self._writer.close()
                self._remove(is_damaged=False)
                self._writer = self._connect()
            self._writer.execute(f"pragma user_version = {FORMAT}")
            for statement in schema(bytes_type="blob", whole="integer", suffix=" without rowid"):
                self._writer.execute(statement)
        except BaseException:
            self._writer.close()
            raise

    def _remove(self, *, is_damaged: bool) -> None:
        for ending in ("", "-wal", "-shm"):
            Path(f"{self._path}{ending}").unlink(missing_ok=True)
        self._is_marked().unlink(missing_ok=True)
        self.was_damaged = is_damaged

    def _is_marked(self) -> Path:
        """A file that tells whoever opens the index next that it is damaged."""
        return self._path.with_suffix(".damaged")

    def _damaged(self, error: BaseException) -> IndexDamaged:
        """The error that says what to do; the file is marked, so that whoever opens it next makes it again."""
        self._is_marked().touch()
        return IndexDamaged(
            f"the index of statements {self._path.name} is damaged ({error}); whoever opens it next makes it again from the"
            " log: start the server again"
        )

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
            # The number changes when another connection has written; the other connections of this process only read.
            try:
                (version,) = self._writer.execute("pragma data_version").fetchone()
            except sqlite3.DatabaseError as error:
                if _is_damage(error):
                    raise self._damaged(error) from error
                raise
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
        try:
            self._prepare(con)
        except BaseException:
            con.close()
            raise
        return con

    @staticmethod
    def _prepare(con: sqlite3.Connection) -> None:
        con.execute("pragma journal_mode=wal")
        # A checkpoint every 64 MB: pages that many transactions write are copied into the file once.
        con.execute("pragma wal_autocheckpoint=16384")
        # A crash of the machine may lose the last transactions; the log has them.
        con.execute("pragma synchronous=normal")
        con.execute("pragma cache_size=-65536")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with transaction(self._writer):
                yield self._writer
        except BaseException as error:
            self._forget()
            if _is_damage(error):
                raise self._damaged(error) from error
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
        except sqlite3.DatabaseError as error:
            if _is_damage(error):
                raise self._damaged(error) from error
            raise

    def close(self) -> None:
        for con in (*self._readers, self._writer):
            con.close()
        for lock in (self._lock, self._look):
            lock.close()


def _is_damage(error: BaseException) -> bool:
    """Whether an error of SQLite says that the file is damaged; locks, a full disk and wrong values raise subclasses."""
    return type(error) is sqlite3.DatabaseError
