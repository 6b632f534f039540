"""The index in a database that speaks SQL: all but how it is reached."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol

import msgspec

from ingest.lrs.facets import ASKED, activities_of, facets_of, inherited, referenced, voids
from ingest.lrs.index import Document, DocumentChange, DocumentPlace, Query, Record, StatementIndex, Stored
from warehouse.errors import BadConfiguration

__all__ = ["FORMAT", "TABLES", "Connection", "SqlIndex", "schema"]

#: Rises whenever the tables change, or more is kept of the log than before: an index of another format is made anew.
FORMAT = 5
TABLES = ("positions", "terms", "statements", "voids", "facets", "activities", "enrolments", "events", "documents")
_KEPT = 200_000
#: Longer texts are keys by their hash: a row of an index has to fit into a page.
_LONGEST = 500

_encode = msgspec.json.encode
_decode = msgspec.json.decode


def schema(*, bytes_type: str, whole: str, suffix: str) -> list[str]:
    """The tables.

    Args:
        bytes_type: the type of bytes.
        whole: the type of whole numbers of 64 bits.
        suffix: what follows a table's columns that are all in its key.
    """
    return [
        f"create table if not exists meta (name text primary key, value text not null){suffix}",
        f"create table if not exists positions (partition integer primary key, next_offset {whole} not null)",
        f"create table if not exists terms (term {whole} primary key, text text not null unique)",
        f"""create table if not exists statements (
            place {whole} primary key, programme_id text not null, statement_id text not null, stored_us {whole} not null,
            verb text not null, is_voided integer not null, refers_to text, body {bytes_type} not null
        )""",
        "create unique index if not exists statements_by_id on statements (programme_id, statement_id)",
        "create index if not exists statements_by_time on statements (programme_id, stored_us, place)",
        "create index if not exists statements_referring on statements (programme_id, refers_to) where refers_to is not null",
        f"""create table if not exists voids (
            programme_id text not null, statement_id text not null, primary key (programme_id, statement_id)
        ){suffix}""",
        f"""create table if not exists facets (
            term {whole} not null, stored_us {whole} not null, place {whole} not null, primary key (term, stored_us, place)
        ){suffix}""",
        f"""create table if not exists activities (
            programme_id text not null, activity_key text not null, definition {bytes_type} not null,
            primary key (programme_id, activity_key)
        ){suffix}""",
        f"""create table if not exists enrolments (
            programme_id text not null, learner_key text not null, enrolment_id text not null,
            primary key (programme_id, learner_key, enrolment_id)
        ){suffix}""",
        f"""create table if not exists events (
            programme_id text not null, event_id text not null, digest {bytes_type} not null, recorded_us {whole} not null,
            primary key (programme_id, event_id)
        ){suffix}""",
        f"""create table if not exists documents (
            place_key text not null, registration text not null, document_key text not null, document_id text not null,
            content {bytes_type} not null, content_type text not null, etag text not null, stored_us {whole} not null,
            primary key (place_key, registration, document_key)
        ){suffix}""",
    ]


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"sha256:{sha256(text.encode()).hexdigest()}"


def _place_key(programme_id: str, place: DocumentPlace) -> str:
    """All of a place but the registration."""
    return sha256(_encode([programme_id, place.kind, place.activity_id, place.person_key])).hexdigest()


class Connection(Protocol):
    """What a connection is asked for; ``?`` stands for a value."""

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Any:
        """Run, and give what can be fetched from."""

    def executemany(self, sql: str, values: Iterable[Sequence[Any]], /) -> Any:
        """Run for each of them."""


@dataclass(slots=True)
class _Batch:
    """Statements that are added together: what is known of them, and what is to be written.

    Attributes:
        place: the last that was given.
        known, voided, referred: (programme, id) of statements that are there, that were voided, and that others are about.
    """

    place: int
    known: set[tuple[str, str]] = field(default_factory=set)
    voided: set[tuple[str, str]] = field(default_factory=set)
    referred: set[tuple[str, str]] = field(default_factory=set)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    facets: list[tuple[str, int, int]] = field(default_factory=list)


def _term_of(programme: str, facet: int, value: str) -> str:
    return _short(f"{facet} {programme} {value}")


def _parts(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), 500):
        yield values[start : start + 500]


class SqlIndex(StatementIndex):
    """One thread applies at a time; any number may ask beside it."""

    #: How a join is written that goes from its left to its right.
    _join = "join"

    def __init__(self, name: str) -> None:
        self._name = name
        self._terms: dict[str, int] = {}
        self._definitions: dict[tuple[str, str], dict[str, Any]] = {}
        self._enrolments: dict[tuple[str, str], frozenset[str]] = {}

    @abstractmethod
    def _transaction(self) -> AbstractContextManager[Connection]:
        """One that writes, alone among all processes; :meth:`_forget` is called where it fails."""

    @abstractmethod
    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Ask, in any thread."""

    def _forget(self) -> None:
        self._terms.clear()
        self._definitions.clear()
        self._enrolments.clear()

    def bind(self, log_id: str) -> None:
        with self._transaction() as con:
            con.execute("insert into meta values ('log_id', ?) on conflict do nothing", (log_id,))
            known = dict(con.execute("select name, value from meta").fetchall())
        if known["log_id"] != log_id:
            raise BadConfiguration(
                f"{self._name} is the index of another log; remove it, and it is made again from this one"
            )

    def newest_us(self) -> int:
        return int(self._rows("select coalesce(max(stored_us), 0) from statements")[0][0])

    def positions(self) -> Mapping[int, int]:
        return dict(self._rows("select partition, next_offset from positions"))

    def apply(self, records: Sequence[Record]) -> None:
        with self._transaction() as con:
            positions = dict(con.execute("select partition, next_offset from positions").fetchall())
            fresh = []
            for record in records:
                if record.offset >= positions.get(record.partition, 0):
                    positions[record.partition] = record.offset + 1
                    fresh.append(record)
            self._add_statements(con, [r for r in fresh if r.statement is not None])
            for record in fresh:
                if record.change is not None:
                    self._change(con, record.programme_id, record.change)
            con.executemany(
                "insert into events values (?, ?, ?, ?) on conflict do nothing",
                [(r.programme_id, e.event_id, e.digest, e.recorded_us) for r in fresh if (e := r.event) is not None],
            )
            for record in fresh:
                if record.enrolment is not None:
                    self._enrolments.pop((record.programme_id, record.enrolment.learner_key), None)
            con.executemany(
                "insert into enrolments values (?, ?, ?) on conflict do nothing",
                [
                    (r.programme_id, one.learner_key, one.enrolment_id)
                    for r in fresh
                    if (one := r.enrolment) is not None
                ],
            )
            con.executemany(
                "insert into positions values (?, ?) on conflict (partition) do update set next_offset = excluded.next_offset",
                positions.items(),
            )

    # -- statements

    def _add_statements(self, con: Connection, records: Sequence[Record]) -> None:
        """Add them in their order: what is asked of the database is asked of all together, and what is written, too."""
        ids: dict[str, list[str]] = {}
        for record in records:
            if record.statement is not None:
                ids.setdefault(record.programme_id, []).append(str(record.statement["id"]).lower())
        batch = _Batch(int(con.execute("select coalesce(max(place), 0) from statements").fetchone()[0]))
        for programme, some in ids.items():
            for found, sql in (
                (batch.known, "select statement_id from statements where programme_id = ? and statement_id in ({})"),
                (batch.voided, "select statement_id from voids where programme_id = ? and statement_id in ({})"),
                (batch.referred, "select refers_to from statements where programme_id = ? and refers_to in ({})"),
            ):
                for part in _parts(some):
                    rows = con.execute(sql.format(", ".join("?" * len(part))), (programme, *part)).fetchall()
                    found.update((programme, row[0]) for row in rows)
        for record in records:
            if record.statement is not None:
                self._add(con, batch, record, record.statement)
        self._flush(con, batch)
        self._write_facets(con, batch.facets)

    def _add(self, con: Connection, batch: _Batch, record: Record, statement: dict[str, Any]) -> None:
        programme = record.programme_id
        key = (programme, str(statement["id"]).lower())
        if key in batch.known:
            return
        batch.known.add(key)
        batch.place += 1
        target, about, verb = voids(statement), referenced(statement), statement["verb"]["id"]
        is_voided = target is None and key in batch.voided
        batch.rows.append(
            (batch.place, *key, record.stored_us, verb, int(is_voided), about, _encode(statement))
        )  # fmt: skip
        facets = facets_of(statement)
        if about is not None:
            # What it is about, and who is about what it is about, may have come just now.
            self._flush(con, batch)
            facets |= self._inherited(con, programme, about)
            batch.referred.add((programme, about))
        batch.facets += [(_term_of(programme, f, v), record.stored_us, batch.place) for f, v in facets]
        if key in batch.referred:
            self._flush(con, batch)
            self._pass_on(con, batch, programme, key[1], inherited(facets), {key[1]})
        if target is not None:
            batch.voided.add((programme, target))
            con.execute("insert into voids values (?, ?) on conflict do nothing", (programme, target))
            con.execute(
                "update statements set is_voided = 1 where programme_id = ? and statement_id = ? and verb <> ?",
                (programme, target, verb),
            )
        for activity in activities_of(statement):
            self._define(con, programme, activity)
        if statement["object"].get("objectType") == "SubStatement":
            for activity in activities_of(statement["object"]):
                self._define(con, programme, activity)

    @staticmethod
    def _flush(con: Connection, batch: _Batch) -> None:
        con.executemany("insert into statements values (?, ?, ?, ?, ?, ?, ?, ?)", batch.rows)
        batch.rows.clear()

    def _write_facets(self, con: Connection, facets: Sequence[tuple[str, int, int]]) -> None:
        if len(self._terms) > _KEPT:
            self._terms.clear()
        unknown = list(dict.fromkeys(text for text, _, _ in facets if text not in self._terms))
        for part in _parts(unknown):
            marks = ", ".join("?" * len(part))
            self._terms.update(con.execute(f"select text, term from terms where text in ({marks})", part).fetchall())
        fresh = [text for text in unknown if text not in self._terms]
        if fresh:
            (last,) = con.execute("select coalesce(max(term), 0) from terms").fetchone()
            numbered = list(zip(range(last + 1, last + 1 + len(fresh)), fresh, strict=True))
            con.executemany("insert into terms values (?, ?)", numbered)
            self._terms.update((text, term) for term, text in numbered)
        con.executemany(
            "insert into facets values (?, ?, ?) on conflict do nothing",
            [(self._terms[text], stored_us, place) for text, stored_us, place in facets],
        )

    def _inherited(
        self, con: Connection, programme: str, about: str | None, met: frozenset[str] = frozenset()
    ) -> set[tuple[int, str]]:
        """What a statement can be asked for because of the one that it is about, and so on."""
        if about is None or about in met:
            return set()
        row = con.execute(
            "select body, refers_to from statements where programme_id = ? and statement_id = ?", (programme, about)
        ).fetchone()
        if row is None:
            return set()
        return inherited(facets_of(_decode(row[0]))) | self._inherited(con, programme, row[1], met | {about})

    def _pass_on(
        self, con: Connection, batch: _Batch, programme: str, target: str, facets: set[tuple[int, str]], met: set[str]
    ) -> None:
        """Give facets to the statements that came before the one that they are about."""
        rows = con.execute(
            "select place, statement_id, stored_us from statements where programme_id = ? and refers_to = ?",
            (programme, target),
        ).fetchall()
        for place, statement_id, stored_us in rows:
            if statement_id not in met:
                met.add(statement_id)
                batch.facets += [(_term_of(programme, f, v), stored_us, place) for f, v in facets]
                self._pass_on(con, batch, programme, statement_id, facets, met)

    def _define(self, con: Connection, programme: str, activity: Mapping[str, Any]) -> None:
        key = (programme, _short(str(activity["id"])))
        said, known = activity.get("definition", {}), self._definitions.get(key)
        if known is None:
            row = con.execute(
                "select definition from activities where programme_id = ? and activity_key = ?", key
            ).fetchone()
            known = _decode(row[0]) if row else None
        merged = _merged(known or {}, said) if said and said != known else known or {}
        if merged != known:
            con.execute(
                "insert into activities values (?, ?, ?)"
                " on conflict (programme_id, activity_key) do update set definition = excluded.definition",
                (*key, _encode(merged)),
            )
        if len(self._definitions) > _KEPT:
            self._definitions.clear()
        self._definitions[key] = merged

    def statements(self, programme_id: str, ids: Collection[str]) -> dict[str, Stored]:
        found: dict[str, Stored] = {}
        for part in _parts(sorted(ids)):
            marks = ", ".join("?" * len(part))
            for row in self._rows(
                "select place, statement_id, stored_us, is_voided, body from statements"
                f" where programme_id = ? and statement_id in ({marks})",
                (programme_id, *part),
            ):
                found[row[1]] = _stored(row)
        return found

    def find(self, programme_id: str, query: Query) -> list[Stored]:
        sought: list[list[int]] = []
        for facet, value in query.facets:
            texts = [_term_of(programme_id, one, value) for one in ASKED.get(facet, (facet,))]
            marks = ", ".join("?" * len(texts))
            terms = [row[0] for row in self._rows(f"select term from terms where text in ({marks})", texts)]
            if not terms:
                return []
            sought.append(terms)
        conditions: list[str] = ["s.is_voided = 0"]
        values: list[Any] = []
        for terms in sought[1:]:
            marks = ", ".join("?" * len(terms))
            conditions.append(
                f"exists (select 1 from facets o where o.term in ({marks}) and o.stored_us = f.stored_us and o.place = f.place)"
            )
            values += terms
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
        source, first = ("facets", "f.term") if sought else ("statements", "f.programme_id")

        # Each in its order, only as far as it is asked for; then the first of them all.
        def page(columns: str) -> str:
            return (
                f"select {columns} from {source} f {self._join} statements s on s.place = f.place"
                f" where {first} = ? and {' and '.join(conditions)}"
                f" order by f.stored_us {order}, f.place {order} limit ?"
            )

        columns = "s.place, s.statement_id, s.stored_us, s.is_voided, s.body"
        starts: list[Any] = [*sought[0]] if sought else [programme_id]
        if len(starts) == 1:
            rows = self._rows(page(columns), (starts[0], *values, query.limit))
        else:
            hits = " union ".join([f"select * from ({page('f.stored_us, f.place')}) h{n}" for n in range(len(starts))])
            rows = self._rows(
                f"select {columns} from ({hits}) f {self._join} statements s on s.place = f.place"
                f" order by f.stored_us {order}, f.place {order} limit ?",
                (*[v for start in starts for v in (start, *values, query.limit)], query.limit),
            )
        return [_stored(row) for row in rows]

    def activity(self, programme_id: str, activity_id: str) -> dict[str, Any] | None:
        rows = self._rows(
            "select definition from activities where programme_id = ? and activity_key = ?",
            (programme_id, _short(activity_id)),
        )
        if not rows:
            return None
        definition = _decode(rows[0][0])
        return {"objectType": "Activity", "id": activity_id, **({"definition": definition} if definition else {})}

    def enrolments(self, programme_id: str, learner_key: str) -> frozenset[str]:
        known = self._enrolments.get((programme_id, learner_key))
        if known is not None:
            return known
        rows = self._rows(
            "select enrolment_id from enrolments where programme_id = ? and learner_key = ?",
            (programme_id, learner_key),
        )
        found = frozenset(row[0] for row in rows)
        if not self.is_shared:
            if len(self._enrolments) > _KEPT:
                self._enrolments.clear()
            self._enrolments[programme_id, learner_key] = found
        return found

    def events(self, programme_id: str, event_ids: Collection[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for part in _parts(sorted(event_ids)):
            marks = ", ".join("?" * len(part))
            rows = self._rows(
                f"select event_id, digest from events where programme_id = ? and event_id in ({marks})",
                (programme_id, *part),
            )
            found.update((event_id, bytes(digest)) for event_id, digest in rows)
        return found

    def forget_events(self, before_us: int) -> None:
        with self._transaction() as con:
            con.execute("delete from events where recorded_us < ?", (before_us,))

    # -- documents

    def _change(self, con: Connection, programme: str, change: DocumentChange) -> None:
        place, key = change.place, _place_key(programme, change.place)
        if change.document is not None and change.document_id is not None:
            document = change.document
            con.execute(
                "insert into documents values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (place_key, registration, document_key)"
                " do update set content = excluded.content, content_type = excluded.content_type, etag = excluded.etag,"
                " stored_us = excluded.stored_us",
                (
                    key, place.registration, _short(change.document_id), change.document_id, document.content,
                    document.content_type, document.etag, document.stored_us,
                ),
            )  # fmt: skip
        elif change.document_id is not None:
            con.execute(
                "delete from documents where place_key = ? and registration = ? and document_key = ?",
                (key, place.registration, _short(change.document_id)),
            )
        elif place.registration:
            con.execute("delete from documents where place_key = ? and registration = ?", (key, place.registration))
        else:
            con.execute("delete from documents where place_key = ?", (key,))

    def document(self, programme_id: str, place: DocumentPlace, document_id: str) -> Document | None:
        rows = self._rows(
            "select content, content_type, etag, stored_us from documents"
            " where place_key = ? and registration = ? and document_key = ?",
            (_place_key(programme_id, place), place.registration, _short(document_id)),
        )
        return Document(bytes(rows[0][0]), *rows[0][1:]) if rows else None

    def document_ids(self, programme_id: str, place: DocumentPlace, since_us: int | None) -> list[str]:
        one, values = ("", ()) if not place.registration else (" and registration = ?", (place.registration,))
        rows = self._rows(
            f"select distinct document_id from documents where place_key = ?{one} and stored_us > ?",
            (_place_key(programme_id, place), *values, -1 if since_us is None else since_us),
        )
        return sorted(row[0] for row in rows)

    def clear(self) -> None:
        with self._transaction() as con:
            for table in TABLES:
                con.execute(f"delete from {table}")
        self._forget()


def _stored(row: tuple[Any, ...]) -> Stored:
    return Stored(row[0], row[1], row[2], bool(row[3]), _decode(row[4]))


def _merged(known: dict[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """The later word stands; names and descriptions by language, extensions by key."""
    merged = dict(known)
    for name, value in said.items():
        both = name in ("name", "description", "extensions") and isinstance(merged.get(name), dict)
        merged[name] = {**merged[name], **value} if both else value
    return merged
