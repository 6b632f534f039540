"""Sealed text: what people wrote, under the key of whoever wrote it and the key of its time (docs/decisions/0010).

``A256GCM:<person or ->:<period>:<leaf>:<nonce and ciphertext>``. The first part names the algorithm, so that a reader knows each that was
ever in use and a writer takes one. The key of a text is a hash of two keys: the person's, and that of the text's own leaf in the tree of
its period (:mod:`ingest.identity.periods`). Whoever forgets the person, ends the period or cuts out the leaf ends the text. A text is
bound to its place (``about``), so that it opens nowhere else.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ingest.identity.periods import LEVELS, child_key, leaf_key
from ingest.identity.vault import Vault
from warehouse.errors import IdentityError

__all__ = ["ALGORITHMS", "KINDS", "Header", "Sealer", "header_of"]

#: What is sealed, as retention.csv names it.
KINDS = ("statement", "document", "attachment", "event", "quarantine")
NONCE = 12
_NOBODY = "-"
#: Digits of a leaf that a process draws at random; it counts up the rest.
_DRAWN = 12
#: Seconds for which a process may still use a key that another process has destroyed.
_FRESH_S = 30.0
_MOST_KEYS = 50_000
#: Bytes that a header has at most; beyond, something is no sealed text.
_MOST_HEADER = 200


class Cipher(Protocol):
    """Encryption that notices what was changed."""

    def encrypt(self, nonce: bytes, data: bytes, about: bytes, /) -> bytes: ...
    def decrypt(self, nonce: bytes, data: bytes, about: bytes, /) -> bytes: ...


#: By name: what makes a cipher of a key of 32 bytes. SM4 (GB/T 32907, 16 bytes of the key) would be another line.
ALGORITHMS: Mapping[str, Callable[[bytes], Cipher]] = {"A256GCM": AESGCM}
_USED = "A256GCM"


class Header(NamedTuple):
    """What a sealed text says of itself; ``person`` is None where it is nobody's."""

    algorithm: str
    person: str | None
    period: str
    leaf: str


def header_of(sealed: bytes | str) -> Header | None:
    """The header of a sealed text, in letters or in bytes; None of anything else."""
    start = (sealed if isinstance(sealed, bytes) else sealed.encode())[:_MOST_HEADER]
    parts = start.split(b":", 4)
    if len(parts) != 5 or not all(parts):
        return None
    try:
        algorithm, person, period, leaf = (part.decode("ascii") for part in parts[:4])
    except UnicodeDecodeError:
        return None
    if algorithm not in ALGORITHMS or len(leaf) != LEVELS:
        return None
    return Header(algorithm, None if person == _NOBODY else person, period, leaf)


@dataclass(slots=True)
class _Nodes:
    """What is left of a period's key, and nodes below that were met."""

    nodes: dict[str, bytes]
    #: Whether single leaves were cut out.
    is_deep: bool
    met: dict[str, bytes | None] = field(default_factory=dict)


