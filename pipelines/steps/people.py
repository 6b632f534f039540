"""Lists, finds, shows and exports people; who is where comes from the marts, names from the vault, through the one door to them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from ingest.identity import Reading, Readings
from ingest.identity.sealing import Sealer
from pipelines.collect.exports import records_of
from pipelines.reading.marts import open_marts
from pipelines.reading.people import Member, keys_of_enrolment, read_derived, read_members
from pipelines.reports.document.files import FORMATS, write_file
from pipelines.reports.document.names import file_part
from pipelines.reports.people import Persons
from pipelines.reports.person import OwnCopy, compose_own_copy
from pipelines.steps.naming import Naming, name_keys
from pipelines.workspace import Workspace
from warehouse.errors import IdentityError

__all__ = ["Scope", "export_person", "find_people", "key_of", "list_people", "readings", "show_person"]


@dataclass(frozen=True, slots=True)
class Scope:
    """A programme, or a county, school or class of it (ids or names), on a date (default: the report's)."""

    programme_id: str
    county: str | None = None
    school: str | None = None
    class_: str | None = None
    as_of: date | None = None

    def __str__(self) -> str:
        """In words, for the record of readings."""
        parts = (("county", self.county), ("school", self.school), ("class", self.class_))
        return ", ".join(f"{kind} {value}" for kind, value in parts if value) or "whole programme"


def _members(workspace: Workspace, scope: Scope) -> list[Member]:
    with open_marts(workspace.warehouse.published) as con:
        return read_members(
            con, scope.programme_id, scope.as_of, county=scope.county, school=scope.school, class_=scope.class_
        )[1]


def _named(workspace: Workspace, scope: Scope, naming: Naming, about: str, members: Sequence[Member]) -> Persons:
    keys = {one.enrolment_id: one.learner_key for one in members}
    return name_keys(workspace, naming, scope.programme_id, about, keys)


def list_people(
    workspace: Workspace, scope: Scope, naming: Naming, *, most: int | None
) -> tuple[list[Member], Persons, int]:
    """The first ``most`` of a scope with their names, and how many there are; only those who are listed are read."""
    members = _members(workspace, scope)
    shown = members if most is None else members[:most]
    return shown, _named(workspace, scope, naming, f"list: {scope}", shown), len(members)


def find_people(workspace: Workspace, scope: Scope, naming: Naming, text: str) -> tuple[list[Member], Persons]:
    """Those of a scope whose name holds ``text``, or whose phone or another detail is just that.

    Nothing in the vault lies open, so everybody of the scope is opened; those who are found are recorded as read.
    """
    wanted = text.strip().casefold()
    members = _members(workspace, scope)
    with closing(workspace.vault()) as vault:
        details = vault.show_all(one.learner_key for one in members)
    found = {
        key
        for key, its in details.items()
        if wanted in its.get("name", "").casefold() or any(value.casefold() == wanted for value in its.values())
    }
    own = [one for one in members if one.learner_key in found]
    return own, _named(workspace, scope, naming, f"find: {scope}", own)


def key_of(workspace: Workspace, person: str) -> str:
    """The key of a person who is given by a learner_key or staff_key, or by an enrolment id.

    Raises:
        IdentityError: nobody is known by it, or an enrolment of several programmes has that id.
    """
    with closing(workspace.vault()) as vault:
        if vault.knows(person):
            return person
    if workspace.warehouse.published.exists():
        with open_marts(workspace.warehouse.published) as con:
            keys = keys_of_enrolment(con, person)
        if len(keys) == 1:
            return keys[0]
        if keys:
            raise IdentityError("enrolments of several programmes have that id; give the learner_key")
    raise IdentityError("the vault knows nobody of that key")


def show_person(workspace: Workspace, person: str, naming: Naming) -> tuple[list[str], dict[str, str]]:
    """All keys of a person, the leading one first, and the details that the vault has.

    Raises:
        IdentityError: nobody has that key, they were forgotten, or the reading cannot be recorded.
    """
    key = key_of(workspace, person)
    with closing(workspace.vault()) as vault:
        details = vault.show(key)
        keys = vault.same_person(key)
        Readings(workspace.settings.readings, vault).write(
            keys, by_whom=naming.by_whom, purpose=naming.purpose, programme_id="", scope="one person", now=datetime.now(UTC)
        )  # fmt: skip
    return keys, details


def readings(workspace: Workspace, person: str | None) -> tuple[list[Reading], int]:
    """The record of readings, of all or about one person, after it was checked; and how many entries it has.

    Raises:
        IdentityError: it is not as it was written, or nobody has that key.
    """
    with closing(workspace.vault()) as vault:
        record = Readings(workspace.settings.readings, vault)
        count = record.check()
        if person is None:
            return record.read(), count
    key = key_of(workspace, person)
    with closing(workspace.vault()) as vault:
        return record.of(vault.same_person(key)), count


def export_person(
    workspace: Workspace, person: str, naming: Naming, *, language: str, folder: Path | None = None
) -> list[Path]:
    """Write a person's own copy: all that is known of them, readable (HTML, PDF) and as JSON; returns the files.

    It has what the vault keeps, every record of the lake that is theirs or about an enrolment of theirs, the figures that follow from
    them, and who has read their name. Records that the lake has not taken yet are not in it.

    Raises:
        IdentityError: nobody has that key, or they were forgotten.
    """
    keys, details = show_person(workspace, person, naming)
    records: list[dict[str, Any]] = []
    derived: Mapping[str, Any] = {}
    enrolments: Collection[tuple[str, str]] = ()
    if workspace.warehouse.published.exists():
        with open_marts(workspace.warehouse.published) as con:
            derived = read_derived(con, keys, language)
        enrolments = {(row["programme_id"], row["enrolment_id"]) for row in derived["enrolments"]}
    with closing(workspace.vault()) as vault:
        if workspace.lake.exists:
            records = records_of(workspace, Sealer(vault), keys, enrolments)
        read = [
            asdict(one) | {"people": one.people.hex()} for one in Readings(workspace.settings.readings, vault).of(keys)
        ]
    made_at = datetime.now(UTC)
    content = {
        "made_at": made_at.isoformat(timespec="seconds"), "made_by": naming.by_whom, "keys": keys, "details": details, **derived,
        "records": records, "readings": read,
    }  # fmt: skip
    folder = folder or workspace.settings.named / "people" / file_part(keys[0])
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    document = compose_own_copy(OwnCopy(details, derived, records, read, made_at, naming.by_whom), language)
    files = [folder / "person.json", folder / "person.html", folder / "person.pdf"]
    write_file(files[0], json.dumps(content, ensure_ascii=False, indent=1, default=str).encode(), private=True)
    for file in files[1:]:
        write_file(file, FORMATS[file.suffix[1:]](document), private=True)
    return files
