"""Agents and groups within statements, and the keys that stand in their place in the log and the index."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ingest.lrs.standard.rules import IDENTIFIERS

__all__ = [
    "HOME_PAGE",
    "account_of",
    "is_person",
    "name_in_place",
    "parts_with_people",
    "people_in",
    "person_keys",
    "person_names",
    "whose_of",
    "without_members",
]

#: The home page of the account that stands in a person's place; the account's name is the person's key and a number.
HOME_PAGE = "urn:xueqing:learner"
_encode = msgspec.json.Encoder().encode
#: Members of a statement that always name somebody.
_ALWAYS_PEOPLE = ("actor", "authority")
#: Members of an object that stands in a person's place.
_IN_PLACE = {"objectType", "account", "member"}
#: Digits of the number that follows a key, at most.
_MOST_DIGITS = 9


def account_of(agent: Mapping[str, Any]) -> str | None:
    """The inverse functional identifier of an agent or group as JSON text; None of one that has none.

    The vault finds a person by this text, whether it came from a statement or from a file.
    """
    for name in IDENTIFIERS:
        if name in agent:
            said = agent[name]
            if name == "mbox" and isinstance(said, str) and said[:7].lower() == "mailto:":
                # The scheme of an IRI means the same in any case.
                said = f"mailto:{said[7:]}"
            return json.dumps({name: said}, sort_keys=True)
    return None


def is_person(node: Mapping[str, Any]) -> bool:
    """Whether an object is an agent, an identified group, or a group with a name.

    Every object of every statement passes through here, so the tests are written out for speed.
    """
    if "mbox" in node or "account" in node or "openid" in node or "mbox_sha1sum" in node:
        # A client may write an account that looks like one of our keys. It is no key: the vault keeps it like any other
        # person, and so it comes back as the client wrote it.
        return node.get("objectType", "Agent") in ("Agent", "Group") or _has_our_home_page(node)
    return "name" in node and node.get("objectType") == "Group"


def _has_our_home_page(node: Mapping[str, Any]) -> bool:
    account = node.get("account")
    return isinstance(account, dict) and account.get("homePage") == HOME_PAGE


def name_in_place(node: Mapping[str, Any]) -> str | None:
    """The key and number ``<key>.<n>`` of an object that stands in a person's place; None of every other object."""
    if not _has_our_home_page(node) or not node.keys() <= _IN_PLACE:
        return None
    name = node["account"].get("name")
    if not isinstance(name, str) or node.get("objectType", "Agent") not in ("Agent", "Group"):
        return None
    key, _, number = name.rpartition(".")
    return name if key and number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS else None


def without_members(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """An agent or group without the members of the group."""
    return {k: v for k, v in node.items() if k != "member"} if "member" in node else node


def people_in(node: Any) -> Iterator[Mapping[str, Any]]:
    """Every agent, identified group and named group at any depth of ``node``."""
    if isinstance(node, dict):
        if is_person(node):
            yield node
        for value in node.values():
            if isinstance(value, (dict, list)):
                yield from people_in(value)
    elif isinstance(node, list):
        for value in node:
            if isinstance(value, (dict, list)):
                yield from people_in(value)


def parts_with_people(statement: Mapping[str, Any]) -> list[str]:
    """The names of a statement's members that may contain a person."""
    if not _may_name({k: v for k, v in statement.items() if k not in _ALWAYS_PEOPLE}):
        return [k for k in _ALWAYS_PEOPLE if k in statement]
    return [k for k, v in statement.items() if isinstance(v, (dict, list)) and (k in _ALWAYS_PEOPLE or _may_name(v))]


def _may_name(part: Any) -> bool:
    """Whether ``part`` may contain a person, by its encoded text: that takes a twentieth of the time of a walk.

    The answer may be a false yes, never a false no: the encoder escapes no letter of these names.
    """
    text = _encode(part)
    return b'"mbox' in text or b'"account"' in text or b'"openid"' in text or b'"Group"' in text


def person_names(node: Mapping[str, Any]) -> list[str]:
    """The keys with numbers, ``<key>.<n>``, of an agent or group and of the group's members, as the log has them."""
    name = name_in_place(node)
    found = [name] if name is not None else []
    for member in node.get("member") or ():
        found += person_names(member)
    return found


def person_keys(node: Mapping[str, Any]) -> list[str]:
    """The keys of an agent or group and of the group's members, as the log has them."""
    return [name.rpartition(".")[0] for name in person_names(node)]


def whose_of(statement: Mapping[str, Any]) -> str:
    """The key of the person whose a statement of the log is: of the actor, of a group its first; of nobody's, of the authority."""
    return (person_keys(statement["actor"]) or person_keys(statement["authority"]))[0]
