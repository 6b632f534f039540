"""The record of who has read names: an entry a reading, each chained to the one before it, in a file of its own.

An entry says when, by whom, for what, of which programme and scope, and of which people (by their keys). Its link is the SHA-256
of the link before it and of all that the entry says, so that no entry can be changed, taken out or put in between without every
later link coming out other. That the last ones are not cut off is held by the vault, which notes the newest link under its key,
and by the files with names, each of which prints the number and the link of its reading.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from ingest.identity.vault import Vault
from ingest.transactions import transaction
from warehouse.errors import IdentityError

__all__ = ["Reading", "Readings"]

_SCHEMA = """
create table if not exists readings (
    number integer primary key, read_at text not null, by_whom text not null, purpose text not null, programme_id text not null,
    scope text not null, person_count integer not null, people blob not null, link text not null
);
create table if not exists people_read (person_key text not null, number integer not null, primary key (person_key, number)) without rowid;
"""
_COLUMNS = "number, read_at, by_whom, purpose, programme_id, scope, person_count, people, link"
_NOTE = "people-readings"
_BEGINNING = "0" * 64
_AGAIN = "xueqing people readings --begin-anew"


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of names: of ``person_count`` people, whose keys have the SHA-256 ``people``; ``link`` chains it to the one before."""

    number: int
    read_at: str
    by_whom: str
    purpose: str
    programme_id: str
    scope: str
    person_count: int
    people: bytes
    link: str

    def linked_to(self, before: str) -> str:
        """What its link must be after the link ``before``."""
        said = [
            before, self.number, self.read_at, self.by_whom, self.purpose, self.programme_id, self.scope, self.person_count,
            self.people.hex(),
        ]  # fmt: skip
        return sha256(json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def _digest(people: Collection[str]) -> bytes:
    return sha256("\n".join(sorted(set(people))).encode()).digest()


class Readings:
    """The record in a file, made when the first reading is written; ``vault`` holds the newest link."""

    def __init__(self, path: Path, vault: Vault) -> None:
        self._path, self._vault = path, vault

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(self._path, timeout=60, isolation_level=None)) as con:
                self._path.chmod(0o600)
                con.execute("pragma synchronous=full")
                for statement in _SCHEMA.split(";"):
                    con.execute(statement)
                yield con
        except sqlite3.DatabaseError as error:
            raise IdentityError(
                f"the record of readings {self._path.name} is damaged ({error}); put it back from a backup"
            ) from error

    def write(
        self, people: Collection[str], *, by_whom: str, purpose: str, programme_id: str, scope: str, now: datetime
    ) -> Reading:
        """Add an entry; it is durable before anybody is named.

        Raises:
            IdentityError: the record cannot be written, or its end was cut off.
        """
        keys = sorted(set(people))
        with self._opened() as con, transaction(con):
            last = con.execute("select number, link from readings order by number desc limit 1").fetchone()
            number, before = last or (0, _BEGINNING)
            self._check_end(con)
            at = now.astimezone(UTC).isoformat(timespec="seconds")
            entry = Reading(number + 1, at, by_whom, purpose, programme_id, scope, len(keys), _digest(keys), "")
            entry = Reading(*_values(entry)[:-1], entry.linked_to(before))
            con.execute("insert into readings values (?, ?, ?, ?, ?, ?, ?, ?, ?)", _values(entry))
            con.executemany("insert into people_read values (?, ?)", [(key, entry.number) for key in keys])
        # A crash here leaves the note one entry behind, which the check allows.
        self._vault.note(_NOTE, f"{entry.number} {entry.link}".encode())
        return entry

    def read(self) -> list[Reading]:
        """Every entry, oldest first; nothing where nobody has read a name yet."""
        if not self._path.exists():
            return []
        with self._opened() as con:
            return [Reading(*row) for row in con.execute(f"select {_COLUMNS} from readings order by number")]

    def of(self, person_keys: Collection[str]) -> list[Reading]:
        """The entries about a person, who may have several keys."""
        if not self._path.exists():
            return []
        with self._opened() as con:
            marks = ", ".join("?" * len(person_keys))
            rows = con.execute(
                f"select {_COLUMNS} from readings where number in (select number from people_read where person_key in ({marks}))"
                " order by number",
                [*person_keys],
            )
            return [Reading(*row) for row in rows]

    def check(self) -> int:
        """Whether every entry is as it was written, with the people whom it was about, and none is missing; returns how many.

        Raises:
            IdentityError: not so; says from which entry on.
        """
        before, number = _BEGINNING, 0
        for entry in self.read():
            number += 1
            if entry.number != number or entry.link != entry.linked_to(before) or not self._has_its_people(entry):
                raise IdentityError(
                    f"the record of readings was changed: entry {number} is not what was written; put {self._path.name} back from a backup,"
                    f" or see {_AGAIN}"
                )
            before = entry.link
        if self._path.exists() or self._vault.noted(_NOTE) is not None:
            with self._opened() as con:
                self._check_end(con)
        return number

    def begin_anew(self, *, by_whom: str, now: datetime) -> Path | None:
        """Go on without a record that is lost or damaged; the first entry says so. What is left of the old one is kept, and its file returned."""
        kept = None
        if self._path.exists():
            kept = self._path.with_name(
                f"{self._path.stem}.before-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}{self._path.suffix}"
            )
            self._path.rename(kept)
        noted = self._vault.noted(_NOTE)
        number = noted.decode().split()[0] if noted is not None else "0"
        self._vault.note(_NOTE, b"")
        purpose = f"begun anew: the vault noted {number} readings before"
        self.write((), by_whom=by_whom, purpose=purpose, programme_id="", scope="", now=now)
        return kept

    def _has_its_people(self, entry: Reading) -> bool:
        with self._opened() as con:
            keys = [
                key for (key,) in con.execute("select person_key from people_read where number = ?", [entry.number])
            ]
        return len(keys) == entry.person_count and _digest(keys) == entry.people

    def _check_end(self, con: sqlite3.Connection) -> None:
        """Whether the entry that the vault notes as the newest is there."""
        noted = self._vault.noted(_NOTE)
        if not noted:
            return
        number, link = noted.decode().split()
        row = con.execute("select link from readings where number = ?", [int(number)]).fetchone()
        if row is None or row[0] != link:
            raise IdentityError(
                f"the record of readings was changed: entry {number}, which the vault notes as the newest, is missing or another;"
                f" put {self._path.name} back from a backup, or see {_AGAIN}"
            )


def _values(entry: Reading) -> tuple[int, str, str, str, str, str, int, bytes, str]:
    return (
        entry.number, entry.read_at, entry.by_whom, entry.purpose, entry.programme_id, entry.scope, entry.person_count,
        entry.people, entry.link,
    )  # fmt: skip
