"""Who may do what: keys of clients, each of one programme, with scopes. Secrets are kept as Argon2id hashes."""

from __future__ import annotations

import hmac
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from warehouse.errors import BadConfiguration

__all__ = ["SCOPES", "Key", "Keys"]

#: What each scope allows.
SCOPES = {
    "statements/write": "store statements",
    "statements/read/mine": "read the statements that this key has stored",
    "statements/read": "read all of the programme's statements",
    "state": "read and write states",
    "profile": "read and write the profiles of agents and activities",
    "enrolments/open": "have learners enrolled in the courses that its statements are about",
    "events/write": "send the platform's own events",
    "all": "everything but opening enrolments",
}
_SCHEMA = """
create table if not exists keys (
    key_id text primary key, secret_hash text not null, programme_id text not null, label text not null, scopes text not null,
    created_at text not null, revoked_at text
) without rowid
"""
#: Seconds for which a key that was revoked elsewhere may still be taken.
_FRESH_S = 5.0


@dataclass(frozen=True, slots=True)
class Key:
    """A client's key; its secret is told once, when it is made."""

    key_id: str
    programme_id: str
    label: str
    scopes: frozenset[str]
    created_at: str
    revoked_at: str | None

    def may(self, *scopes: str) -> bool:
        """Whether it has one of these scopes, or all."""
        return "all" in self.scopes or any(scope in self.scopes for scope in scopes)


class Keys:
    """The keys in one SQLite file. Several threads and processes may use it.

    Args:
        hasher: of new secrets; with the library's own costs where none is given.
    """

    def __init__(self, path: Path, hasher: PasswordHasher | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._con = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        path.chmod(0o600)
        self._con.execute(_SCHEMA)
        self._lock = threading.Lock()
        self._hasher = hasher or PasswordHasher()
        self._own = secrets.token_bytes(32)
        self._known: dict[str, tuple[float, bytes, Key]] = {}

    def create(self, programme_id: str, scopes: Iterable[str], label: str = "") -> tuple[Key, str]:
        """A new key and its secret, which nobody can read again.

        Raises:
            BadConfiguration: there is no such scope.
        """
        asked = frozenset(scopes)
        if not asked or asked - set(SCOPES):
            unknown = ", ".join(sorted(asked - set(SCOPES))) or "none"
            raise BadConfiguration(f"scopes are {', '.join(SCOPES)}; not {unknown}")
        key = Key(f"xq-{secrets.token_hex(8)}", programme_id, label, asked, _now(), None)
        secret = secrets.token_urlsafe(32)
        with self._lock:
            self._con.execute(
                "insert into keys values (?, ?, ?, ?, ?, ?, null)",
                (key.key_id, self._hasher.hash(secret), programme_id, label, " ".join(sorted(asked)), key.created_at),
            )
        return key, secret

    def list(self) -> list[Key]:
        """All of them, revoked ones too, the oldest first."""
        with self._lock:
            rows = self._con.execute(
                "select key_id, programme_id, label, scopes, created_at, revoked_at from keys order by created_at, key_id"
            ).fetchall()
        return [_key(row) for row in rows]

    def revoke(self, key_id: str) -> None:
        """Take it no longer.

        Raises:
            BadConfiguration: there is no such key.
        """
        with self._lock:
            done = self._con.execute(
                "update keys set revoked_at = coalesce(revoked_at, ?) where key_id = ?", (_now(), key_id)
            )
            self._known.pop(key_id, None)
        if done.rowcount == 0:
            raise BadConfiguration(f"there is no key {key_id!r}; see: xueqing keys list")

    def known(self, key_id: str, secret: str) -> Key | None:
        """As :meth:`check`, where it takes no more than a look into memory; else None."""
        entry = self._known.get(key_id)
        if entry is None or time.monotonic() - entry[0] >= _FRESH_S or not self.has_met(key_id, secret):
            return None
        return entry[2]

    def has_met(self, key_id: str, secret: str) -> bool:
        """Whether that was found to be the key's secret: then :meth:`check` pays for no hash."""
        entry = self._known.get(key_id)
        digest = hmac.digest(self._own, secret.encode(), sha256)
        return entry is not None and hmac.compare_digest(entry[1], digest)

    def check(self, key_id: str, secret: str) -> Key | None:
        """The key, if that is its secret and it is not revoked.

        The hash is paid for (some 50 ms) when a secret is new to this process; then a keyed digest in memory is compared, and the file is
        asked every few seconds whether the key still holds.
        """
        digest = hmac.digest(self._own, secret.encode(), sha256)
        now = time.monotonic()
        with self._lock:
            has_met = self.has_met(key_id, secret)
            row = self._con.execute(
                "select key_id, programme_id, label, scopes, created_at, revoked_at, secret_hash from keys where key_id = ?",
                (key_id,),
            ).fetchone()
        if row is None or row[5] is not None:
            self._known.pop(key_id, None)
            return None
        if not has_met:
            try:
                self._hasher.verify(row[6], secret)
            except VerifyMismatchError:
                return None
        found = _key(row[:6])
        with self._lock:
            self._known[key_id] = (now, digest, found)
        return found

    def close(self) -> None:
        """Release the file."""
        self._con.close()


def _key(row: tuple[str, ...]) -> Key:
    return Key(row[0], row[1], row[2], frozenset(row[3].split()), row[4], row[5])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
