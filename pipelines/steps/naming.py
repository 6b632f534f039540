"""Reads names from the vault for a file or a screen, and records that they were read: the one door to names."""

from __future__ import annotations

import getpass
import shutil
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from ingest.identity import Readings
from pipelines.reading.marts import open_marts
from pipelines.reading.people import keys_of, staff_keys
from pipelines.reports.people import Person, Persons
from pipelines.settings import Settings
from pipelines.words import Label
from pipelines.workspace import Workspace

__all__ = ["Naming", "delete_named", "name_enrolments", "name_keys", "scheduled", "who_asks"]


def who_asks() -> str:
    """The account of this machine that runs the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account that the machine has no name for
        return "unknown"


@dataclass(frozen=True, slots=True)
class Naming:
    """Who wants names and what for, as the record of readings has it; ``password`` opens the files that are written."""

    by_whom: str
    purpose: str
    password: str | None = None


def scheduled(settings: Settings, kind: str) -> Naming | None:
    """For a run that nobody watches: names where the settings ask for them in what it writes; None where they do not.

    Raises:
        BadConfiguration: the password's file cannot be read.
    """
    if kind not in settings.named_kinds:
        return None
    return Naming(who_asks(), f"scheduled {kind}", settings.read_named_password())


def delete_named(settings: Settings) -> int:
    """Delete the home's files with names; returns how many there were. They can be written again, without whoever was forgotten."""
    if not settings.named.exists():
        return 0
    count = sum(path.is_file() for path in settings.named.rglob("*"))
    shutil.rmtree(settings.named)
    return count


def name_keys(
    workspace: Workspace,
    naming: Naming,
    programme_id: str,
    scope: str,
    keys: Mapping[str, str],
    schools: Mapping[str, Label] | None = None,
) -> Persons:
    """Names and phones by enrolment id or staff key, of those whom the vault knows.

    Args:
        scope: whom they are of, in words: a bulletin, a county, a class.
        keys: the learner_key or staff_key of each.
        schools: the name of the school of each that has one.

    Raises:
        IdentityError: there is no vault or no key of it, or the reading cannot be recorded: then nobody is named.
    """
    with closing(workspace.vault()) as vault:
        known = vault.show_all(keys.values())
        entry = Readings(workspace.settings.readings, vault).write(
            known, by_whom=naming.by_whom, purpose=naming.purpose, programme_id=programme_id, scope=scope, now=datetime.now(UTC)
        )  # fmt: skip
    people = {
        name: Person(known[key].get("name", ""), known[key].get("phone", ""), (schools or {}).get(name))
        for name, key in keys.items()
        if key in known
    }
    return Persons(people, naming.by_whom, entry.read_at, naming.purpose, entry.number, entry.link)


def name_enrolments(
    workspace: Workspace,
    naming: Naming,
    programme_id: str,
    scope: str,
    enrolments: Collection[str],
    staff: Collection[str] = (),
) -> Persons:
    """As :func:`name_keys`, of enrolments and of members of staff, who are known to the published marts."""
    with open_marts(workspace.warehouse.published) as con:
        known = staff_keys(con, programme_id) if staff else set()
        found = keys_of(con, programme_id, enrolments)
    keys = {name: key for name, (key, _) in found.items()} | {key: key for key in staff if key in known}
    schools = {name: school for name, (_, school) in found.items() if school is not None}
    return name_keys(workspace, naming, programme_id, scope, keys, schools)
