"""What describes the index itself: its log, its newest statement, and signs that another process has changed something."""

from __future__ import annotations

from uuid import uuid4

from ingest.lrs.index.database import Connection, Reader
from ingest.lrs.index.sql import sql_of

__all__ = ["GENERATION", "LEARNED", "Meta"]

_SQL = sql_of("meta")
#: The sign that the tables were made anew: numbers of terms are others.
GENERATION = "generation"
#: The sign that definitions of activities or enrolments were added.
LEARNED = "learned"


class Meta:
    """The table ``meta``."""

    def __init__(self, read: Reader) -> None:
        self._read = read
        #: The signs as this process saw or gave them last.
        self._seen: dict[str, str] = {}

    def bind(self, con: Connection, log_id: str) -> str:
        """The id of the log that the index belongs to: ``log_id`` where it belonged to none."""
        con.execute(_SQL["bind"], (log_id,))
        return str(dict(con.execute(_SQL["all"]).fetchall())["log_id"])

    def newest_us(self) -> int:
        """When the newest statement was stored, in microseconds; 0 where there is none."""
        rows = self._read(_SQL["newest"])
        return int(rows[0][0]) if rows else 0

    def store_newest(self, con: Connection, stored_us: int) -> None:
        """Note when the newest statement was stored."""
        if stored_us > self.newest_us():
            con.execute(_SQL["set"], ("newest_us", str(stored_us)))

    def give_sign(self, con: Connection, name: str) -> None:
        """Tell other processes that something has changed that they may remember."""
        value = str(uuid4())
        con.execute(_SQL["set"], (name, value))
        self._seen[name] = value

    def new_signs(self) -> set[str]:
        """The signs that other processes have given since the last look."""
        seen = dict(self._read(_SQL["changes"]))
        changed = {name for name in (GENERATION, LEARNED) if seen.get(name) != self._seen.get(name)}
        self._seen = seen
        return changed

    @staticmethod
    def clear(con: Connection) -> None:
        """Forget the newest statement."""
        con.execute(_SQL["clear"])