class Sealer:
    """Seals and opens; several threads may use it."""

    def __init__(self, vault: Vault, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._vault, self._clock, self._lock = vault, clock, threading.Lock()
        self._persons: dict[str, bytes] = {}
        #: Until when a programme's kind is sealed under which period.
        self._current: dict[tuple[str, str], tuple[float, str]] = {}
        self._nodes: dict[str, _Nodes] = {}
        #: When the vault was asked how often keys were destroyed, and what it said.
        self._asked, self._destroyed = -_FRESH_S, -1
        self._drawn, self._counted = "", 1 << 16

    def seal(self, person: str | None, programme_id: str, kind: str, about: str, plain: bytes) -> str:
        """A text sealed now.

        Args:
            person: whose; None where nobody is known. Of somebody who was forgotten it is sealed under a key that nobody keeps.
            kind: one of :data:`KINDS`.
            about: where the text belongs: it opens with the same only.
        """
        header, body = self._sealed(person, programme_id, kind, about, plain, os.urandom(NONCE))
        return header + urlsafe_b64encode(body).rstrip(b"=").decode()

    def seal_bytes(self, person: str | None, programme_id: str, kind: str, about: str, plain: bytes) -> bytes:
        """The same in bytes: two thirds as long."""
        header, body = self._sealed(person, programme_id, kind, about, plain, os.urandom(NONCE))
        return header.encode() + body

    def seal_marked(self, person: str | None, programme_id: str, kind: str, about: str, plain: bytes) -> str:
        """The same with a mark: what follows the last colon begins alike for the same words of a person about the same.

        The mark is the nonce, a keyed hash of the words; its key is the person's, so the mark says nothing when the person is forgotten.
        """
        secret = self._person(person) if person is not None else b"\0" * 32
        key = blake2b(key=secret or secrets.token_bytes(32), digest_size=32, person=b"xueqing mark").digest()
        nonce = blake2b(about.encode() + b"\0" + plain, key=key, digest_size=NONCE).digest()
        header, body = self._sealed(person, programme_id, kind, about, plain, nonce)
        return header + urlsafe_b64encode(body).rstrip(b"=").decode()

    def _sealed(
        self, person: str | None, programme_id: str, kind: str, about: str, plain: bytes, nonce: bytes
    ) -> tuple[str, bytes]:
        period = self._period(programme_id, kind)
        leaf = self._leaf()
        secret = self._person(person) if person is not None else b""
        node = self._leaf_key(period, leaf) if secret is not None else None
        # Whose key is gone gets a key that is forgotten here and now.
        key = secrets.token_bytes(32) if secret is None or node is None else _text_key(secret, node)
        header = f"{_USED}:{person or _NOBODY}:{period}:{leaf}:"
        return header, nonce + ALGORITHMS[_USED](key).encrypt(nonce, plain, (header + about).encode())

    def open(self, sealed: bytes | str, about: str) -> bytes | None:
        """What was sealed; None where its key is gone.

        Raises:
            IdentityError: it is no sealed text, it was changed, or it belongs elsewhere.
        """
        header = header_of(sealed)
        if header is None:
            raise IdentityError("not a sealed text")
        algorithm, person, period, leaf = header
        secret = self._person(person, may_meet=False) if person is not None else b""
        node = self._leaf_key(period, leaf) if secret is not None else None
        if secret is None or node is None:
            return None
        start = f"{algorithm}:{person or _NOBODY}:{period}:{leaf}:"
        rest = sealed[len(start) :]
        try:
            body = rest if isinstance(rest, bytes) else urlsafe_b64decode(rest + "=" * (-len(rest) % 4))
            cipher = ALGORITHMS[algorithm](_text_key(secret, node))
            return cipher.decrypt(body[:NONCE], body[NONCE:], (start + about).encode())
        except InvalidTag:
            if person is not None and self._vault.is_forgotten(person):
                return None
            raise IdentityError(
                "a sealed text was changed, belongs elsewhere, or its writer was forgotten before"
            ) from None
        except ValueError:
            raise IdentityError("a sealed text is cut off") from None

    def knows(self, person: str) -> bool:
        """Whether somebody has that key, or had it until they were forgotten."""
        return person in self._persons or self._vault.knows(person)

    def name_of(self, what: str) -> str:
        """A name that is the same for the same, and says nothing without the vault."""
        return self._vault.signature(what.encode()).hex()[:40]

    def _check_fresh(self) -> None:
        """Keep no key longer than :data:`_FRESH_S` that another process may have destroyed."""
        now = time.monotonic()
        if now - self._asked < _FRESH_S:
            return
        destroyed = self._vault.destroyed()
        with self._lock:
            if destroyed != self._destroyed:
                self._persons, self._current, self._nodes = {}, {}, {}
            self._asked, self._destroyed = now, destroyed

    def _person(self, key: str, *, may_meet: bool = True) -> bytes | None:
        """A person's secret; None where they were forgotten."""
        self._check_fresh()
        # Where another thread begins anew meanwhile, what is read here goes with the old.
        persons = self._persons
        found = persons.get(key)
        if found is None:
            found = self._vault.text_secret(key, meet=may_meet)
            if found is not None:
                with self._lock:
                    if len(persons) >= _MOST_KEYS:
                        persons.clear()
                    persons[key] = found
        return found

    def _period(self, programme_id: str, kind: str) -> str:
        # A month that began within the last seconds begins a little later.
        asked, now = (programme_id, kind), time.monotonic()
        until, period = self._current.get(asked, (0.0, ""))
        if now >= until:
            period = self._vault.periods.current(programme_id, kind, f"{self._clock():%Y-%m}")
            with self._lock:
                if len(self._current) >= _MOST_KEYS:
                    self._current.clear()
                self._current[asked] = now + _FRESH_S, period
        return period

    def _leaf(self) -> str:
        with self._lock:
            if self._counted >= 1 << 16:
                self._drawn, self._counted = secrets.token_hex(_DRAWN // 2), 0
            self._counted += 1
            return f"{self._drawn}{self._counted - 1:04x}"

    def _leaf_key(self, period: str, leaf: str) -> bytes | None:
        self._check_fresh()
        periods = self._nodes
        known = periods.get(period)
        if known is None:
            nodes = self._vault.periods.nodes(period)
            known = _Nodes(nodes, any(len(path) > _DRAWN for path in nodes))
            with self._lock:
                if len(periods) >= _MOST_KEYS:
                    periods.clear()
                periods[period] = known
        if known.is_deep:
            return leaf_key(known.nodes, leaf)
        above = leaf[:_DRAWN]
        if above not in known.met:
            if len(known.met) >= _MOST_KEYS:
                known.met.clear()
            known.met[above] = leaf_key(known.nodes, above)
        node = known.met[above]
        return None if node is None else child_key(node, leaf[_DRAWN:])


def _text_key(secret: bytes, node: bytes) -> bytes:
    return blake2b(node, key=secret, digest_size=32, person=b"xueqing text").digest()
