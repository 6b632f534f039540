"""The vault's rows in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from ingest.identity.storage import Rows, Storage
from warehouse.errors import IdentityError

__all__ = ["PostgresStorage"]

_SCHEMA = "xueqing_vault"
#: The advisory lock of whoever writes.
_LOCK = 0x5875_7661
_TABLES = ("persons", "accounts", "forms", "merges", "period_nodes", "secrets")


class PostgresStorage(Storage):
    """Tables in a schema of their own.

    Raises:
        IdentityError: the database cannot be opened.
    """

    def __init__(self, url: str, schema: str, translated: Callable[[str], str]) -> None:
        super().__init__()
        self.name, self._translated = "in PostgreSQL", translated
        try:
            self._con = psycopg.connect(url, autocommit=True, options=f"-c search_path={_SCHEMA}")
            with self._con.transaction():
                self._con.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
                self._con.execute(f"create schema if not exists {_SCHEMA}")
                for statement in filter(str.strip, schema.split(";")):
                    self._con.execute(statement)
        except psycopg.Error as error:
            raise IdentityError(f"the vault cannot be opened: {type(error).__name__}; see XUEQING_VAULT") from error

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Rows:
        with self._lock, self._told():
            done = self._con.execute(self._translated(sql), values)
            return Rows(done.fetchall() if done.description else (), done.rowcount)

    def executemany(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        with self._lock, self._told(), self._con.cursor() as cursor:
            cursor.executemany(self._translated(sql), values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock, self._con.transaction():
            self.execute("select pg_advisory_xact_lock(?)", (_LOCK,))
            yield

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except psycopg.OperationalError as error:
            # The server's own words may quote a row.
            raise IdentityError(f"the vault cannot be reached ({type(error).__name__}); see XUEQING_VAULT") from None

    def scrub(self) -> None:
        """The old rows' pages are cleaned; copies in the server's own log (WAL) go when it recycles that."""
        for table in _TABLES:
            self.execute(f"vacuum {table}")

    def close(self) -> None:
        self._con.close()
