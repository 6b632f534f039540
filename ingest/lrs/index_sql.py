"""The index in a database that speaks SQL: all but how it is reached."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol, TypeVar
from uuid import uuid4

import msgspec

from ingest.lrs.facets import ASKED, Facts, facets_of, inherited
from ingest.lrs.index import Document, DocumentChange, DocumentPlace, Query, Record, Said, StatementIndex, Stored
from warehouse.errors import BadConfiguration

__all__ = ["FORMAT", "TABLES", "Connection", "SqlIndex", "schema"]

#: Rises whenever the tables change, or more is kept of the log than before: an index of another format is made anew.
FORMAT = 6
TABLES = ("positions", "terms", "statements", "voids", "facets", "activities", "enrolments", "events", "documents")
#: Of a statement that is asked for.
_COLUMNS = "s.place, s.stored_us, s.is_voided, s.body"
_KEPT = 200_000
#: Longer texts are keys by their hash: a row of an index has to fit into a page.
_LONGEST = 500

T = TypeVar("T")

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
            place {whole} primary key, programme_id text not null, statement_id {bytes_type} not null, stored_us {whole} not null,
            verb text not null, is_voided integer not null, refers_to {bytes_type}, body {bytes_type} not null
        )""",
        "create unique index if not exists statements_by_id on statements (programme_id, statement_id)",
        "create index if not exists statements_by_time on statements (programme_id, stored_us, place)",
        "create index if not exists statements_referring on statements (programme_id, refers_to) where refers_to is not null",
        f"""create table if not exists voids (
            programme_id text not null, statement_id {bytes_type} not null, primary key (programme_id, statement_id)
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


def _bytes_of(statement_id: str) -> bytes:
    """An id as it is kept: every statement touches a page of the index of ids, which are many."""
    return bytes.fromhex(statement_id.replace("-", ""))


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
        facets: programme, facets, when it was stored and the place of each.
    """

    place: int
    known: set[tuple[str, bytes]] = field(default_factory=set)
    voided: set[tuple[str, bytes]] = field(default_factory=set)
    referred: set[tuple[str, bytes]] = field(default_factory=set)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    facets: list[tuple[str, set[tuple[int, str]], int, int]] = field(default_factory=list)


def _term_of(programme: str, facet: int, value: str) -> str:
    return _short(f"{facet} {programme} {value}")


def _parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), 500):
        yield values[start : start + 500]


