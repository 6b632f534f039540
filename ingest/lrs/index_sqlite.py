"""The index in one SQLite file: for a server on one machine."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from ingest.lrs.facets import Facet, activities_of, facets_of, referenced, voids
from ingest.lrs.index import Document, DocumentChange, DocumentPlace, Query, Record, StatementIndex, Stored
from warehouse.errors import BadConfiguration

__all__ = ["SqliteIndex"]

_SCHEMA = """
create table if not exists meta (name text primary key, value text not null) without rowid;
create table if not exists positions (partition integer primary key, next_offset integer not null);
create table if not exists terms (term integer primary key, text text not null unique);
create table if not exists statements (
    place integer primary key, programme_id text not null, statement_id text not null, stored_us integer not null,
    verb text not null, is_voided integer not null, refers_to text, body blob not null
);
create unique index if not exists statements_by_id on statements (programme_id, statement_id);
create index if not exists statements_by_time on statements (programme_id, stored_us, place);
create index if not exists statements_referring on statements (programme_id, refers_to) where refers_to is not null;
create table if not exists voids (
    programme_id text not null, statement_id text not null, primary key (programme_id, statement_id)
) without rowid;
create table if not exists facets (
    term integer not null, stored_us integer not null, place integer not null, primary key (term, stored_us, place)
) without rowid;
create table if not exists activities (
    programme_id text not null, activity_id text not null, definition blob not null, primary key (programme_id, activity_id)
) without rowid;
create table if not exists documents (
    programme_id text not null, kind text not null, activity_id text not null, person_key text not null,
    registration text not null, document_id text not null, content blob not null, content_type text not null,
    etag text not null, stored_us integer not null,
    primary key (programme_id, kind, activity_id, person_key, registration, document_id)
) without rowid
"""
_TABLES = ("positions", "terms", "statements", "voids", "facets", "activities", "documents")
_PLACE = "programme_id = ? and kind = ? and activity_id = ? and person_key = ?"
_KEPT = 20_000

_encode = msgspec.json.encode
_decode = msgspec.json.decode


class SqliteIndex(StatementIndex):
    """One thread applies at a time; any number may ask beside it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = self._connect()
        for statement in _SCHEMA.split(";"):
            self._writer.execute(statement)
        self._mine = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._terms: dict[str, int] = {}
        self._definitions: dict[tuple[str, str], bytes] = {}

    def _connect(self) -> sqlite3.Connection:
        con = sqlite3.connect(self._path, timeout=60, isolation_level=None, check_same_thread=False)
        con.execute("pragma journal_mode=wal")
        # What a crash of the machine may lose is read from the log again.
        con.execute("pragma synchronous=normal")
        con.execute("pragma cache_size=-65536")
        return con

    @property
    def _reader(self) -> sqlite3.Connection:
        con: sqlite3.Connection | None = getattr(self._mine, "con", None)
        if con is None:
            con = self._mine.con = self._connect()
            con.execute("pragma query_only=on")
            self._readers.append(con)
        return con

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._writer.execute("begin immediate")
        try:
            yield self._writer
        except BaseException:
            self._writer.execute("rollback")
            self._terms.clear()
            self._definitions.clear()
            raise
        self._writer.execute("commit")

    def bind(self, log_id: str) -> None:
        with self._transaction() as con:
            con.execute("insert or ignore into meta values ('log_id', ?)", (log_id,))
            (known,) = con.execute("select value from meta where name = 'log_id'").fetchone()
        if known != log_id:
            raise BadConfiguration(
                f"{self._path.name} is the index of another log; remove it, and it is made again from this one"
            )

    def positions(self) -> Mapping[int, int]:
        return dict(self._reader.execute("select partition, next_offset from positions"))

    def apply(self, records: Sequence[Record]) -> None:
        with self._transaction() as con:
            positions = dict(self.positions())
            for record in records:
                if record.offset < positions.get(record.partition, 0):
                    continue
                positions[record.partition] = record.offset + 1
                if record.statement is not None:
                    self._add(con, record, record.statement)
                if record.change is not None:
                    self._change(con, record.programme_id, record.change)
            con.executemany(
                "insert into positions values (?, ?) on conflict (partition) do update set next_offset = excluded.next_offset",
                positions.items(),
            )

    # -- statements

    def _term(self, con: sqlite3.Connection, text: str) -> int:
        found = self._terms.get(text)
        if found is None:
            row = con.execute("select term from terms where text = ?", (text,)).fetchone()
            if row is None:
                row = con.execute("insert into terms (text) values (?) returning term", (text,)).fetchone()
            if len(self._terms) > _KEPT:
                self._terms.clear()
            found = self._terms[text] = int(row[0])
        return found

    def _add(self, con: sqlite3.Connection, record: Record, statement: dict[str, Any]) -> None:
        programme, statement_id = record.programme_id, str(statement["id"]).lower()
        target = voids(statement)
        is_voided = (
            target is None
            and con.execute(
                "select 1 from voids where programme_id = ? and statement_id = ?", (programme, statement_id)
            ).fetchone()
            is not None
        )
        about = referenced(statement)
        row = con.execute(
            "insert or ignore into statements (programme_id, statement_id, stored_us, verb, is_voided, refers_to, body)"
            " values (?, ?, ?, ?, ?, ?, ?) returning place",
            (programme, statement_id, record.stored_us, statement["verb"]["id"], is_voided, about, _encode(statement)),
        ).fetchone()
        if row is None:
            return
        facets = {(int(f), v) for f, v in facets_of(statement)}
        facets |= self._inherited(con, programme, about)
        self._write_facets(con, programme, facets, record.stored_us, row[0])
        # Who has stored a statement is not who has stored the one about it.
        passed = {(f, v) for f, v in facets if f != Facet.AUTHORITY}
        self._pass_on(con, programme, statement_id, passed, {statement_id})
        if target is not None:
            con.execute("insert or ignore into voids values (?, ?)", (programme, target))
            con.execute(
                "update statements set is_voided = 1 where programme_id = ? and statement_id = ? and verb <> ?",
                (programme, target, statement["verb"]["id"]),
            )
        for activity in activities_of(statement):
            self._define(con, programme, activity)
        if statement["object"].get("objectType") == "SubStatement":
            for activity in activities_of(statement["object"]):
                self._define(con, programme, activity)

    def _write_facets(
        self, con: sqlite3.Connection, programme: str, facets: Collection[tuple[int, str]], stored_us: int, place: int
    ) -> None:
        con.executemany(
            "insert or ignore into facets values (?, ?, ?)",
            [(self._term(con, f"{f} {programme} {v}"), stored_us, place) for f, v in facets],
        )

    def _inherited(
        self, con: sqlite3.Connection, programme: str, about: str | None, met: frozenset[str] = frozenset()
    ) -> set[tuple[int, str]]:
        """What a statement can be asked for because of the one that it is about, and so on."""
        if about is None or about in met:
            return set()
        row = con.execute(
            "select body, refers_to from statements where programme_id = ? and statement_id = ?", (programme, about)
        ).fetchone()
        if row is None:
            return set()
        own = {(int(f), v) for f, v in facets_of(_decode(row[0])) if f is not Facet.AUTHORITY}
        return own | self._inherited(con, programme, row[1], met | {about})

    def _pass_on(
        self, con: sqlite3.Connection, programme: str, target: str, facets: set[tuple[int, str]], met: set[str]
    ) -> None:
        """Give facets to the statements that came before the one that they are about."""
        rows = con.execute(
            "select place, statement_id, stored_us from statements where programme_id = ? and refers_to = ?",
            (programme, target),
        ).fetchall()
        for place, statement_id, stored_us in rows:
            if statement_id not in met:
                met.add(statement_id)
                self._write_facets(con, programme, facets, stored_us, place)
                self._pass_on(con, programme, statement_id, facets, met)

    def _define(self, con: sqlite3.Connection, programme: str, activity: Mapping[str, Any]) -> None:
        key = (programme, str(activity["id"]))
        said = activity.get("definition", {})
        written = _encode(said)
        if self._definitions.get(key) == written:
            return
        row = con.execute(
            "select definition from activities where programme_id = ? and activity_id = ?", key
        ).fetchone()
        merged = _merged(_decode(row[0]) if row else {}, said)
        con.execute(
            "insert into activities values (?, ?, ?) on conflict do update set definition = excluded.definition",
            (*key, _encode(merged)),
        )
        if len(self._definitions) > _KEPT:
            self._definitions.clear()
        self._definitions[key] = written

    def statements(self, programme_id: str, ids: Collection[str]) -> dict[str, Stored]:
        found: dict[str, Stored] = {}
        wanted = sorted(ids)
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            marks = ", ".join("?" * len(part))
            for row in self._reader.execute(
                "select place, statement_id, stored_us, is_voided, body from statements"
                f" where programme_id = ? and statement_id in ({marks})",
                (programme_id, *part),
            ):
                found[row[1]] = _stored(row)
        return found

    def find(self, programme_id: str, query: Query) -> list[Stored]:
        con = self._reader
        terms = []
        for facet, value in query.facets:
            row = con.execute("select term from terms where text = ?", (f"{facet} {programme_id} {value}",)).fetchone()
            if row is None:
                return []
            terms.append(row[0])
        conditions, values = ["not s.is_voided"], []
        if terms:
            source = "facets f cross join statements s on s.place = f.place"
            conditions.append("f.term = ?")
            values.append(terms[0])
            for term in terms[1:]:
                conditions.append(
                    "exists (select 1 from facets o where o.term = ? and o.stored_us = f.stored_us and o.place = f.place)"
                )
                values.append(term)
        else:
            source = "statements f cross join statements s on s.place = f.place"
            conditions.append("f.programme_id = ?")
            values.append(programme_id)
        if query.since_us is not None:
            conditions.append("f.stored_us > ?")
            values.append(query.since_us)
        if query.until_us is not None:
            conditions.append("f.stored_us <= ?")
            values.append(query.until_us)
        if query.after is not None:
            conditions.append(f"(f.stored_us, f.place) {'>' if query.is_ascending else '<'} (?, ?)")
            values += query.after
        order = "asc" if query.is_ascending else "desc"
        rows = con.execute(
            f"select s.place, s.statement_id, s.stored_us, s.is_voided, s.body from {source}"
            f" where {' and '.join(conditions)} order by f.stored_us {order}, f.place {order} limit ?",
            (*values, query.limit),
        ).fetchall()
        return [_stored(row) for row in rows]

    def activity(self, programme_id: str, activity_id: str) -> dict[str, Any] | None:
        row = self._reader.execute(
            "select definition from activities where programme_id = ? and activity_id = ?", (programme_id, activity_id)
        ).fetchone()
        if row is None:
            return None
        definition = _decode(row[0])
        return {"objectType": "Activity", "id": activity_id, **({"definition": definition} if definition else {})}

    def recent(self, programme_ids: Collection[str], since_us: int) -> list[tuple[str, str, int]]:
        found = []
        for programme in sorted(programme_ids):
            found += self._reader.execute(
                "select programme_id, verb, count(*) from statements where programme_id = ? and stored_us > ?"
                " group by programme_id, verb order by 3 desc, 2",
                (programme, since_us),
            ).fetchall()
        return found

    # -- documents

    def _change(self, con: sqlite3.Connection, programme: str, change: DocumentChange) -> None:
        place = change.place
        if change.document is not None:
            document = change.document
            con.execute(
                "insert or replace into documents values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    programme, place.kind, place.activity_id, place.person_key, place.registration, change.document_id,
                    document.content, document.content_type, document.etag, document.stored_us,
                ),
            )  # fmt: skip
        elif change.document_id is not None:
            con.execute(
                f"delete from documents where {_PLACE} and registration = ? and document_id = ?",
                (programme, place.kind, place.activity_id, place.person_key, place.registration, change.document_id),
            )
        else:
            con.execute(
                f"delete from documents where {_PLACE} and (? = '' or registration = ?)",
                (programme, place.kind, place.activity_id, place.person_key, place.registration, place.registration),
            )

    def document(self, programme_id: str, place: DocumentPlace, document_id: str) -> Document | None:
        row = self._reader.execute(
            f"select content, content_type, etag, stored_us from documents where {_PLACE} and registration = ? and document_id = ?",
            (programme_id, place.kind, place.activity_id, place.person_key, place.registration, document_id),
        ).fetchone()
        return Document(*row) if row else None

    def document_ids(self, programme_id: str, place: DocumentPlace, since_us: int | None) -> list[str]:
        rows = self._reader.execute(
            f"select distinct document_id from documents where {_PLACE} and (? = '' or registration = ?) and stored_us > ?"
            " order by 1",
            (
                programme_id, place.kind, place.activity_id, place.person_key, place.registration, place.registration,
                -1 if since_us is None else since_us,
            ),
        )  # fmt: skip
        return [row[0] for row in rows]

    def clear(self) -> None:
        with self._transaction() as con:
            for table in _TABLES:
                con.execute(f"delete from {table}")
        self._terms.clear()
        self._definitions.clear()

    def close(self) -> None:
        for con in (*self._readers, self._writer):
            con.close()


def _stored(row: tuple[Any, ...]) -> Stored:
    return Stored(row[0], row[1], row[2], bool(row[3]), _decode(row[4]))


def _merged(known: dict[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """The later word stands; names and descriptions by language, extensions by key."""
    merged = dict(known)
    for name, value in said.items():
        both = name in ("name", "description", "extensions") and isinstance(merged.get(name), dict)
        merged[name] = {**merged[name], **value} if both else value
    return merged
