"""The vault's side of people: keys replace them in the log and the index, and answers restore them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

import msgspec

from ingest.events.free_text import merged
from ingest.events.numbers import decode
from ingest.identity import Vault
from ingest.identity.sealing import Sealer
from ingest.lrs.remembered import Remembered
from ingest.lrs.standard.agents import (
    HOME_PAGE,
    account_of,
    is_person,
    name_in_place,
    people_in,
    whose_of,
    without_members,
)
from ingest.lrs.standard.words import SEALED, divided_statement
from warehouse.errors import IdentityError

__all__ = ["People", "Unmet"]

_encode = msgspec.json.Encoder().encode
#: People whose key, and ways of being written whose text, a process remembers.
_KEPT = 50_000
#: Bytes of a person's text that is remembered, at most: a client may write a name of megabytes.
_KEPT_BYTES = 2_000
#: Seconds for which a process may still restore somebody whom another process has forgotten.
_FRESH_S = 30.0


def _form(node: Mapping[str, Any]) -> str:
    """How a statement writes a person, as the vault keeps it; the members of a group are people of their own."""
    try:
        return json.dumps(without_members(node), ensure_ascii=False)
    except TypeError:  # json cannot write a number that is kept as its text (ingest.events.numbers)
        return _encode(without_members(node)).decode()


def _mark(node: Mapping[str, Any]) -> bytes:
    """The key of a person in memory: what :func:`_form` says, in a tenth of its time; of a long one, its hash."""
    text = _encode(without_members(node))
    return text if len(text) <= _KEPT_BYTES else sha256(text).digest()


class Unmet(Exception):
    """A statement names somebody who has no key yet."""


class People:
    """Replaces people by keys and seals what they wrote, and restores both; several threads may use it.

    In place of a person stands ``{"objectType": …, "account": {"homePage": "urn:xueqing:learner", "name": "<key>.<n>"}}``. ``n`` is the
    number of the way in which the statement wrote the person. People within extensions are replaced, too.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault, self._lock = vault, threading.Lock()
        self.sealer = Sealer(vault)
        #: What stands in a person's place, without members; many statements hold the same object, so nobody changes it.
        self._in_place: Remembered[bytes, dict[str, Any]] = Remembered(_KEPT)
        #: How a person was written, by key and number, and when the vault said so.
        self._written: Remembered[str, tuple[float, str]] = Remembered(_KEPT)

    def learn(self, nodes: Iterable[Any]) -> None:
        """Give keys to all people at any depth of ``nodes``, in one transaction; no transaction where all have keys."""
        # First: whoever is found here has to stay until the statements are prepared.
        self._in_place.make_room()
        unknown: dict[bytes, tuple[str, str, Any]] = {}
        for node in nodes:
            for person in people_in(node):
                mark = _mark(person)
                if mark not in self._in_place:
                    form = _form(person)
                    unknown[mark] = (account_of(person) or f"group {form}", form, person.get("objectType"))
        if not unknown:
            return
        with self._lock:
            found = self._vault.keep_forms((account, form) for account, form, _ in unknown.values())
        for mark, (account, form, kind) in unknown.items():
            key, number = found[account, form]
            object_type = {"objectType": kind} if kind in ("Agent", "Group") else {}
            self._in_place[mark] = {**object_type, "account": {"homePage": HOME_PAGE, "name": f"{key}.{number}"}}

    def replaced(self, node: Any) -> Any:
        """A copy of ``node`` with keys in place of people.

        Raises:
            Unmet: somebody has no key yet; :meth:`learn` gives one.
        """
        if isinstance(node, list):
            return [self.replaced(x) if isinstance(x, (dict, list)) else x for x in node]
        if is_person(node):
            in_place, members = self._in_place.get(_mark(node)), node.get("member")
            if in_place is None:
                raise Unmet
            if members is None and "member" not in node:
                return in_place
            return {**in_place, "member": self.replaced(members) if isinstance(members, (dict, list)) else members}
        return {k: self.replaced(v) if isinstance(v, (dict, list)) else v for k, v in node.items()}

    def restored(self, node: Any) -> Any:
        """A copy of ``node`` with people in place of keys; the key of somebody who was forgotten stays."""
        if isinstance(node, list):
            return [self.restored(x) if isinstance(x, (dict, list)) else x for x in node]
        name = name_in_place(node)
        if name is not None:
            written = self.written(name)
            if written is not None:
                # In the order in which the client wrote it, the members last.
                said = decode(written.encode())
                return {**said, "member": self.restored(node["member"])} if "member" in node else said
        return {k: self.restored(v) if isinstance(v, (dict, list)) else v for k, v in node.items()}

    def whose(self, statement: Mapping[str, Any], authority: Mapping[str, Any]) -> str:
        """The key of the person whose a statement is that a client sends; somebody whom the vault has not met gets one."""
        said = {"actor": statement["actor"], "authority": authority}
        self.learn(said.values())
        return whose_of({name: self.replaced(agent) for name, agent in said.items()})

    def sealed(self, statement: dict[str, Any], whose: str, programme_id: str) -> dict[str, Any]:
        """A statement with keys in place of people, its words sealed under the key of ``whose``."""
        plain, hidden = divided_statement(statement)
        if not hidden:
            return statement
        return {**plain, SEALED: self.sealer.seal(whose, programme_id, "statement", _about(statement), _encode(hidden))}

    def whole(self, statement: dict[str, Any]) -> dict[str, Any]:
        """A statement of the log as it was sent; without its words where their writer was forgotten, or they were redacted."""
        if SEALED not in statement:
            return dict(self.restored(statement))
        plain = {k: v for k, v in statement.items() if k != SEALED}
        words = self.sealer.open(statement[SEALED], _about(statement))
        return dict(self.restored(plain if words is None else merged(plain, decode(words))))

    def written(self, name: str) -> str | None:
        """How a statement wrote the person of a key and number ``<key>.<n>``; None where the person was forgotten."""
        now = time.monotonic()
        at, text = self._written.get(name, (-_FRESH_S, ""))
        if now - at < _FRESH_S:
            return text
        key, _, number = name.rpartition(".")
        with self._lock:
            try:
                text = self._vault.form(key, int(number))
            except (IdentityError, ValueError):
                self._written.pop(name, None)
                return None
        if len(text) <= _KEPT_BYTES:
            self._written.keep(name, (now, text))
        return text

    def key_of(self, agent: Mapping[str, Any]) -> str | None:
        """The key of the person with an agent's identifier; None where no statement has named one."""
        account = account_of(agent)
        with self._lock:
            return self._vault.find(account) if account is not None else None

    def persons(self, key: str, numbers: Iterable[int]) -> Iterator[dict[str, Any]]:
        """How statements wrote a person, by numbers; nothing where the person was forgotten."""
        for number in numbers:
            text = self.written(f"{key}.{number}")
            if text is not None:
                yield decode(text.encode())

    def signature(self, content: bytes) -> bytes:
        """A signature of what a client will bring back; every process that has the vault makes the same one."""
        return self._vault.signature(content)

    def unseal(self, key: str, sealed: bytes) -> bytes:
        """Decrypt a document that an earlier version sealed; raises IdentityError where the person was forgotten."""
        with self._lock:
            return self._vault.unseal(key, sealed)


def _about(statement: Mapping[str, Any]) -> str:
    return f"statement {statement['id']}"
