"""Where the vault's rows are: one file of SQLite, or PostgreSQL where several servers share the vault.

Both take the SQL of :mod:`ingest.identity.vault`, with ``?`` for a value, and what is deleted is gone from the SQLite file at once.
PostgreSQL keeps deleted rows until it cleans up, so what is destroyed there is vacuumed away (:meth:`Storage.scrub`).
"""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ingest.transactions import transaction
from warehouse.errors import IdentityError

__all__ = ["Rows", "SqliteStorage", "Storage", "opened_storage"]


@dataclass(frozen=True, slots=True)
class Rows:
    """What a statement gives: its rows, and how many it has changed."""

    rows: Sequence[tuple[Any, ...]]
    rowcount: int

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.rows)

    def fetchone(self) -> Any:
        """The first row; None where there is none."""
        return self.rows[0] if self.rows else None

    def fetchall(self) -> Sequence[tuple[Any, ...]]:
        """All rows."""
        return self.rows


class Storage(ABC):
    """A connection that several threads may use, one at a time."""

    #: What a person reads in messages.
    name: str

    def __init__(self) -> None:
        self._lock = threading.RLock()

    @abstractmethod
    def execute(self, sql: str, values: Sequence[Any] = ()) -> Rows:
        """Run one statement; its rows are read at once."""

    @abstractmethod
    def executemany(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each of ``values``."""

    @abstractmethod
    def transaction(self) -> Any:
        """A context: what is done within is there whole, or not at all; no other process writes meanwhile."""

    @abstractmethod
    def scrub(self) -> None:
        """Leave nothing behind of rows that were deleted or changed."""

    @abstractmethod
    def close(self) -> None:
        """Release what is held."""


class SqliteStorage(Storage):
    """A file for its owner only.

    Raises:
        IdentityError: it is damaged.
    """

    def __init__(self, path: Path, schema: str) -> None:
        super().__init__()
        self.name = path.name
        # A vault is never empty: it is cut off, and not to be taken for a new one.
        if path.exists() and not path.stat().st_size and not _is_being_made(path):
            raise _damaged(path, "it is empty")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._turn = path.with_name(f"{path.name}-lock").open("a")
        try:
            self._open_file(path, schema)
        except sqlite3.DatabaseError as error:
            self._turn.close()
            raise _damaged(path, str(error)) from error

    def _open_file(self, path: Path, schema: str) -> None:
        self._con = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        try:
            path.chmod(0o600)
            # What is deleted is overwritten, in the file and in its journal.
            self._con.execute("pragma secure_delete=on")
            self._con.execute("pragma journal_mode=delete")
            with self.transaction():
                for statement in schema.split(";"):
                    self._con.execute(statement)
        except BaseException:
            self._con.close()
            raise

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Rows:
        with self._lock:
            done = self._con.execute(sql, values)
            return Rows(done.fetchall(), done.rowcount)

    def executemany(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        with self._lock:
            self._con.executemany(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            # Who waits goes on as soon as it can: SQLite itself would look again now and then.
            fcntl.flock(self._turn, fcntl.LOCK_EX)
            try:
                with transaction(self._con):
                    yield
            finally:
                fcntl.flock(self._turn, fcntl.LOCK_UN)

    def scrub(self) -> None:
        """SQLite has overwritten them already."""

    def close(self) -> None:
        self._con.close()
        self._turn.close()


@cache
def _of_postgres(sql: str) -> str:
    """A statement of ours as PostgreSQL has it."""
    text = sql.replace("?", "%s")
    if "insert or ignore into" in text:
        text = text.replace("insert or ignore into", "insert into") + " on conflict do nothing"
    return text


def _schema_of_postgres(schema: str) -> str:
    return schema.replace(" without rowid", "").replace(" blob", " bytea").replace(" integer", " bigint")


def opened_storage(where: Path | str, schema: str) -> Storage:
    """The storage that a path or a URL names, made where it is absent.

    Raises:
        IdentityError: it cannot be opened, or is damaged.
    """
    if isinstance(where, Path):
        return SqliteStorage(where, schema)
    from ingest.identity.postgres import PostgresStorage  # most homes need no PostgreSQL

    try:
        return PostgresStorage(where, _schema_of_postgres(schema), _of_postgres)
    except OSError as error:
        raise IdentityError(f"the vault cannot be opened: {error}; see XUEQING_VAULT") from error


def _damaged(path: Path, why: str) -> IdentityError:
    return IdentityError(
        f"the vault {path.name} is damaged ({why}); put it back from a backup, or delete it if nobody was ever in it"
    )


def _is_being_made(path: Path) -> bool:
    """Whether another process has begun to make it just now; waits until that is done."""
    with path.with_name(f"{path.name}-lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        return path.stat().st_size > 0
