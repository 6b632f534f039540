"""The index in a database that speaks SQL: its tables together; how the database is reached is left to subclasses."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from typing import Any

from ingest.lrs.index.activities import Activities
from ingest.lrs.index.database import OF_A_RECORD, Connection
from ingest.lrs.index.documents import Documents
from ingest.lrs.index.enrolments import Enrolments
from ingest.lrs.index.events import Events
from ingest.lrs.index.facets import Facets
from ingest.lrs.index.forms import Forms
from ingest.lrs.index.meta import GENERATION, LEARNED, Meta
from ingest.lrs.index.port import Document, DocumentPlace, Found, Query, Record, SetAside, StatementIndex, Stored
from ingest.lrs.index.positions import Positions
from ingest.lrs.index.queries import Queries
from ingest.lrs.index.schema import TABLES
from ingest.lrs.index.statements import Statements
from warehouse.errors import BadConfiguration
from warehouse.lake import Covered

__all__ = ["SqlIndex"]


class SqlIndex(StatementIndex):
    """An index whose tables are written by one thread at a time, and read by any number beside it."""

    #: How the database writes a join that goes from its left side to its right one.
    _join = "join"
    #: Errors that one record can cause: it is set aside, and the others go on. Errors of other types are the database's.
    _of_a_record: tuple[type[Exception], ...] = OF_A_RECORD

    def __init__(self, name: str) -> None:
        self._name = name
        self._meta, self._positions = Meta(self._rows), Positions(self._rows)
        self._facets, self._activities, self._forms = Facets(self._rows), Activities(self._rows), Forms(self._rows)
        self._statements = Statements(self._rows, self._facets, self._activities, self._forms)
        self._queries = Queries(self._rows, self._facets, self._join)
        self._enrolments, self._events = Enrolments(self._rows), Events(self._rows)
        self._documents = Documents(self._rows)

    @abstractmethod
    def _transaction(self) -> AbstractContextManager[Connection]:
        """A transaction that writes, alone among all processes; it calls :meth:`_forget` where it fails."""

    @abstractmethod
    def _rows(self, sql: str, values: Sequence[Any] = (), /) -> list[tuple[Any, ...]]:
        """Run a query, in any thread."""

    # -- what is remembered of the tables

    def _forget(self) -> None:
        """Remember nothing of the tables: a transaction failed, or they were made anew."""
        for table in (self._facets, self._activities, self._forms, self._enrolments):
            table.forget()

    def _others_wrote(self) -> None:
        """Forget what another process may have changed."""
        signs = self._meta.new_signs()
        if LEARNED in signs:
            self._activities.forget()
            self._enrolments.forget()
        if GENERATION in signs:
            self._forget()

    # -- the log

    def bind(self, log_id: str) -> None:
        with self._transaction() as con:
            known = self._meta.bind(con, log_id)
        if known != log_id:
            raise BadConfiguration(
                f"{self._name} is the index of another log; remove it, and it is made again from this one"
            )

    def newest_us(self) -> int:
        return self._meta.newest_us()

    def positions(self) -> Mapping[int, int]:
        return {partition: covered.next_offset for partition, covered in self._positions.covered().items()}

    def covered(self) -> Mapping[int, Covered]:
        return self._positions.covered()

    def apply(self, records: Sequence[Record]) -> list[SetAside]:
        found: list[SetAside] = []
        for is_fault, run in groupby(records, key=lambda record: record.fault is not None):
            if is_fault:
                faulty = [*run]
                found += self._put_aside(faulty, [str(record.fault) for record in faulty])
            else:
                found += self._take_in_or_put_aside([*run])
        return found

    def apply_again(self, records: Sequence[Record]) -> list[SetAside]:
        found = self.apply([record for record in records if record.fault is not None])
        sound = [record for record in records if record.fault is None]
        with self._transaction() as con:
            self._positions.take_back(con, sound)
        return found + self._take_in_or_put_aside(sound, again=True)

    def set_aside(self) -> list[SetAside]:
        return self._positions.set_aside()

    def _take_in_or_put_aside(self, records: Sequence[Record], *, again: bool = False) -> list[SetAside]:
        """Take in every record that can be, by halves: one bad record of thousands costs a dozen tries."""
        try:
            self._take_in(records, again=again)
            return []
        except self._of_a_record as error:
            if len(records) == 1:
                return self._put_aside(records, [f"the index cannot keep it ({type(error).__name__})"])
        half = len(records) // 2
        return [
            *self._take_in_or_put_aside(records[:half], again=again),
            *self._take_in_or_put_aside(records[half:], again=again),
        ]

    def _put_aside(self, records: Sequence[Record], why: Sequence[str]) -> list[SetAside]:
        found = [SetAside(r.partition, r.offset, text) for r, text in zip(records, why, strict=True)]
        self._take_in([Record(r.partition, r.offset, mark=r.mark) for r in records])
        with self._transaction() as con:
            self._positions.put_aside(con, found)
        return found

    def _take_in(self, records: Sequence[Record], *, again: bool = False) -> None:
        """Take in all records or none; with ``again`` those, too, that were passed before."""
        with self._transaction() as con:
            fresh = self._positions.advance(con, records, again=again)
            self._statements.add(con, fresh)
            self._meta.store_newest(con, max((r.stored_us for r in fresh if r.statement is not None), default=0))
            for record in fresh:
                if record.change is not None:
                    self._documents.change(con, record.programme_id, record.change)
            self._events.add(con, fresh)
            are_opened = self._enrolments.add(con, fresh)
            if are_opened or self._activities.has_changed:
                self._meta.give_sign(con, LEARNED)

    def clear(self) -> None:
        with self._transaction() as con:
            for table in TABLES:
                con.execute(f"delete from {table}")
            self._meta.clear(con)
            self._meta.give_sign(con, GENERATION)
        self._forget()

    # -- questions

    def statements(self, programme_id: str, ids: Collection[str]) -> dict[str, Stored]:
        return self._statements.by_id(programme_id, ids)

    def find(self, programme_id: str, query: Query) -> Found:
        rows, has_more = self._queries.page(programme_id, query)
        return Found(self._statements.completed(rows), has_more)

    def definitions(self, programme_id: str, names: Collection[str]) -> dict[str, dict[str, Any]]:
        return self._activities.get(programme_id, names)

    def definition_sizes(self, programme_id: str, names: Collection[str]) -> dict[str, int]:
        return self._activities.sizes(programme_id, names)

    def forms(self, programme_id: str, person_key: str) -> list[int]:
        return self._forms.numbers(programme_id, person_key)

    def enrolments(self, programme_id: str, learner_keys: Collection[str]) -> dict[str, frozenset[str]]:
        return self._enrolments.get(programme_id, learner_keys)

    def document(self, programme_id: str, place: DocumentPlace, document_id: str) -> Document | None:
        return self._documents.get(programme_id, place, document_id)

    def document_ids(self, programme_id: str, place: DocumentPlace, since_us: int | None) -> list[str]:
        return self._documents.ids(programme_id, place, since_us)

    def events(self, programme_id: str, event_ids: Collection[str]) -> dict[str, bytes]:
        return self._events.digests(programme_id, event_ids)

    def forget_events(self, before_us: int) -> None:
        with self._transaction() as con:
            self._events.forget(con, before_us)
