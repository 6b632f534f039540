"""The enrolments of learners."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ingest.lrs.index.database import Connection, Reader, parts
from ingest.lrs.index.port import Record
from ingest.lrs.index.sql import marks, sql_of
from ingest.lrs.remembered import Remembered

__all__ = ["Enrolments"]

_SQL = sql_of("enrolments")
_KEPT = 200_000


class Enrolments:
    """The table ``enrolments``."""

    def __init__(self, read: Reader) -> None:
        self._read = read
        self._known: Remembered[tuple[str, str], frozenset[str]] = Remembered(_KEPT)

    def forget(self) -> None:
        """Remember nothing of the table."""
        self._known.clear()

    def add(self, con: Connection, records: Sequence[Record]) -> bool:
        """Note the enrolments that records open; returns whether there are any."""
        opened = [(r.programme_id, r.enrolment) for r in records if r.enrolment is not None]
        for programme, enrolment in opened:
            self._known.pop((programme, enrolment.learner_key), None)
        con.executemany(_SQL["add"], [(programme, e.learner_key, e.enrolment_id) for programme, e in opened])
        return bool(opened)

    def get(self, programme_id: str, learner_keys: Collection[str]) -> dict[str, frozenset[str]]:
        """Every enrolment that was ever opened for each of the learners."""
        self._known.make_room()
        known = self._known
        unknown = [key for key in dict.fromkeys(learner_keys) if (programme_id, key) not in known]
        for part in parts(unknown):
            met: dict[str, set[str]] = {key: set() for key in part}
            for key, enrolment_id in self._read(_SQL["get"].format(marks=marks(len(part))), (programme_id, *part)):
                met[key].add(enrolment_id)
            known.update(((programme_id, key), frozenset(ids)) for key, ids in met.items())
        return {key: known[programme_id, key] for key in learner_keys}
