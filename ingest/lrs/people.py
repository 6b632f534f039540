"""People in statements: keys in their place in the log and the index, and themselves again in what is answered."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from ingest.identity import Vault
from ingest.lrs.rules import IDENTIFIERS
from warehouse.errors import IdentityError

__all__ = ["HOME_PAGE", "People", "Unmet", "account_of", "parts_with_people", "person_keys"]

#: Whose account a person has who is known by a key only.
HOME_PAGE = "urn:xueqing:learner"
_encode = msgspec.json.Encoder().encode
#: Members that are always somebody.
_THEIR_OWN = ("actor", "authority")
_KEPT = 50_000
#: Seconds for which somebody who was forgotten elsewhere may still be read back here.
_FRESH_S = 30.0


def account_of(agent: Mapping[str, Any]) -> str | None:
    """The inverse functional identifier of an agent or group as text, as files of statements give it, too; None of one that has none."""
    for name in IDENTIFIERS:
        if name in agent:
            return json.dumps({name: agent[name]}, sort_keys=True)
    return None


def _is_person(node: Mapping[str, Any]) -> bool:
    """An agent, an identified group, or a group with a name. Asked of every object of every statement: written out for speed."""
    if "mbox" in node or "account" in node or "openid" in node or "mbox_sha1sum" in node:
        return node.get("objectType", "Agent") in ("Agent", "Group")
    return "name" in node and node.get("objectType") == "Group"


def _said(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """All that a statement says of a person, members of a group apart."""
    return {k: v for k, v in node.items() if k != "member"} if "member" in node else node


def _form(node: Mapping[str, Any]) -> str:
    """The same as the vault keeps it."""
    return json.dumps(_said(node), ensure_ascii=False)


def _mark(node: Mapping[str, Any]) -> bytes:
    """The same for a look into memory, at a tenth of the time."""
    return _encode(_said(node))


def _may_name(part: Any) -> bool:
    """Whether somebody can be within: a look at the text takes a twentieth of a walk.

    May say yes of nobody, never no of somebody: the encoder escapes no letter.
    """
    text = _encode(part)
    return b'"mbox' in text or b'"account"' in text or b'"openid"' in text or b'"Group"' in text


def _people_in(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, dict):
        if _is_person(node):
            yield node
        for value in node.values():
            if isinstance(value, (dict, list)):
                yield from _people_in(value)
    elif isinstance(node, list):
        for value in node:
            if isinstance(value, (dict, list)):
                yield from _people_in(value)


def parts_with_people(statement: Mapping[str, Any]) -> list[str]:
    """Members of a statement within which there may be somebody."""
    if not _may_name({k: v for k, v in statement.items() if k not in _THEIR_OWN}):
        return [k for k in _THEIR_OWN if k in statement]
    return [k for k, v in statement.items() if isinstance(v, (dict, list)) and (k in _THEIR_OWN or _may_name(v))]


def person_keys(node: Mapping[str, Any]) -> list[str]:
    """The keys of an agent, of an identified group and of a group's members, as the log has them."""
    found = []
    account = node.get("account")
    if isinstance(account, dict) and account.get("homePage") == HOME_PAGE:
        found.append(str(account["name"]).rpartition(".")[0])
    for member in node.get("member") or ():
        found += person_keys(member)
    return found


class Unmet(Exception):
    """Somebody has no key yet."""


class People:
    """Replaces and restores; several threads may use it.

    A person is written ``{"objectType": …, "account": {"homePage": "urn:xueqing:learner", "name": "<key>.<n>"}}``, where ``n`` says which of
    the ways it was in which that person was written down. What holds for agents anywhere holds within extensions, too.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault, self._lock = vault, threading.Lock()
        #: What stands in a person's place, members of a group apart; never changed, as many statements hold it.
        self._in_place: dict[bytes, dict[str, Any]] = {}
        self._read: dict[str, tuple[float, str]] = {}

    def learn(self, nodes: Iterable[Any]) -> None:
        """Give keys to everybody who is one of them or within, in one transaction; nothing where all are known."""
        if len(self._in_place) > _KEPT:
            # Before it is asked who is known: all of these are needed until the next time.
            self._in_place.clear()
        unknown: dict[bytes, tuple[str, str, Any]] = {}
        for node in nodes:
            for person in _people_in(node):
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
            told = {"objectType": kind} if kind is not None else {}
            self._in_place[mark] = {**told, "account": {"homePage": HOME_PAGE, "name": f"{key}.{number}"}}

    def replaced(self, node: Any) -> Any:
        """A copy with keys in place of people.

        Raises:
            Unmet: :meth:`learn` is to meet somebody first.
        """
        if isinstance(node, list):
            return [self.replaced(x) if isinstance(x, (dict, list)) else x for x in node]
        if _is_person(node):
            in_place, members = self._in_place.get(_mark(node)), node.get("member")
            if in_place is None:
                raise Unmet
            if members is None and "member" not in node:
                return in_place
            return {**in_place, "member": self.replaced(members) if isinstance(members, (dict, list)) else members}
        return {k: self.replaced(v) if isinstance(v, (dict, list)) else v for k, v in node.items()}

    def restored(self, node: Any) -> Any:
        """The reverse; whoever was forgotten stays a key."""
        if isinstance(node, list):
            return [self.restored(x) if isinstance(x, (dict, list)) else x for x in node]
        account = node.get("account")
        if isinstance(account, dict) and account.get("homePage") == HOME_PAGE:
            written = self.written(str(account["name"]))
            if written is not None:
                # In the order in which it was written, the members last.
                said = json.loads(written)
                return {**said, "member": self.restored(node["member"])} if "member" in node else said
        return {k: self.restored(v) if isinstance(v, (dict, list)) else v for k, v in node.items()}

    def written(self, name: str) -> str | None:
        """How a person was written down, by key and number; None of one who was forgotten."""
        now = time.monotonic()
        at, text = self._read.get(name, (-_FRESH_S, ""))
        if now - at < _FRESH_S:
            return text
        key, _, number = name.rpartition(".")
        with self._lock:
            try:
                text = self._vault.form(key, int(number))
            except (IdentityError, ValueError):
                self._read.pop(name, None)
                return None
        if len(self._read) > _KEPT:
            self._read.clear()
        self._read[name] = (now, text)
        return text

    def key_of(self, agent: Mapping[str, Any]) -> str | None:
        """Whose key an agent's identifier is; None where nobody of it was ever met."""
        account = account_of(agent)
        with self._lock:
            return self._vault.find(account) if account is not None else None

    def persons(self, key: str) -> list[dict[str, Any]]:
        """Every way in which a person was written down."""
        found = []
        number = 0
        while (written := self.written(f"{key}.{number}")) is not None:
            found.append(json.loads(written))
            number += 1
        return found

    def seal(self, key: str, plain: bytes) -> bytes:
        """Encrypt under a person's key."""
        with self._lock:
            return self._vault.seal(key, plain)

    def unseal(self, key: str, sealed: bytes) -> bytes:
        """The reverse; raises IdentityError where the person was forgotten."""
        with self._lock:
            return self._vault.unseal(key, sealed)