class SqlIndex(StatementIndex):
    """One thread applies at a time; any number may ask beside it."""

    #: How a join is written that goes from its left to its right.
    _join = "join"

    def __init__(self, name: str) -> None:
        self._name = name
        self._terms: dict[str, dict[tuple[int, str], int]] = {}
        self._definitions: dict[tuple[str, str], dict[str, Any]] = {}
        self._enrolments: dict[tuple[str, str], frozenset[str]] = {}
        #: What ``meta`` said when the above was read: of the numbers of terms, and of the rest.
        self._told: dict[str, str] = {}
        self._has_learned = False

    @abstractmethod
    def _transaction(self) -> AbstractContextManager[Connection]:
        """One that writes, alone among all processes; :meth:`_forget` is called where it fails."""

    @abstractmethod
    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Ask, in any thread."""

    def _forget(self) -> None:
        """What is known of the tables may not be so: a transaction failed, or they were made anew."""
        self._terms.clear()
        self._definitions.clear()
        self._enrolments.clear()
        self._has_learned = False

    def _others_wrote(self) -> None:
        """Forget what others may have changed; what ``meta`` tells of is as it was while that says the same."""
        told = dict(self._rows("select name, value from meta where name in ('generation', 'learned')"))
        if told.get("learned") != self._told.get("learned"):
            self._definitions.clear()
            self._enrolments.clear()
        if told.get("generation") != self._told.get("generation"):
            self._forget()
        self._told = told

    def _tell(self, con: Connection, name: str) -> None:
        """Others who have the tables open know by this that something of them is no more as it was."""
        value = str(uuid4())
        con.execute(
            "insert into meta values (?, ?) on conflict (name) do update set value = excluded.value", (name, value)
        )
        self._told[name] = value

    def bind(self, log_id: str) -> None:
        with self._transaction() as con:
            con.execute("insert into meta values ('log_id', ?) on conflict do nothing", (log_id,))
            known = dict(con.execute("select name, value from meta").fetchall())
        if known["log_id"] != log_id:
            raise BadConfiguration(
                f"{self._name} is the index of another log; remove it, and it is made again from this one"
            )

    def newest_us(self) -> int:
        rows = self._rows("select value from meta where name = 'newest_us'")
        return int(rows[0][0]) if rows else 0

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
            self._has_learned = False
            self._add_statements(con, fresh)
            newest = max((r.stored_us for r in fresh if r.statement is not None), default=0)
            if newest > self.newest_us():
                con.execute(
                    "insert into meta values ('newest_us', ?) on conflict (name) do update set value = excluded.value",
                    (str(newest),),
                )
            for record in fresh:
                if record.change is not None:
                    self._change(con, record.programme_id, record.change)
            con.executemany(
                "insert into events values (?, ?, ?, ?) on conflict do nothing",
                [(r.programme_id, e.event_id, e.digest, e.recorded_us) for r in fresh if (e := r.event) is not None],
            )
            for record in fresh:
                if record.enrolment is not None:
                    self._has_learned = True
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
            if self._has_learned:
                self._tell(con, "learned")

    # -- statements

    def _add_statements(self, con: Connection, records: Sequence[Record]) -> None:
        """Add them in their order: what is asked of the database is asked of all together, and what is written, too."""
        fresh = [
            (r, r.statement, _bytes_of(r.statement.facts.statement_id)) for r in records if r.statement is not None
        ]
        ids: dict[str, list[bytes]] = {}
        for record, _, statement_id in fresh:
            ids.setdefault(record.programme_id, []).append(statement_id)
        batch = _Batch(int(con.execute("select coalesce(max(place), 0) from statements").fetchone()[0]))
        for programme, some in ids.items():
            for found, column, source in (
                (batch.known, "statement_id", "statements where programme_id = ?"),
                (batch.voided, "statement_id", "voids where programme_id = ?"),
                (batch.referred, "refers_to", "statements where refers_to is not null and programme_id = ?"),
            ):
                if con.execute(f"select 1 from {source} limit 1", (programme,)).fetchone() is None:
                    continue
                for part in _parts(some):
                    marks = ", ".join("?" * len(part))
                    sql = f"select {column} from {source} and {column} in ({marks})"
                    found.update((programme, row[0]) for row in con.execute(sql, (programme, *part)).fetchall())
        self._learn_definitions(con, [(record.programme_id, said.facts) for record, said, _ in fresh])
        for record, said, statement_id in fresh:
            self._add(con, batch, record, said, (record.programme_id, statement_id))
        self._flush(con, batch)
        self._write_facets(con, batch.facets)

    def _add(self, con: Connection, batch: _Batch, record: Record, said: Said, key: tuple[str, bytes]) -> None:
        if key in batch.known:
            return
        batch.known.add(key)
        batch.place += 1
        programme, stored_us = record.programme_id, record.stored_us
        _, verb, facets, activities, refers_to, voids = said.facts
        about = _bytes_of(refers_to) if refers_to is not None else None
        is_voided = voids is None and key in batch.voided
        batch.rows.append((batch.place, *key, stored_us, verb, int(is_voided), about, said.body))
        if about is not None:
            # What it is about, and who is about what it is about, may have come just now.
            self._flush(con, batch)
            facets = facets | self._inherited(con, programme, about)
            batch.referred.add((programme, about))
        batch.facets.append((programme, facets, stored_us, batch.place))
        if key in batch.referred:
            self._flush(con, batch)
            self._pass_on(con, batch, programme, key[1], inherited(facets), {key[1]})
        if voids is not None and about is not None:
            batch.voided.add((programme, about))
            con.execute("insert into voids values (?, ?) on conflict do nothing", (programme, about))
            con.execute(
                "update statements set is_voided = 1 where programme_id = ? and statement_id = ? and verb <> ?",
                (programme, about, verb),
            )
        for activity_id, definition in activities:
            self._define(con, programme, activity_id, definition)

    @staticmethod
    def _flush(con: Connection, batch: _Batch) -> None:
        con.executemany("insert into statements values (?, ?, ?, ?, ?, ?, ?, ?)", batch.rows)
        batch.rows.clear()

    def _write_facets(self, con: Connection, found: Sequence[tuple[str, set[tuple[int, str]], int, int]]) -> None:
        if sum(map(len, self._terms.values())) > _KEPT:
            self._terms.clear()
        unknown: dict[str, set[tuple[int, str]]] = {}
        for programme, facets, _, _ in found:
            terms = self._terms.setdefault(programme, {})
            if not facets <= terms.keys():
                unknown.setdefault(programme, set()).update(facet for facet in facets if facet not in terms)
        for programme, some in unknown.items():
            self._learn_terms(con, programme, self._terms[programme], [*some])
        known = self._terms
        # One at a time: of a list of all of them the collector of cycles would make much work.
        con.executemany(
            "insert into facets values (?, ?, ?) on conflict do nothing",
            ((known[of][facet], stored_us, place) for of, facets, stored_us, place in found for facet in facets),
        )

    @staticmethod
    def _learn_terms(
        con: Connection, programme: str, terms: dict[tuple[int, str], int], unknown: Sequence[tuple[int, str]]
    ) -> None:
        """The numbers of facets, given to those that have none."""
        texts = {_term_of(programme, *facet): facet for facet in unknown}
        known: dict[str, int] = {}
        for part in _parts([*texts]):
            marks = ", ".join("?" * len(part))
            known.update(con.execute(f"select text, term from terms where text in ({marks})", part).fetchall())
        fresh = [text for text in texts if text not in known]
        if fresh:
            (last,) = con.execute("select coalesce(max(term), 0) from terms").fetchone()
            numbered = list(zip(range(last + 1, last + 1 + len(fresh)), fresh, strict=True))
            con.executemany("insert into terms values (?, ?)", numbered)
            known.update((text, term) for term, text in numbered)
        terms.update((facet, known[text]) for text, facet in texts.items())

    def _inherited(
        self, con: Connection, programme: str, about: bytes | None, met: frozenset[bytes] = frozenset()
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
        self,
        con: Connection,
        batch: _Batch,
        programme: str,
        target: bytes,
        facets: set[tuple[int, str]],
        met: set[bytes],
    ) -> None:
        """Give facets to the statements that came before the one that they are about."""
        rows = con.execute(
            "select place, statement_id, stored_us from statements where programme_id = ? and refers_to = ?",
            (programme, target),
        ).fetchall()
        for place, statement_id, stored_us in rows:
            if statement_id not in met:
                met.add(statement_id)
                batch.facets.append((programme, facets, stored_us, place))
                self._pass_on(con, batch, programme, statement_id, facets, met)

    def _learn_definitions(self, con: Connection, named: Sequence[tuple[str, Facts]]) -> None:
        """What is known of the activities that are named, asked for together."""
        if len(self._definitions) > _KEPT:
            self._definitions.clear()
        unknown: dict[str, dict[str, None]] = {}
        for programme, facts in named:
            for activity_id, _ in facts.activities:
                if (programme, activity_id) not in self._definitions:
                    unknown.setdefault(programme, {})[activity_id] = None
        for programme, ids in unknown.items():
            for part in _parts([*ids]):
                rows = con.execute(
                    "select activity_key, definition from activities where programme_id = ?"
                    f" and activity_key in ({', '.join('?' * len(part))})",
                    (programme, *map(_short, part)),
                ).fetchall()
                known = dict(rows)
                self._definitions.update(
                    ((programme, one), _decode(known[_short(one)])) for one in part if _short(one) in known
                )

    def _define(self, con: Connection, programme: str, activity_id: str, said: Mapping[str, Any]) -> None:
        known = self._definitions.get((programme, activity_id))
        if known is not None and (not said or said == known):
            return
        merged = _merged(known or {}, said)
        if merged != known:
            con.execute(
                "insert into activities values (?, ?, ?)"
                " on conflict (programme_id, activity_key) do update set definition = excluded.definition",
                (programme, _short(activity_id), _encode(merged)),
            )
            self._definitions[programme, activity_id] = merged
            self._has_learned = True

    def statements(self, programme_id: str, ids: Collection[str]) -> dict[str, Stored]:
        found: dict[str, Stored] = {}
        for part in _parts(sorted(map(_bytes_of, ids))):
            marks = ", ".join("?" * len(part))
            for row in self._rows(
                f"select {_COLUMNS} from statements s where s.programme_id = ? and s.statement_id in ({marks})",
                (programme_id, *part),
            ):
                one = _stored(row)
                found[one.statement_id] = one
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

        starts: list[Any] = [*sought[0]] if sought else [programme_id]
        if len(starts) == 1:
            rows = self._rows(page(_COLUMNS), (starts[0], *values, query.limit))
        else:
            hits = " union ".join([f"select * from ({page('f.stored_us, f.place')}) h{n}" for n in range(len(starts))])
            rows = self._rows(
                f"select {_COLUMNS} from ({hits}) f {self._join} statements s on s.place = f.place"
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

    def enrolments(self, programme_id: str, learner_keys: Collection[str]) -> dict[str, frozenset[str]]:
        if len(self._enrolments) > _KEPT:
            self._enrolments.clear()
        unknown = [key for key in dict.fromkeys(learner_keys) if (programme_id, key) not in self._enrolments]
        for part in _parts(unknown):
            met: dict[str, set[str]] = {key: set() for key in part}
            for key, enrolment_id in self._rows(
                "select learner_key, enrolment_id from enrolments where programme_id = ?"
                f" and learner_key in ({', '.join('?' * len(part))})",
                (programme_id, *part),
            ):
                met[key].add(enrolment_id)
            self._enrolments.update(((programme_id, key), frozenset(ids)) for key, ids in met.items())
        return {key: self._enrolments[programme_id, key] for key in learner_keys}

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
            con.execute("delete from meta where name = 'newest_us'")
            self._tell(con, "generation")
        self._forget()


def _stored(row: tuple[Any, ...]) -> Stored:
    place, stored_us, is_voided, body = row
    statement = _decode(body)
    return Stored(place, statement["id"], stored_us, bool(is_voided), statement)


def _merged(known: dict[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """The later word stands; names and descriptions by language, extensions by key."""
    merged = dict(known)
    for name, value in said.items():
        both = name in ("name", "description", "extensions") and isinstance(merged.get(name), dict)
        merged[name] = {**merged[name], **value} if both else value
    return merged
