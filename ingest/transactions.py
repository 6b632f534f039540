"""A transaction of an SQLite file that writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["transaction"]


@contextmanager
def transaction(con: sqlite3.Connection) -> Iterator[None]:
    """What is done within is there whole, or not at all; ``con`` is in autocommit, and waits for whoever writes now."""
    con.execute("begin immediate")
    try:
        yield
    except BaseException:
        con.execute("rollback")
        raise
    con.execute("commit")
