"""The index in PostgreSQL: for several servers that share the work."""

from __future__ import annotations

import queue
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import psycopg

from ingest.lrs.index.database import OF_A_RECORD
from ingest.lrs.index.port import MOST_SECONDS, TooCostly
from ingest.lrs.index.schema import FORMAT, schema
from ingest.lrs.index.sql_index import SqlIndex
from warehouse.errors import BadConfiguration, LogUnavailable

__all__ = ["PostgresIndex"]

_SCHEMA = f"xueqing_statements_{FORMAT}"
#: The advisory lock that a process holds from planning until its records are in the index.
_LOCK = 0x5875_6571


@cache
def _percent(sql: str) -> str:
    return sql.replace("?", "%s")


class _Connection:
    """A connection in which ``?`` stands for a value, as in SQLite."""

    def __init__(self, con: psycopg.Connection[tuple[Any, ...]]) -> None:
        self.con = con

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Any:
        return self.con.execute(_percent(sql), values, prepare=True)

    def executemany(self, sql: str, values: Iterable[Sequence[Any]]) -> Any:
        with self.con.cursor() as cursor:
            cursor.executemany(_percent(sql), values)


class PostgresIndex(SqlIndex):
    """An index that several processes use at once.

    Args:
        url: ``postgresql://…``; the tables have a schema of their own, which is made where it is absent.

    Raises:
        BadConfiguration: the database cannot be opened.
    """

    _of_a_record = (*OF_A_RECORD, psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)

    def __init__(self, url: str) -> None:
        super().__init__("the PostgreSQL schema " + _SCHEMA)
        self._url = url
        #: Idle connections for reading: as many as were ever used at once, at most one for each thread of the server.
        self._idle: queue.LifoQueue[psycopg.Connection[tuple[Any, ...]]] = queue.LifoQueue()
        try:
            self._writer = self._connect()
            # Two processes that create a table at once collide, even with "if not exists".
            with self._writer.transaction():
                self._writer.execute("select pg_advisory_xact_lock(%s)", (_LOCK + 1,))
                self._writer.execute(f"create schema if not exists {_SCHEMA}")
                tables = schema(bytes_type="bytea", whole="bigint", suffix="")
                for statement in tables:
                    self._writer.execute(statement)
        except psycopg.Error as error:
            raise BadConfiguration(
                f"the index cannot be opened: {type(error).__name__}; see XUEQING_STATEMENT_INDEX"
            ) from error

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        con = psycopg.connect(self._url, autocommit=True, options=f"-c search_path={_SCHEMA}")
        # A crash may lose the last transactions; the log has them.
        con.execute("set synchronous_commit = off")
        return con

    @contextmanager
    def exclusive(self) -> Iterator[bool]:
        with _reachable():
            if self._writer.closed:
                self._writer = self._connect()
            self._writer.execute("select pg_advisory_lock(%s)", (_LOCK,))
        try:
            self._others_wrote()
            yield True
        finally:
            with _reachable():
                self._writer.execute("select pg_advisory_unlock(%s)", (_LOCK,))

    def settled_us(self) -> int | None:
        held, newest = self._rows(
            "select exists (select 1 from pg_locks where locktype = 'advisory' and objid = ? and granted"
            " and database = (select oid from pg_database where datname = current_database())),"
            " (select value from meta where name = 'newest_us')",
            (_LOCK,),
        )[0]
        return int(newest or 0) if held else None

    @contextmanager
    def _transaction(self) -> Iterator[_Connection]:
        with _reachable():
            try:
                with self._writer.transaction():
                    yield _Connection(self._writer)
            except BaseException:
                self._forget()
                raise

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with _reachable():
            try:
                con = self._idle.get_nowait()
            except queue.Empty:
                con = self._connect()
                con.execute(f"set statement_timeout = {int(MOST_SECONDS * 1000)}")
            try:
                rows: list[tuple[Any, ...]] = _Connection(con).execute(sql, values).fetchall()
            except psycopg.errors.QueryCanceled:
                self._idle.put(con)
                raise TooCostly from None
            except psycopg.OperationalError:
                con.close()
                raise
            self._idle.put(con)
            return rows

    def close(self) -> None:
        self._writer.close()
        while not self._idle.empty():
            self._idle.get_nowait().close()


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except (
        psycopg.errors.ProgramLimitExceeded
    ):  # caused by a record, although its class is that of the database's own errors
        raise
    except psycopg.OperationalError as error:
        raise LogUnavailable(
            f"the index of statements cannot be reached ({type(error).__name__}); try again"
        ) from error
