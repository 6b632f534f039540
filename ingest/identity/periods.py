"""Keys of time: what a programme keeps of one kind in one month is sealed under one key, of which single records can be cut out.

A period's key is the root of a tree with sixteen branches at each of sixteen levels; each sealed text has a leaf of its own, whose key
follows from the root by one hash a level (a puncturable pseudorandom function after Goldreich, Goldwasser and Micali, 1986, and Green
and Miers, 2015). To redact one record the root is replaced by the nodes beside the path to its leaf: every other leaf still follows
from one of them, this one from none. To end a period all its nodes are deleted.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

from ingest.identity.storage import Storage

__all__ = ["LEVELS", "Period", "Periods", "child_key", "leaf_key"]

#: Hexadecimal digits of a leaf.
LEVELS = 16
_DIGITS = "0123456789abcdef"
_KEY_BYTES = 32

SCHEMA = """
create table if not exists periods (
    period text primary key, programme_id text not null, kind text not null, month text not null, destroyed_at text
) without rowid;
create index if not exists periods_by_programme on periods (programme_id, kind, month);
create table if not exists period_nodes (
    period text not null, path text not null, wrapped_key blob not null, primary key (period, path)
) without rowid;
"""


class Period(NamedTuple):
    """A period's key, by name, and what is sealed under it; ``month`` is of the time of sealing, as ``2017-10``."""

    period: str
    programme_id: str
    kind: str
    month: str
    destroyed_at: str | None


def child_key(node: bytes, digits: str) -> bytes:
    """The key of a node that is so many digits below another."""
    for digit in digits:
        node = blake2b(digit.encode(), key=node, digest_size=_KEY_BYTES, person=b"xueqing leaf").digest()
    return node


def leaf_key(nodes: Mapping[str, bytes], leaf: str) -> bytes | None:
    """The key of a leaf, or of a node on the way to it; None where it was cut out, or the period has ended."""
    for length in range(len(leaf) + 1):
        node = nodes.get(leaf[:length])
        if node is not None:
            return child_key(node, leaf[length:])
    return None


class Periods:
    """The tables ``periods`` and ``period_nodes``.

    Args:
        wrap: encrypts a key for the table, bound to a name; ``unwrap`` is its inverse.
    """

    def __init__(
        self, storage: Storage, wrap: Callable[[bytes, bytes], bytes], unwrap: Callable[[bytes, bytes], bytes]
    ) -> None:
        self._storage, self._wrap, self._unwrap = storage, wrap, unwrap

    def current(self, programme_id: str, kind: str, month: str) -> str:
        """The name of the period for what is sealed now; it is made where there is none, or the last one has ended."""
        return self._current(programme_id, kind, month) or self._made(programme_id, kind, month)

    def _current(self, programme_id: str, kind: str, month: str) -> str | None:
        row = self._storage.execute(
            "select min(period) from periods where programme_id = ? and kind = ? and month = ? and destroyed_at is null",
            (programme_id, kind, month),
        ).fetchone()
        return None if row[0] is None else str(row[0])

    def _made(self, programme_id: str, kind: str, month: str) -> str:
        with self._storage.transaction():
            # Another process may have made it just now.
            known = self._current(programme_id, kind, month)
            if known is not None:
                return known
            period = "K" + secrets.token_hex(8)
            self._storage.execute("insert into periods values (?, ?, ?, ?, null)", (period, programme_id, kind, month))
            self._keep(period, {"": secrets.token_bytes(_KEY_BYTES)})
        return period

    def _keep(self, period: str, nodes: Mapping[str, bytes]) -> None:
        self._storage.executemany(
            "insert or ignore into period_nodes values (?, ?, ?)",
            [(period, path, self._wrap(key, f"{period} {path}".encode())) for path, key in nodes.items()],
        )

    def nodes(self, period: str) -> dict[str, bytes]:
        """What is left of a period's key, by path; nothing of a period that has ended or never was."""
        rows = self._storage.execute("select path, wrapped_key from period_nodes where period = ?", (period,))
        return {path: self._unwrap(bytes(key), f"{period} {path}".encode()) for path, key in rows.fetchall()}

    def cut_out(self, leaves: Collection[tuple[str, str]]) -> int:
        """Destroy the keys of leaves (period, leaf), in the transaction of the caller; returns how many were there still."""
        done = 0
        for period, leaf in leaves:
            nodes = self.nodes(period)
            top = next((leaf[:n] for n in range(LEVELS + 1) if leaf[:n] in nodes), None)
            if top is None or len(leaf) != LEVELS:
                continue
            beside: dict[str, bytes] = {}
            for depth in range(len(top), LEVELS):
                node = child_key(nodes[top], leaf[len(top) : depth])
                beside |= {leaf[:depth] + d: child_key(node, d) for d in _DIGITS if d != leaf[depth]}
            self._storage.execute("delete from period_nodes where period = ? and path = ?", (period, top))
            self._keep(period, beside)
            done += 1
        return done

    def end(self, periods: Collection[str], now: str) -> int:
        """Destroy the keys of periods, in the transaction of the caller; returns how many were there still."""
        done = 0
        for period in periods:
            done += self._storage.execute(
                "update periods set destroyed_at = ? where period = ? and destroyed_at is null", (now, period)
            ).rowcount
            self._storage.execute("delete from period_nodes where period = ?", (period,))
        return done

    def all(self) -> Sequence[Period]:
        """Every period, those that have ended too, by programme, kind and month."""
        rows = self._storage.execute(
            "select period, programme_id, kind, month, destroyed_at from periods order by programme_id, kind, month, period"
        )
        return [Period(*row) for row in rows.fetchall()]
