"""The index in one SQLite file: for a server on one machine."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ingest.lrs.index import MOST_SECONDS, TooCostly
from ingest.lrs.index_sql import FORMAT, SqlIndex, schema

__all__ = ["SqliteIndex"]

#: SQLite's steps between two looks at the clock: some milliseconds.
_STEPS = 100_000


class SqliteIndex(SqlIndex):
    """An index for one process; the file is made with its folder if it is absent."""

    # The left side is the smaller one; SQLite would count on statistics that it does not have.
    _join = "cross join"

    def __init__(self, path: Path) -> None:
        super().__init__(path.name)
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
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
        self._mine = threading.local()
        self._readers: list[sqlite3.Connection] = []

    def _connect(self) -> sqlite3.Connection:
        con = sqlite3.connect(self._path, timeout=60, isolation_level=None, check_same_thread=False)
        con.execute("pragma journal_mode=wal")
        # What a crash of the machine may lose is read from the log again.
        con.execute("pragma synchronous=normal")
        con.execute("pragma cache_size=-65536")
        return con

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._writer.execute("begin immediate")
        try:
            yield self._writer
        except BaseException:
            self._writer.execute("rollback")
            self._forget()
            raise
        self._writer.execute("commit")

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
