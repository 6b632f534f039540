"""The vault: one SQLite file, every person's details under a key of their own.

A person's details are encrypted with AES-256-GCM under a random key, which is itself stored
encrypted under the key-encryption key (KEK). Forgetting someone destroys that key: what is
left of the ciphertext, here or in a backup without its key row, says nothing. Accounts are
found again through an HMAC, so the file holds no account in the clear.
"""

from __future__ import annotations

import base64
import fcntl
import hmac
import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ingest.transactions import transaction
from warehouse.errors import IdentityError

__all__ = ["KeyFile", "Vault", "random_learner_key"]

_SCHEMA = """
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
"""
_NONCE = 12


def random_learner_key() -> str:
    """A fresh key: ``L`` and 144 random bits."""
    return "L" + secrets.token_urlsafe(18).replace("-", "x").replace("_", "y")


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
    """Details by person key. One process writes at a time; SQLite sees to it.

    Args:
        path: the vault's file, made if absent.
        key: the KEK, 32 bytes.

    Raises:
        IdentityError: the key is not the one that the vault was made with.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._kek = AESGCM(hmac.digest(key, b"xueqing vault: wrapping", sha256))
        self._lookup_key = hmac.digest(key, b"xueqing vault: lookup", sha256)
        # Several threads may use it, one at a time.
        self._con = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        path.chmod(0o600)
        self._turn = path.with_name(f"{path.name}-lock").open("a")
        # What is deleted is overwritten, in the file and in its journal.
        self._con.execute("pragma secure_delete=on")
        self._con.execute("pragma journal_mode=delete")
        for statement in _SCHEMA.split(";"):
            self._con.execute(statement)
        self._con.execute(
            "insert or ignore into check_value values (1, ?)", (self._seal(self._kek, b"xueqing", b"check"),)
        )
        sealed = self._con.execute("select sealed from check_value").fetchone()[0]
        try:
            self._open(self._kek, sealed, b"check")
        except InvalidTag as error:
            self.close()
            raise IdentityError(
                f"the key does not open the vault {path.name}; give the one it was made with"
            ) from error

    @staticmethod
    def _seal(cipher: AESGCM, plain: bytes, about: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + cipher.encrypt(nonce, plain, about)

    @staticmethod
    def _open(cipher: AESGCM, sealed: bytes, about: bytes) -> bytes:
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], about)

    def _lookup(self, account: str) -> bytes:
        return hmac.digest(self._lookup_key, account.encode(), sha256)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        # Who waits goes on as soon as it can: SQLite itself would look again now and then.
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        try:
            with transaction(self._con):
                yield
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    def put(self, people: Iterable[tuple[str, str, Mapping[str, str]]]) -> None:
        """Store (person key, account, details); whoever is there already is left as they are."""
        with self._transaction():
            for person_key, account, details in people:
                self._insert(person_key, account, details)

    def _insert(self, person_key: str, account: str, details: Mapping[str, str]) -> None:
        """Store a person, unless they are there already."""
        if not self._con.execute("select 1 from persons where person_key = ?", (person_key,)).fetchone():
            person, _ = self._made(person_key, details)
            self._con.execute("insert into persons values (?, ?, ?, null)", person)
            self._con.execute("insert or ignore into accounts values (?, ?)", (self._lookup(account), person_key))

    def _made(self, person_key: str, details: Mapping[str, str]) -> tuple[tuple[str, bytes, bytes], AESGCM]:
        """A new person: what is kept of them, and their cipher."""
        about = person_key.encode()
        key = AESGCM.generate_key(256)
        own = AESGCM(key)
        sealed = self._seal(own, json.dumps(dict(details), ensure_ascii=False).encode(), about)
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
        """The person key of an account; None where nobody has it."""
        row = self._con.execute("select person_key from accounts where lookup = ?", (self._lookup(account),)).fetchone()
        return None if row is None else str(row[0])

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
        rows = self._where("select lookup, person_key from accounts where lookup in", [*lookups])
        return {lookups[lookup]: person_key for lookup, person_key in rows}

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

    def _where(self, sql: str, lookups: Sequence[bytes]) -> Iterator[tuple[Any, ...]]:
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
        return self._open(own, row[0], f"{person_key} {number}".encode()).decode()

    def seal(self, person_key: str, plain: bytes) -> bytes:
        """Encrypt under a person's key: forgetting the person destroys what comes out, wherever it is.

        Raises:
            IdentityError: nobody has that key, or they were forgotten.
        """
        return self._seal(self._own(person_key), plain, b"sealed for " + person_key.encode())

    def unseal(self, person_key: str, sealed: bytes) -> bytes:
        """What :meth:`seal` was given.

        Raises:
            IdentityError: nobody has that key, or they were forgotten.
        """
        return self._open(self._own(person_key), sealed, b"sealed for " + person_key.encode())

    def _own(self, person_key: str) -> AESGCM:
        row = self._con.execute(
            "select wrapped_key, forgotten_at from persons where person_key = ?", (person_key,)
        ).fetchone()
        if row is None:
            raise IdentityError("the vault knows nobody of that key")
        if row[0] is None:
            raise IdentityError(f"that person was forgotten at {row[1]}; nothing can be read back")
        return AESGCM(self._open(self._kek, row[0], person_key.encode()))

    def show(self, person_key: str) -> dict[str, str]:
        """The details of one person.

        Raises:
            IdentityError: nobody has that key, or they were forgotten.
        """
        own = self._own(person_key)
        row = self._con.execute("select sealed from persons where person_key = ?", (person_key,)).fetchone()
        details: dict[str, str] = json.loads(self._open(own, row[0], person_key.encode()))
        return details

    def forget(self, person_key: str) -> None:
        """Destroy a person's key, details and accounts.

        Raises:
            IdentityError: nobody has that key.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._transaction():
            done = self._con.execute(
                "update persons set wrapped_key = null, sealed = null, forgotten_at = coalesce(forgotten_at, ?)"
                " where person_key = ?",
                (now, person_key),
            )
            if done.rowcount == 0:
                raise IdentityError("the vault knows nobody of that key")
            self._con.execute("delete from accounts where person_key = ?", (person_key,))
            self._con.execute("delete from forms where person_key = ?", (person_key,))

    def count(self) -> int:
        """How many people can be read back."""
        return int(self._con.execute("select count(*) from persons where wrapped_key is not null").fetchone()[0])

    def close(self) -> None:
        """Release the file."""
        self._con.close()
        self._turn.close()
