"""Keys of clients: each is of one programme and has scopes. The file has the SHA-256 of a secret.

A secret is 256 random bits, which nobody chooses: there is no list of likely ones to try against a hash. So a slow hash would protect
nothing, and a fast one makes guesses cheap for the server (docs/decisions/0005). Earlier versions stored Argon2id hashes; each of these
holds until its secret comes for the first time.
"""

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
from argon2.exceptions import InvalidHashError, VerificationError

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
#: Seconds for which a key still opens here after another process has revoked it.
_FRESH_S = 5.0
#: How each kind of hash begins.
_FAST, _SLOW = "sha256:", "$argon2"
_NONE = f"{_FAST}{'-' * 64}"


@dataclass(frozen=True, slots=True)
class Key:
    """A client's key, without its secret, which is shown once, when the key is made."""

    key_id: str
    programme_id: str
    label: str
    scopes: frozenset[str]
    created_at: str
    revoked_at: str | None

    def may(self, *scopes: str) -> bool:
        """Whether the key has one of these scopes, or the scope ``all``."""
        return "all" in self.scopes or any(scope in self.scopes for scope in scopes)


class Keys:
    """The keys in one SQLite file. Several threads and processes may use it.

    Memory has all keys as they were at the last look into the file (:meth:`refresh`): a request with an unknown id then costs the same as
    one with a known id.

    Args:
        hasher: checks the hashes of earlier versions.
    """

    def __init__(self, path: Path, hasher: PasswordHasher | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._con = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        path.chmod(0o600)
        try:
            self._con.execute(_SCHEMA)
        except sqlite3.OperationalError:
            self._con.close()
            raise
        except sqlite3.DatabaseError as error:
            self._con.close()
            raise BadConfiguration(
                f"the keys in {path.name} are damaged ({error}); put the file back from a backup, or delete it and make new keys "
                "(xueqing keys create)"
            ) from error
        self._lock = threading.Lock()
        self._hasher = hasher or PasswordHasher()
        self._known: dict[str, tuple[str, Key]] = {}
        #: A slow hash of an earlier version, where one is left that was not replaced.
        self._slow = ""
        self._looked, self._version = -_FRESH_S, -1
        self.refresh()

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
            self._version = -1
            self._con.execute(
                "insert into keys values (?, ?, ?, ?, ?, ?, null)",
                (key.key_id, _digest(key.key_id, secret), programme_id, label, " ".join(sorted(asked)), key.created_at),
            )
        return key, secret

    def list(self) -> list[Key]:
        """All keys, revoked ones too, the oldest first."""
        with self._lock:
            rows = self._con.execute(
                "select key_id, programme_id, label, scopes, created_at, revoked_at from keys order by created_at, key_id"
            ).fetchall()
        return [_key(row) for row in rows]

    def revoke(self, key_id: str) -> None:
        """Let a key in no longer.

        Raises:
            BadConfiguration: there is no such key.
        """
        with self._lock:
            self._version = -1
            done = self._con.execute(
                "update keys set revoked_at = coalesce(revoked_at, ?) where key_id = ?", (_now(), key_id)
            )
            self._known = {k: v for k, v in self._known.items() if k != key_id}
        if done.rowcount == 0:
            raise BadConfiguration(f"there is no key {key_id!r}; see: xueqing keys list")

    def known(self, key_id: str, secret: str) -> Key | None:
        """The key, if that is its secret, by what memory has; None, too, where the last look into the file is too long ago."""
        if time.monotonic() - self._looked >= _FRESH_S:
            return None
        return self._found(key_id, secret)

    def refresh(self) -> None:
        """Read the keys again where the file has changed."""
        with self._lock:
            # The number counts changes of other connections only; those of this one have set the version to -1.
            version = int(self._con.execute("pragma data_version").fetchone()[0])
            if version != self._version:
                rows = self._con.execute(
                    "select key_id, programme_id, label, scopes, created_at, revoked_at, secret_hash from keys"
                    " where revoked_at is null"
                ).fetchall()
                self._known = {row[0]: (row[6], _key(row[:6])) for row in rows}
                self._slow = next((kept for kept, _ in self._known.values() if kept.startswith(_SLOW)), "")
                self._version = version
            self._looked = time.monotonic()

    @property
    def has_slow(self) -> bool:
        """Whether a key of an earlier version still has its slow hash: then only :meth:`check_slowly` can refuse a secret."""
        return bool(self._slow)

    def check_slowly(self, key_id: str, secret: str) -> Key | None:
        """The key, if that is its secret, by the slow hash of earlier versions (some 50 ms); a right secret replaces the hash.

        It takes as long where there is no such key.
        """
        kept = self._known.get(key_id, ("", None))[0]
        is_slow = kept.startswith(_SLOW)
        hashed = kept if is_slow else self._slow
        try:
            is_right = bool(hashed) and self._hasher.verify(hashed, secret)
        except (VerificationError, InvalidHashError):
            is_right = False
        if not (is_right and is_slow):
            return self._found(key_id, secret)
        with self._lock:
            self._version = -1
            self._con.execute(
                "update keys set secret_hash = ? where key_id = ? and secret_hash = ?",
                (_digest(key_id, secret), key_id, kept),
            )
        self.refresh()
        return self._found(key_id, secret)

    def check(self, key_id: str, secret: str) -> Key | None:
        """The key, if that is its secret and it is not revoked; may wait for the file and for a slow hash."""
        found = self.known(key_id, secret)
        if found is None:
            self.refresh()
            found = self._found(key_id, secret)
        return self.check_slowly(key_id, secret) if found is None and self.has_slow else found

    def _found(self, key_id: str, secret: str) -> Key | None:
        kept, key = self._known.get(key_id, (_NONE, None))
        is_its = hmac.compare_digest(kept.encode(), _digest(key_id, secret).encode())
        return key if is_its else None

    def close(self) -> None:
        """Close the file."""
        self._con.close()


def _digest(key_id: str, secret: str) -> str:
    """The hash of a secret and its id: copied to another key, it opens nothing."""
    return f"{_FAST}{sha256(f'{key_id}:{secret}'.encode(errors='surrogatepass')).hexdigest()}"


def _key(row: tuple[str, ...]) -> Key:
    return Key(row[0], row[1], row[2], frozenset(row[3].split()), row[4], row[5])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
