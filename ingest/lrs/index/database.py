"""What the tables of the index ask of a database, and what they share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, Protocol, TypeVar

__all__ = ["OF_A_RECORD", "Connection", "Reader", "parts", "short"]

#: Errors that one record can cause in the code that takes it in; errors of other types are the database's.
OF_A_RECORD: tuple[type[Exception], ...] = (ArithmeticError, LookupError, RecursionError, TypeError, ValueError)
#: Characters of a text that is itself a key; a longer one is represented by its hash, because a row of an index has to fit into a page.
_LONGEST_KEY = 500
#: Values of one list in SQL, at most.
_TOGETHER = 500

T = TypeVar("T")


class Connection(Protocol):
    """A connection within a transaction that writes; ``?`` stands for a value."""

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Any:
        """Run a statement; returns a cursor."""

    def executemany(self, sql: str, values: Iterable[Sequence[Any]], /) -> Any:
        """Run a statement once for each of ``values``."""


class Reader(Protocol):
    """Reads in any thread, outside of the transaction that writes."""

    def __call__(self, sql: str, values: Sequence[Any] = (), /) -> list[tuple[Any, ...]]:
        """Run a query; returns its rows."""


def parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """``values`` in pieces, each short enough for one list in SQL."""
    for start in range(0, len(values), _TOGETHER):
        yield values[start : start + _TOGETHER]


def short(text: str) -> str:
    """``text`` as a key."""
    return text if len(text) <= _LONGEST_KEY else f"sha256:{sha256(text.encode()).hexdigest()}"
