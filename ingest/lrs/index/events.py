"""The events that were recorded lately: the collector tells repeats and conflicts by their digests."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ingest.lrs.index.database import Connection, Reader, parts
from ingest.lrs.index.port import Record
from ingest.lrs.index.sql import marks, sql_of

__all__ = ["Events"]

_SQL = sql_of("events")


class Events:
    """The table ``events``."""

    def __init__(self, read: Reader) -> None:
        self._read = read

    @staticmethod
    def add(con: Connection, records: Sequence[Record]) -> None:
        """Note the events of records."""
        con.executemany(
            _SQL["add"],
            [(r.programme_id, e.event_id, e.digest, e.recorded_us) for r in records if (e := r.event) is not None],
        )

    def digests(self, programme_id: str, event_ids: Collection[str]) -> dict[str, bytes]:
        """The digests of events by id; those that are not known are left out."""
        found: dict[str, bytes] = {}
        for part in parts(sorted(event_ids)):
            rows = self._read(_SQL["digests"].format(marks=marks(len(part))), (programme_id, *part))
            found.update((event_id, bytes(digest)) for event_id, digest in rows)
        return found

    @staticmethod
    def forget(con: Connection, before_us: int) -> None:
        """Drop events recorded before a time."""
        con.execute(_SQL["forget"], (before_us,))
