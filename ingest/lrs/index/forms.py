"""The ways in which a programme's statements write a person; the vault knows what each of them is."""

from __future__ import annotations

from collections.abc import Iterable

from ingest.lrs.index.database import Connection, Reader
from ingest.lrs.index.sql import sql_of
from ingest.lrs.remembered import Remembered

__all__ = ["Forms"]

_SQL = sql_of("forms")
_KEPT = 200_000
#: Ways of writing a person that are given, at most.
_MOST = 1_000


class Forms:
    """The table ``forms``."""

    def __init__(self, read: Reader) -> None:
        self._read = read
        #: (programme, key and number) of those that the table has.
        self._known: Remembered[tuple[str, str], None] = Remembered(_KEPT)

    def forget(self) -> None:
        """Remember nothing of the table."""
        self._known.clear()

    def unknown(self, programme: str, names: Iterable[str]) -> list[tuple[str, str]]:
        """Those of ``names`` (key and number) that the table may not have, each with its programme."""
        return [(programme, name) for name in names if (programme, name) not in self._known]

    def add(self, con: Connection, fresh: set[tuple[str, str]]) -> None:
        """Note ways of writing people."""
        if not fresh:
            return
        self._known.make_room()
        rows = [(programme, *name.rpartition(".")[::2]) for programme, name in sorted(fresh)]
        con.executemany(_SQL["add"], [(programme, key, int(number)) for programme, key, number in rows])
        self._known.update(dict.fromkeys(fresh))

    def numbers(self, programme_id: str, person_key: str) -> list[int]:
        """The numbers of the ways in which the programme's statements write a person, the newest :data:`_MOST` of them, in order."""
        return sorted(number for (number,) in self._read(_SQL["numbers"], (programme_id, person_key, _MOST)))
