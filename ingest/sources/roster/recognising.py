"""Whom an entry of a roster is about, by the vault: it compares keyed hashes, and tells who is known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingest.identity import Recognised, Vault
from ingest.sources.roster.entries import Entry
from ingest.sources.roster.values import Why, phone_of
from warehouse.errors import BadConfiguration

__all__ = ["Person", "Recogniser"]


@dataclass(slots=True)
class Person:
    """Whom an entry is about, in hashes that tell nothing without the vault's key; a hash is None where the entry has no such value.

    Attributes:
        keys: everybody whom the vault knows by one of the values.
        person_key: who it is, where that is known and beyond doubt.
        is_changed: the entry says something of the person that the vault does not know.
    """

    id_number: bytes | None
    phone: bytes | None
    account: bytes | None
    name: bytes | None
    keys: frozenset[str]
    person_key: str | None = None
    is_changed: bool = False


class Recogniser:
    """Recognises people through the vault.

    Args:
        home_page: the platform of the roster's accounts: they are then those of its xAPI statements.
    """

    def __init__(self, vault: Vault, home_page: str = "") -> None:
        self._vault, self._home_page = vault, home_page

    def id_number(self, text: str) -> str:
        """An id number as the vault's account."""
        return f"id-number:{text}"

    def phone(self, text: str) -> str:
        """A mobile phone as the vault's account."""
        return f"mobile:{text}"

    def account(self, text: str) -> str:
        """An account of a platform as the vault's account: the one of statements where the platform is known."""
        if self._home_page:
            agent = {"account": {"homePage": self._home_page, "name": text}}
            return json.dumps(agent, sort_keys=True)
        return f"account:{text}"

    def recognise(self, entries: Sequence[Entry]) -> list[Person]:
        """The person of each entry; an entry that may be about somebody else is refused."""
        people = [self._hashed(entry) for entry in entries]
        asked = [h for p in people for h in (p.id_number, p.phone, p.account) if h is not None]
        known = self._vault.known_by(asked)
        for entry, person in zip(entries, people, strict=True):
            self._decide(
                entry, person, [known.get(h) if h else None for h in (person.id_number, person.phone, person.account)]
            )
        return people

    def _hashed(self, entry: Entry) -> Person:
        def lookup(text: str, account: str) -> bytes | None:
            return self._vault.lookup(account) if text else None

        return Person(
            lookup(entry.id_number, self.id_number(entry.id_number)),
            lookup(entry.phone if entry.is_mobile else "", self.phone(entry.phone)),
            lookup(entry.account, self.account(entry.account)),
            lookup(entry.name, f"name:{entry.name}"),
            frozenset(),
        )

    def _decide(self, entry: Entry, person: Person, found: Sequence[str | None]) -> None:
        person.keys = frozenset(filter(None, found))
        if len(person.keys) > 1:
            entry.refuse(Why.SEVERAL_PERSONS)
        if len(person.keys) != 1:
            return
        (key,) = person.keys
        details = self._vault.show(key)
        by_id_number = found[0] is not None
        if not by_id_number and (
            _differ(details.get("id_number"), entry.id_number) or _differ(details.get("name"), entry.name)
        ):
            # A phone that another person has by now, or that two people use.
            entry.refuse(Why.ANOTHER_PERSON)
            return
        person.person_key = key
        person.is_changed = any(details.get(name) != value for name, value in details_of(entry).items())

    def name_of(self, person_key: str) -> bytes | None:
        """The hash of a person's name, as that of an entry."""
        name = self._vault.show(person_key).get("name")
        return self._vault.lookup(f"name:{name}") if name else None

    def can_be_recognised(self, person_key: str) -> bool:
        """Whether a roster that has the person would be understood: the vault finds them by what it keeps of them."""
        details = self._vault.show(person_key)
        accounts = [
            make(details[name])
            for name, make in (("id_number", self.id_number), ("phone", self.phone), ("account", self.account))
            if details.get(name)
        ]
        return person_key in self._vault.known_by(map(self._vault.lookup, accounts)).values()

    def keep(self, entries: Sequence[tuple[Entry, str | None]]) -> list[str]:
        """Keep the people of entries, each with their key where it is known, and return their keys; in one transaction."""
        return self._vault.recognise(self._kept(entry, key) for entry, key in entries)

    def correct(self, person_key: str, changes: Mapping[str, str]) -> None:
        """Change details of a person, an empty text taking one away; by a new phone they are recognised from now on, by the old one no more.

        Raises:
            BadConfiguration: the phone is none.
            IdentityError: nobody has that key, or they were forgotten.
        """
        accounts, dropped, details = [], [], dict(changes)
        if "phone" in changes:
            phone, is_mobile, why = phone_of(changes["phone"])
            if changes["phone"] and (why is not None or not phone):
                raise BadConfiguration(
                    "that is no phone number; write a mobile number of 11 digits, or one with its area code"
                )
            before = self._vault.show(person_key).get("phone", "")
            accounts = [self.phone(phone)] if is_mobile else []
            dropped = [self.phone(before)] if before and before != phone else []
            details["phone"] = phone
        self._vault.recognise([Recognised(person_key, accounts, dropped, details)])

    def _kept(self, entry: Entry, key: str | None) -> Recognised:
        accounts = [self.id_number(entry.id_number)] if entry.id_number else []
        if entry.is_mobile and Why.SHARED_PHONE not in entry.notes:
            accounts.append(self.phone(entry.phone))
        if entry.account:
            accounts.append(self.account(entry.account))
        dropped = []
        if key is not None and entry.phone:
            before = self._vault.show(key).get("phone", "")
            dropped = [self.phone(before)] if before and before != entry.phone else []
        return Recognised(key, accounts, dropped, details_of(entry))


def details_of(entry: Entry) -> dict[str, str]:
    """What the vault keeps of a person from an entry, by name."""
    said = {
        "name": entry.name, "id_number": entry.id_number, "phone": entry.phone, "mail": entry.mail,
        "account": entry.account,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value}


def _differ(known: str | None, said: str) -> bool:
    return bool(known and said and known != said)
