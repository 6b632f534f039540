"""The vault: every person's details under a key of their own, in one SQLite file or in PostgreSQL.

A person's details are encrypted with AES-256-GCM under a random key, which is itself stored
encrypted. Forgetting someone destroys that key: what is left of the ciphertext, here or in a
backup without its key row, says nothing. Accounts are found again through an HMAC, so the
vault holds no account in the clear.

The keys of people and periods are encrypted under the vault's own secret, and only the vault's
secrets under the key-encryption key (KEK): another KEK takes its place in a moment, and a server
that has the vault open goes on.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ingest.identity.periods import SCHEMA as _PERIODS
from ingest.identity.periods import Periods
from ingest.identity.storage import opened_storage
from warehouse.errors import IdentityError
from warehouse.lake import Covered

__all__ = ["KeyFile", "Recognised", "Vault", "random_learner_key"]

_SCHEMA = (
    _PERIODS
    + """
create table if not exists secrets (name text not null, kek text not null, sealed blob not null, primary key (name, kek)) without rowid;
create table if not exists facts (name text primary key, value text not null) without rowid;
create table if not exists check_value (id integer primary key check (id = 1), sealed blob not null);
create table if not exists persons (
    person_key text primary key, wrapped_key blob, sealed blob, forgotten_at text
) without rowid;
create table if not exists accounts (lookup blob primary key, person_key text not null) without rowid;
create index if not exists accounts_by_person on accounts (person_key);
create table if not exists forms (
    person_key text not null, number integer not null, lookup blob not null unique, sealed blob not null,
    primary key (person_key, number)
) without rowid;
create table if not exists merges (person_key text primary key, into_key text not null, merged_at text not null) without rowid;
create table if not exists notes (name text primary key, sealed blob not null) without rowid;
create table if not exists erasures_read (
    log_id text not null, partition integer not null, next_offset integer not null, mark integer, primary key (log_id, partition)
) without rowid
"""
)
_NONCE = 12
#: The vault's own secrets.
_SECRETS = ("wrapping", "lookup", "signing")


def random_learner_key() -> str:
    """A fresh key: ``L`` and 144 random bits."""
    return "L" + secrets.token_urlsafe(18).replace("-", "x").replace("_", "y")


class Recognised(NamedTuple):
    """A person as a list names them.

    Attributes:
        person_key: whose they are, where that is known.
        accounts: what only this person has: an id number, a phone, an account of a platform.
        dropped: what they had and others may have by now, such as a phone that was given up.
        details: what is kept about them; it takes the place of what was kept under the same names, and an empty text of nothing.
    """

    person_key: str | None
    accounts: Sequence[str]
    dropped: Sequence[str]
    details: Mapping[str, str]


class KeyFile:
    """Where the KEK comes from: 32 bytes, base64, in a file or the environment. Never a default."""

    @staticmethod
    def parse(text: str) -> bytes:
        """The key in ``text``; raises IdentityError where it is no 32 bytes of base64."""
        try:
            key = base64.b64decode(text.strip(), validate=True)
        except ValueError as error:
            raise IdentityError("the vault's key is not base64; make one with: xueqing identity new-key") from error
        if len(key) != 32:
            raise IdentityError("the vault's key is not 32 bytes long; make one with: xueqing identity new-key")
        return key

    @staticmethod
    def create(path: Path) -> bytes:
        """A fresh random key, written so that only its owner may read it; never over an old one."""
        key = AESGCM.generate_key(256)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(key) + b"\n")
        return key


class Vault:
    """Details by person key. One process writes at a time; the storage sees to it.

    Args:
        where: the vault's file, or ``postgresql://…``; made if absent.
        key: the KEK, 32 bytes.

    Raises:
        IdentityError: the key is not the one that the vault was made with, or the file is damaged.
    """

    def __init__(self, where: Path | str, key: bytes) -> None:
        self._con = opened_storage(where, _SCHEMA)
        try:
            found = self._secrets(key)
        except BaseException:
            self._con.close()
            raise
        self._kek = AESGCM(found["wrapping"])
        self._lookup_key, self._signing_key = found["lookup"], found["signing"]
        self.periods = Periods(
            self._con, lambda plain, about: self._seal(self._kek, plain, about),
            lambda sealed, about: self._open(self._kek, sealed, about),
        )  # fmt: skip

    def _secrets(self, key: bytes) -> dict[str, bytes]:
        """The vault's secrets, opened with the KEK; made where there are none."""
        rows = self._con.execute("select name, sealed from secrets where kek = ?", (_kek_name(key),)).fetchall()
        if not rows:
            with self._transaction():
                self._make_secrets(key)
            rows = self._con.execute("select name, sealed from secrets where kek = ?", (_kek_name(key),)).fetchall()
        cipher = AESGCM(_derived(key, "secrets"))
        try:
            return {name: self._open(cipher, bytes(sealed), name.encode()) for name, sealed in rows}
        except InvalidTag as error:
            raise self._not_its_key() from error

    def _make_secrets(self, key: bytes) -> None:
        if self._con.execute("select 1 from secrets where kek = ?", (_kek_name(key),)).fetchone() is not None:
            return
        if self._con.execute("select 1 from secrets").fetchone() is not None:
            raise self._not_its_key()
        fresh = {name: secrets.token_bytes(32) for name in _SECRETS}
        checked = self._con.execute("select sealed from check_value").fetchone()
        if checked is not None:
            # Of an earlier version, whose secrets followed from the KEK. What finds accounts stays as it is: they are not kept.
            before = AESGCM(_derived(key, "wrapping"))
            try:
                self._open(before, bytes(checked[0]), b"check")
            except InvalidTag as error:
                raise self._not_its_key() from error
            fresh |= {name: _derived(key, name) for name in ("lookup", "signing")}
            self._wrap_again(before, AESGCM(fresh["wrapping"]))
        self._keep_secrets(key, fresh)

    def _wrap_again(self, before: AESGCM, after: AESGCM) -> None:
        rows = self._con.execute("select person_key, wrapped_key from persons where wrapped_key is not null").fetchall()
        wrapped = [
            (self._seal(after, self._open(before, bytes(key), name.encode()), name.encode()), name)
            for name, key in rows
        ]
        self._con.executemany("update persons set wrapped_key = ? where person_key = ?", wrapped)
        self._con.execute("delete from check_value")

    def _keep_secrets(self, key: bytes, found: Mapping[str, bytes]) -> None:
        cipher, kek = AESGCM(_derived(key, "secrets")), _kek_name(key)
        rows = [(name, kek, self._seal(cipher, secret, name.encode())) for name, secret in found.items()]
        self._con.executemany("insert or ignore into secrets values (?, ?, ?)", rows)

    def _not_its_key(self) -> IdentityError:
        return IdentityError(f"the key does not open the vault {self._con.name}; give the one it was made with")

    def admit(self, key: bytes, new_key: bytes) -> None:
        """Let a new KEK open the vault beside the present one; whoever has the vault open notices nothing.

        Raises:
            IdentityError: ``key`` does not open it.
        """
        found = self._secrets(key)
        with self._transaction():
            self._keep_secrets(new_key, found)

    def dismiss_others(self, key: bytes) -> int:
        """From now on only this KEK opens the vault; returns how many others did."""
        self._secrets(key)
        with self._transaction():
            others = self._con.execute("delete from secrets where kek <> ?", (_kek_name(key),)).rowcount
        self._con.scrub()
        return others // len(_SECRETS)

    @staticmethod
    def _seal(cipher: AESGCM, plain: bytes, about: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + cipher.encrypt(nonce, plain, about)

    @staticmethod
    def _open(cipher: AESGCM, sealed: bytes, about: bytes) -> bytes:
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], about)

    def signature(self, content: bytes) -> bytes:
        """An HMAC of what is given out to be brought back; whoever has the vault's key finds the same."""
        return hmac.digest(self._signing_key, content, sha256)

    def _lookup(self, account: str) -> bytes:
        return hmac.digest(self._lookup_key, account.encode(), sha256)

    def _transaction(self) -> Any:
        return self._con.transaction()

    def put(self, people: Iterable[tuple[str, str, Mapping[str, str]]], *, are_invented: bool = False) -> None:
        """Store (person key, account, details); whoever is there already is left as they are.

        Args:
            are_invented: nobody is harmed where they become known (:meth:`has_real_people`).
        """
        with self._transaction():
            fresh = sum([self._insert(person_key, account, details) for person_key, account, details in people])
            if are_invented:
                count = self._invented() + fresh
                self._con.execute("delete from facts where name = 'invented'")
                self._con.execute("insert into facts values ('invented', ?)", (str(count),))

    def _invented(self) -> int:
        row = self._con.execute("select value from facts where name = 'invented'").fetchone()
        return 0 if row is None else int(row[0])

    def has_real_people(self) -> bool:
        """Whether anybody is in it who was not invented."""
        return int(self._con.execute("select count(*) from persons").fetchone()[0]) > self._invented()

    def _insert(self, person_key: str, account: str, details: Mapping[str, str]) -> bool:
        """Store a person; false where they are there already. Somebody of whom only texts were met gets the details."""
        known = self._con.execute(
            "select sealed, wrapped_key from persons where person_key = ?", (person_key,)
        ).fetchone()
        if known is None:
            person, _ = self._made(person_key, details)
            self._con.execute("insert into persons values (?, ?, ?, null)", person)
        elif known[0] is None and known[1] is not None:
            sealed = self._seal(self._own(person_key), _json(details), person_key.encode())
            self._con.execute("update persons set sealed = ? where person_key = ?", (sealed, person_key))
        else:
            return False
        self._con.execute("insert or ignore into accounts values (?, ?)", (self._lookup(account), person_key))
        return known is None

    def _made(self, person_key: str, details: Mapping[str, str]) -> tuple[tuple[str, bytes, bytes], AESGCM]:
        """A new person: what is kept of them, and their cipher."""
        about = person_key.encode()
        key = AESGCM.generate_key(256)
        own = AESGCM(key)
        sealed = self._seal(own, _json(details), about)
        return (person_key, self._seal(self._kek, key, about), sealed), own

    def resolve(
        self,
        accounts: Iterable[tuple[str, Mapping[str, str]]],
        new_key: Callable[[], str] = random_learner_key,
    ) -> dict[str, str]:
        """The person key of each account; an account not met before gets a random one.

        Args:
            accounts: (account, details to keep for a new person).
        """
        found: dict[str, str] = {}
        with self._transaction():
            for account, details in accounts:
                known = self.find(account)
                found[account] = known or new_key()
                if known is None:
                    self._insert(found[account], account, details)
        return found

    def find(self, account: str) -> str | None:
        """The person key of an account, that of the person whom it was merged into; None where nobody has it."""
        return self._persons([account]).get(account)

    def lookup(self, account: str) -> bytes:
        """The keyed hash by which an account is found again: equal for equal accounts, and it tells nothing without the vault's key."""
        return self._lookup(account)

    def known_by(self, lookups: Iterable[bytes]) -> dict[bytes, str]:
        """The person key of each account, by its :meth:`lookup`; those that nobody has are left out."""
        rows = self._where(
            "select lookup, person_key, into_key from accounts left join merges using (person_key) where lookup in",
            list(dict.fromkeys(lookups)),
        )
        return {bytes(lookup): key if into is None else self.leading(into) for lookup, key, into in rows}

    def recognise(self, people: Iterable[Recognised]) -> list[str]:
        """Keep people with all the accounts by which they are recognised again, in one transaction; returns their keys.

        Somebody without a key is whoever has one of the accounts by now, else somebody new. An account that another person has stays
        that person's.

        Raises:
            IdentityError: somebody was forgotten meanwhile; nothing is kept.
        """
        keys = []
        with self._transaction():
            for person_key, accounts, dropped, details in people:
                key = self.leading(person_key) if person_key else next(filter(None, map(self.find, accounts)), None)
                if key is None:
                    key = random_learner_key()
                    person, _ = self._made(key, details)
                    self._con.execute("insert into persons values (?, ?, ?, null)", person)
                else:
                    self._add_details(key, details)
                self._con.executemany(
                    "delete from accounts where lookup = ? and person_key = ?",
                    [(self._lookup(a), key) for a in dropped],
                )
                self._con.executemany(
                    "insert or ignore into accounts values (?, ?)", [(self._lookup(a), key) for a in accounts]
                )
                keys.append(key)
        return keys

    def _add_details(self, person_key: str, details: Mapping[str, str]) -> None:
        before = self.show(person_key)
        after = {name: value for name, value in {**before, **details}.items() if value}
        if after != before:
            text = json.dumps(after, ensure_ascii=False).encode()
            sealed = self._seal(self._own(person_key), text, person_key.encode())
            self._con.execute("update persons set sealed = ? where person_key = ?", (sealed, person_key))

    def keep_forms(self, forms: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[str, int]]:
        """Keep the ways in which people were written down, each under its person's key.

        Args:
            forms: (account, text); an account not met before gets a random key, as by :meth:`resolve`.

        Returns:
            The person key of each, and its number, from 0 for each person; the same text again has the same number.
        """
        wanted = list(dict.fromkeys(forms))
        found = self._kept(wanted)
        if len(found) < len(wanted):
            with self._transaction():
                # Another process may have met them just now.
                found |= self._kept([form for form in wanted if form not in found])
                found |= self._keep([form for form in wanted if form not in found])
        return found

    def _persons(self, accounts: Iterable[str]) -> dict[str, str]:
        """The person keys of accounts; those that nobody has are left out."""
        lookups = {self._lookup(account): account for account in accounts}
        return {lookups[lookup]: person_key for lookup, person_key in self.known_by(lookups).items()}

    def _kept(self, forms: Sequence[tuple[str, str]]) -> dict[tuple[str, str], tuple[str, int]]:
        """The person key and the number of each form that is kept."""
        persons = self._persons(account for account, _ in forms)
        lookups = {
            self._lookup(f"{persons[account]} {text}"): (account, text) for account, text in forms if account in persons
        }
        rows = self._where("select lookup, person_key, number from forms where lookup in", [*lookups])
        return {lookups[lookup]: (person_key, number) for lookup, person_key, number in rows}

    def _keep(self, forms: Sequence[tuple[str, str]]) -> dict[tuple[str, str], tuple[str, int]]:
        """Keep forms that are not kept yet: each step for all of them, as thousands may come at once when a programme begins."""
        persons = self._persons(account for account, _ in forms)
        ciphers: dict[str, tuple[AESGCM, int]] = {}
        new_persons, new_accounts, new_forms = [], [], []
        found = {}
        for account, text in forms:
            person_key = persons.get(account)
            if person_key is None:
                person_key = persons[account] = random_learner_key()
                person, own = self._made(person_key, {"account": account})
                ciphers[person_key] = own, 0
                new_persons.append(person)
                new_accounts.append((self._lookup(account), person_key))
            elif person_key not in ciphers:
                sql = "select count(*) from forms where person_key = ?"
                ciphers[person_key] = self._own(person_key), *self._con.execute(sql, (person_key,)).fetchone()
            own, number = ciphers[person_key]
            sealed = self._seal(own, text.encode(), f"{person_key} {number}".encode())
            new_forms.append((person_key, number, self._lookup(f"{person_key} {text}"), sealed))
            found[account, text] = person_key, number
            ciphers[person_key] = own, number + 1
        self._con.executemany("insert into persons values (?, ?, ?, null)", new_persons)
        self._con.executemany("insert into accounts values (?, ?)", new_accounts)
        self._con.executemany("insert into forms values (?, ?, ?, ?)", new_forms)
        return found

    def _where(self, sql: str, lookups: Sequence[bytes | str]) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(lookups), 500):
            part = lookups[start : start + 500]
            yield from self._con.execute(f"{sql} ({', '.join('?' * len(part))})", part)

    def form(self, person_key: str, number: int) -> str:
        """One way in which a person was written down.

        Raises:
            IdentityError: there is none of that number, or the person was forgotten.
        """
        own = self._own(person_key)
        row = self._con.execute(
            "select sealed from forms where person_key = ? and number = ?", (person_key, number)
        ).fetchone()
        if row is None:
            raise IdentityError("the vault knows no such form of that person")
        return self._open(own, bytes(row[0]), f"{person_key} {number}".encode()).decode()

    def unseal(self, person_key: str, sealed: bytes) -> bytes:
        """What earlier versions sealed under a person's key alone, documents; :mod:`ingest.identity.sealing` seals now.

        Raises:
            IdentityError: nobody has that key, or they were forgotten.
        """
        return self._open(self._own(person_key), sealed, b"sealed for " + person_key.encode())

    def text_secret(self, person_key: str, *, meet: bool) -> bytes | None:
        """What a person's texts are sealed under; None where the person was forgotten, or nobody has that key.

        Args:
            meet: somebody whom the vault has not met gets a key.
        """
        row = self._con.execute("select wrapped_key from persons where person_key = ?", (person_key,)).fetchone()
        if row is None and meet:
            with self._transaction():
                self._con.execute(
                    "insert or ignore into persons values (?, ?, null, null)",
                    (person_key, self._seal(self._kek, AESGCM.generate_key(256), person_key.encode())),
                )
            row = self._con.execute("select wrapped_key from persons where person_key = ?", (person_key,)).fetchone()
        if row is None or row[0] is None:
            return None
        key = self._open(self._kek, bytes(row[0]), person_key.encode())
        return blake2b(key=key, digest_size=32, person=b"xueqing texts").digest()

    def known_of(self, person_key: str) -> tuple[int, int]:
        """By how many accounts a person is found, and in how many ways statements wrote them."""
        accounts = self._con.execute("select count(*) from accounts where person_key = ?", (person_key,)).fetchone()[0]
        forms = self._con.execute("select count(*) from forms where person_key = ?", (person_key,)).fetchone()[0]
        return int(accounts), int(forms)

    def is_forgotten(self, person_key: str) -> bool:
        """Whether somebody had that key until they were forgotten."""
        row = self._con.execute("select wrapped_key from persons where person_key = ?", (person_key,)).fetchone()
        return row is not None and row[0] is None

    def _own(self, person_key: str) -> AESGCM:
        row = self._con.execute(
            "select wrapped_key, forgotten_at from persons where person_key = ?", (person_key,)
        ).fetchone()
        if row is None:
            raise IdentityError("the vault knows nobody of that key")
        if row[0] is None:
            raise IdentityError(f"that person was forgotten at {row[1]}; nothing can be read back")
        return AESGCM(self._open(self._kek, bytes(row[0]), person_key.encode()))

    def show(self, person_key: str) -> dict[str, str]:
        """The details of one person; of a key that was merged into another, that one's.

        Raises:
            IdentityError: nobody has that key, or they were forgotten.
        """
        person_key = self.leading(person_key)
        own = self._own(person_key)
        row = self._con.execute("select sealed from persons where person_key = ?", (person_key,)).fetchone()
        if row[0] is None:  # only texts of theirs were met
            return {}
        details: dict[str, str] = json.loads(self._open(own, bytes(row[0]), person_key.encode()))
        return details

    def show_all(self, person_keys: Iterable[str]) -> dict[str, dict[str, str]]:
        """The details of many people by the keys that were asked for; those who are not known or were forgotten are left out."""
        asked = list(dict.fromkeys(person_keys))
        merged = {key for (key,) in self._where("select person_key from merges where person_key in", asked)}
        leading = {key: self.leading(key) if key in merged else key for key in asked}
        details: dict[str, dict[str, str]] = {}
        sql = "select person_key, wrapped_key, sealed from persons where wrapped_key is not null and person_key in"
        for key, wrapped, sealed in self._where(sql, list(dict.fromkeys(leading.values()))):
            own, about = AESGCM(self._open(self._kek, bytes(wrapped), key.encode())), key.encode()
            details[key] = {} if sealed is None else json.loads(self._open(own, bytes(sealed), about))
        return {key: dict(details[own]) for key, own in leading.items() if own in details}

    def leading(self, person_key: str) -> str:
        """The key that a key was merged into, and that one perhaps into another; else that key itself."""
        while row := self._con.execute("select into_key from merges where person_key = ?", (person_key,)).fetchone():
            person_key = str(row[0])
        return person_key

    def same_person(self, person_key: str) -> list[str]:
        """All keys of the person who has this one, the leading one first."""
        found = [self.leading(person_key)]
        for key in found:  # grows by what was merged into each
            rows = self._con.execute("select person_key from merges where into_key = ? order by person_key", (key,))
            found += [str(merged) for (merged,) in rows]
        return found

    def merge(self, person_key: str, into_key: str) -> str:
        """Two keys are one person's from now on: accounts and names of the first are those of the second, whose leading key is returned.

        Nothing is destroyed: :meth:`part` undoes it.

        Raises:
            IdentityError: nobody has one of them, one was forgotten, or the first was merged already.
        """
        with self._transaction():
            for key in (person_key, into_key):
                self._own(key)
            if (before := self.leading(person_key)) != person_key:
                raise IdentityError(f"{person_key} was merged into {before} already; merge that one")
            target = self.leading(into_key)
            if target == person_key:
                raise IdentityError("both keys are one person's already")
            self._con.execute("insert into merges values (?, ?, ?)", (person_key, target, _now()))
        return target

    def part(self, person_key: str) -> str:
        """Undo a merge; returns the key that this one was merged into.

        Raises:
            IdentityError: it was not merged into another.
        """
        with self._transaction():
            row = self._con.execute(
                "delete from merges where person_key = ? returning into_key", (person_key,)
            ).fetchone()
        if row is None:
            raise IdentityError("that key was not merged into another")
        return str(row[0])

    def note(self, name: str, value: bytes) -> None:
        """Keep a few bytes under a name, so that nobody without the vault's key can put others in their place."""
        with self._transaction():
            sealed = self._seal(self._kek, value, b"note " + name.encode())
            self._con.execute(
                "insert into notes values (?, ?) on conflict (name) do update set sealed = excluded.sealed",
                (name, sealed),
            )

    def noted(self, name: str) -> bytes | None:
        """What :meth:`note` was given; None where nothing was.

        Raises:
            IdentityError: somebody without the vault's key has changed it.
        """
        row = self._con.execute("select sealed from notes where name = ?", (name,)).fetchone()
        try:
            return None if row is None else self._open(self._kek, bytes(row[0]), b"note " + name.encode())
        except InvalidTag as error:
            raise IdentityError(f"what the vault notes of {name} was changed without its key") from error

    def knows(self, person_key: str) -> bool:
        """Whether somebody has that key, or had it until they were forgotten."""
        return self._con.execute("select 1 from persons where person_key = ?", (person_key,)).fetchone() is not None

    def forget(self, person_key: str) -> None:
        """Destroy a person's key, details and accounts.

        Raises:
            IdentityError: nobody has that key.
        """
        with self._transaction():
            if not self._forget(person_key, _now()):
                raise IdentityError("the vault knows nobody of that key")
            self._count_destroyed()
        self._con.scrub()

    def erasures_read(self, log_id: str) -> dict[int, Covered]:
        """How far this vault has read of the log whom to forget, by partition."""
        sql = "select partition, next_offset, mark from erasures_read where log_id = ?"
        return {p: Covered(offset, mark) for p, offset, mark in self._con.execute(sql, (log_id,))}

    def erase(
        self, person_keys: Iterable[str], log_id: str, read: Mapping[int, Covered], *,
        leaves: Collection[tuple[str, str]] = (), periods: Collection[str] = (),
    ) -> int:  # fmt: skip
        """Forget, cut out and end what a log says, and note how far it was read.

        Args:
            person_keys: of people; those whom the vault does not know are passed over.
            leaves: sealed texts that were redacted, as period and leaf.
            periods: periods that have ended.

        Returns:
            How many people the vault could still read back.
        """
        before, now = self.count(), _now()
        with self._transaction():
            for person_key in sorted(person_keys):
                self._forget(person_key, now)
            self.periods.cut_out(sorted(leaves))
            self.periods.end(sorted(periods), now)
            if person_keys or leaves or periods:
                self._count_destroyed()
            self._con.executemany(
                "delete from erasures_read where log_id = ? and partition = ?", [(log_id, p) for p in read]
            )
            self._con.executemany(
                "insert into erasures_read values (?, ?, ?, ?)",
                [(log_id, partition, *one) for partition, one in read.items()],
            )
        if person_keys or leaves or periods:
            self._con.scrub()
        return before - self.count()

    def destroyed(self) -> int:
        """How often keys were destroyed: while it stays the same, every key that was read is there still."""
        row = self._con.execute("select value from facts where name = 'destroyed'").fetchone()
        return 0 if row is None else int(row[0])

    def _count_destroyed(self) -> None:
        count = self.destroyed() + 1
        self._con.execute("delete from facts where name = 'destroyed'")
        self._con.execute("insert into facts values ('destroyed', ?)", (str(count),))

    def _forget(self, person_key: str, now: str) -> bool:
        done = self._con.execute(
            "update persons set wrapped_key = null, sealed = null, forgotten_at = coalesce(forgotten_at, ?)"
            " where person_key = ?",
            (now, person_key),
        )
        self._con.execute("delete from accounts where person_key = ?", (person_key,))
        self._con.execute("delete from forms where person_key = ?", (person_key,))
        self._con.execute("delete from merges where person_key = ? or into_key = ?", (person_key, person_key))
        return done.rowcount > 0

    def count(self) -> int:
        """How many people can be read back."""
        return int(self._con.execute("select count(*) from persons where wrapped_key is not null").fetchone()[0])

    def close(self) -> None:
        """Release the storage."""
        self._con.close()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _json(details: Mapping[str, str]) -> bytes:
    return json.dumps(dict(details), ensure_ascii=False).encode()


def _derived(key: bytes, what: str) -> bytes:
    return hmac.digest(key, f"xueqing vault: {what}".encode(), sha256)


def _kek_name(key: bytes) -> str:
    """A KEK's name in the vault, which says nothing of the key."""
    return _derived(key, "name").hex()[:16]
