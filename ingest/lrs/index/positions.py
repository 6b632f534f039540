"""How far the index has read the log, and which records it could not take in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ingest.lrs.index.database import Connection, Reader
from ingest.lrs.index.port import Record, SetAside
from ingest.lrs.index.sql import sql_of
from warehouse.lake import Covered

__all__ = ["Positions"]

_SQL = sql_of("positions")


class Positions:
    """The tables ``positions`` and ``set_aside``."""

    def __init__(self, read: Reader) -> None:
        self._read = read

    def covered(self) -> dict[int, Covered]:
        """The next offset of each partition, with the mark of the record before it."""
        return {partition: Covered(offset, mark) for partition, offset, mark in self._read(_SQL["all"])}

    @staticmethod
    def advance(con: Connection, records: Sequence[Record], *, again: bool) -> list[Record]:
        """Move past ``records``; returns those that were not passed before, or with ``again`` all of them."""
        before = {partition: Covered(offset, mark) for partition, offset, mark in con.execute(_SQL["all"]).fetchall()}
        positions = {partition: covered.next_offset for partition, covered in before.items()}
        fresh = []
        for record in records:
            following = positions.get(record.partition, 0)
            if again or record.offset >= following:
                positions[record.partition] = max(following, record.offset + 1)
                fresh.append(record)
        marks: Mapping[int, int | None] = {r.partition: r.mark for r in fresh if r.offset + 1 == positions[r.partition]}
        moved = [(p, o, marks.get(p)) for p, o in positions.items() if p not in before or before[p].next_offset != o]
        con.executemany(_SQL["set"], moved)
        return fresh

    def set_aside(self) -> list[SetAside]:
        """The records that could not be taken in, in their order."""
        return [SetAside(*row) for row in self._read(_SQL["set_aside"])]

    @staticmethod
    def put_aside(con: Connection, found: Sequence[SetAside]) -> None:
        """Note records that cannot be taken in."""
        con.executemany(_SQL["put_aside"], found)

    @staticmethod
    def take_back(con: Connection, records: Sequence[Record]) -> None:
        """Forget that records were set aside."""
        con.executemany(_SQL["take_back"], [(record.partition, record.offset) for record in records])
