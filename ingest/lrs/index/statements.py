"""Statements as the log has them: stored in batches, given by id or place."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.events.numbers import decode
from ingest.lrs.index.activities import Activities
from ingest.lrs.index.database import Connection, Reader, parts
from ingest.lrs.index.facets import Facets, Listing
from ingest.lrs.index.forms import Forms
from ingest.lrs.index.port import Record, Said, Stored
from ingest.lrs.index.references import Inherited, inherited_from, pass_on, passed_on, written
from ingest.lrs.index.sql import marks, sql_of

__all__ = ["Row", "Statements"]

_SQL = sql_of("statements")
#: Place, stored_us, is_voided and body.
Row = tuple[Any, ...]


@dataclass(slots=True)
class _Batch:
    """Statements that are added together: what is known of them, and what is to be written.

    Attributes:
        place: the place that was given last.
        known: statements that are there, as programme and id; so are the next two.
        voided: statements that were voided.
        referred: statements that others are about.
        rows: rows of the table that are not written yet.
        facets: statements for the lists of facets.
        forms: programme, key and number of the ways in which the statements write people.
    """

    place: int
    known: set[tuple[str, bytes]] = field(default_factory=set)
    voided: set[tuple[str, bytes]] = field(default_factory=set)
    referred: set[tuple[str, bytes]] = field(default_factory=set)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    facets: list[Listing] = field(default_factory=list)
    forms: set[tuple[str, str]] = field(default_factory=set)


class Statements:
    """The tables ``statements`` and ``voids``; whatever else a statement changes is written with it."""

    def __init__(self, read: Reader, facets: Facets, activities: Activities, forms: Forms) -> None:
        self._read, self._facets, self._activities, self._forms = read, facets, activities, forms

    def add(self, con: Connection, records: Sequence[Record]) -> None:
        """Store the statements of ``records`` in their order.

        The batch asks the database once for all that it has to know, and writes all of a kind at once: a statement by itself costs ten
        times as much.
        """
        fresh = [
            (r, r.statement, _bytes_of(r.statement.facts.statement_id)) for r in records if r.statement is not None
        ]
        batch = _Batch(int(con.execute(_SQL["last_place"]).fetchone()[0]))
        ids: dict[str, list[bytes]] = {}
        for record, _, statement_id in fresh:
            ids.setdefault(record.programme_id, []).append(statement_id)
        for programme, some in ids.items():
            for name, found in (("known", batch.known), ("voided", batch.voided), ("referred", batch.referred)):
                if con.execute(_SQL[f"any_{name}"], (programme,)).fetchone() is None:
                    continue
                for part in parts(some):
                    rows = con.execute(_SQL[name].format(marks=marks(len(part))), (programme, *part)).fetchall()
                    found.update((programme, row[0]) for row in rows)
        self._activities.begin(con, [(record.programme_id, said.facts) for record, said, _ in fresh])
        for record, said, statement_id in fresh:
            self._add(con, batch, record, said, (record.programme_id, statement_id))
        _write(con, batch)
        self._facets.add(con, batch.facets)
        self._forms.add(con, batch.forms)

    def _add(self, con: Connection, batch: _Batch, record: Record, said: Said, key: tuple[str, bytes]) -> None:
        if key in batch.known:
            return
        batch.known.add(key)
        batch.place += 1
        programme, stored_us = record.programme_id, record.stored_us
        _, verb, facets, activities, refers_to, voids, people = said.facts
        about = _bytes_of(refers_to) if refers_to is not None else None
        is_voided = voids is None and key in batch.voided
        of_others: Inherited = {}
        if about is not None:
            # The table has to have the statement that this one is about, which may be of this batch.
            _write(con, batch)
            of_others = inherited_from(con, programme, about)
            batch.referred.add((programme, about))
        inherits = written(of_others) if about is not None else None
        batch.rows.append((batch.place, *key, stored_us, verb, int(is_voided), about, inherits, said.body))
        batch.facets.append((programme, facets.union(of_others), stored_us, batch.place))
        batch.forms.update(self._forms.unknown(programme, people))
        if key in batch.referred:
            # The table has to have the statements about this one, which may be of this batch.
            _write(con, batch)
            batch.facets += pass_on(con, programme, key[1], passed_on(facets, of_others))
        if voids is not None and about is not None:
            batch.voided.add((programme, about))
            con.execute(_SQL["void"], (programme, about))
            con.execute(_SQL["mark_voided"], (programme, about, verb))
        for activity_id, definition in activities:
            self._activities.define(con, programme, activity_id, definition)

    def by_id(self, programme_id: str, ids: Collection[str]) -> dict[str, Stored]:
        """Statements by id, voided or not; those that are not there are left out."""
        found: dict[str, Stored] = {}
        for part in parts(sorted(map(_bytes_of, ids))):
            for row in self._read(_SQL["by_id"].format(marks=marks(len(part))), (programme_id, *part)):
                one = _stored(row)
                found[one.statement_id] = one
        return found

    def completed(self, rows: Sequence[Row]) -> list[Stored]:
        """Statements of rows, some of which have no body yet."""
        bodies: dict[int, bytes] = {}
        for part in parts([row[0] for row in rows if row[3] is None]):
            bodies.update(self._read(_SQL["bodies"].format(marks=marks(len(part))), part))
        # A body is gone where another process has emptied the index since.
        return [_stored((*row[:3], body)) for row in rows if (body := row[3] or bodies.get(row[0])) is not None]


def _write(con: Connection, batch: _Batch) -> None:
    con.executemany(_SQL["add"], batch.rows)
    batch.rows.clear()


def _bytes_of(statement_id: str) -> bytes:
    """An id as the table has it: in 16 bytes, because each statement adds an entry to two indexes of ids."""
    return bytes.fromhex(statement_id.replace("-", ""))


def _stored(row: Row) -> Stored:
    place, stored_us, is_voided, body = row
    statement = decode(body)
    return Stored(place, statement["id"], stored_us, bool(is_voided), statement)
