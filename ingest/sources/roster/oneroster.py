"""OneRoster 1.2 in CSV (1EdTech): a folder of users, orgs, classes and enrollments as one sheet of a roster.

Each row of enrollments.csv whose role is that of a student is a row of the sheet, with its row number; what the standard spreads over files
is joined by its ids.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from ingest.sources.tables import Cell, Sheet, text_form
from warehouse.errors import BadSource

__all__ = ["ENROLMENTS", "read_oneroster"]

ENROLMENTS = "enrollments.csv"
_COLUMNS = (
    "name", "id number", "phone", "email", "account", "county", "school", "stage", "subject", "class", "since", "status",
)  # fmt: skip
#: Identifiers of a user that are id numbers, by their type in userIds ({Type:Value}).
_ID_TYPES = ("idnumber", "idcard", "nationalid", "身份证", "身份证号")


def read_oneroster(folder: Path) -> Sheet:
    """The roster of a folder.

    Raises:
        BadSource: a file of the folder is missing or lacks a column.
    """
    users = _by_id(folder, "users")
    orgs = _by_id(folder, "orgs")
    classes = _by_id(folder, "classes")
    return Sheet(ENROLMENTS, _sheet(folder, users, orgs, classes))


def _records(folder: Path, name: str) -> Iterator[dict[str, str]]:
    file = folder / f"{name}.csv"
    if not file.is_file():
        raise BadSource(f"{folder} has no {name}.csv; is it a folder of OneRoster 1.2?")
    form = text_form(file)
    with file.open(encoding=form.encoding, newline="") as opened:
        reader = csv.DictReader(opened, delimiter=form.delimiter, restval="")
        if "sourcedId" not in (reader.fieldnames or ()):
            raise BadSource(f"{folder.name}/{name}.csv has no column sourcedId")
        for row in reader:
            yield {key: value for key, value in row.items() if key is not None}


def _by_id(folder: Path, name: str) -> dict[str, dict[str, str]]:
    return {row["sourcedId"]: row for row in _records(folder, name)}


def _sheet(
    folder: Path, users: Mapping[str, Mapping[str, str]], orgs: Mapping[str, Mapping[str, str]],
    classes: Mapping[str, Mapping[str, str]],
) -> Iterator[list[Cell]]:  # fmt: skip
    yield [*_COLUMNS]
    for row in _records(folder, "enrollments"):
        if row.get("role", "student") != "student":
            yield [""] * len(_COLUMNS)
            continue
        user = users.get(row.get("userSourcedId", ""), {})
        group = classes.get(row.get("classSourcedId", ""), {})
        school = orgs.get(row.get("schoolSourcedId", "") or group.get("schoolSourcedId", ""), {})
        is_gone = "tobedeleted" in (row.get("status", "").lower(), user.get("status", "").lower())
        yield [
            _name(user), _id_number(user), user.get("sms", "") or user.get("phone", ""), user.get("email", ""),
            user.get("username", ""), _county(school, orgs), school.get("name", ""), _first(group.get("grades", "")),
            _first(group.get("subjects", "")), group.get("title", ""),
            row.get("endDate", "") if is_gone else row.get("beginDate", ""), "tobedeleted" if is_gone else "",
        ]  # fmt: skip


def _name(user: Mapping[str, str]) -> str:
    given, family = user.get("givenName", ""), user.get("familyName", "")
    # A Chinese name begins with the family's.
    return f"{family}{given}" if not (given + family).isascii() else f"{given} {family}".strip()


def _id_number(user: Mapping[str, str]) -> str:
    for part in user.get("userIds", "").split(","):
        kind, _, value = part.strip().strip("{}").partition(":")
        if kind.strip().lower() in _ID_TYPES:
            return value.strip()
    return ""


def _county(org: Mapping[str, str], orgs: Mapping[str, Mapping[str, str]]) -> str:
    """The name of the district above a school."""
    seen = 0
    while org and seen < 5:
        if org.get("type", "") in ("district", "local"):
            return org.get("name", "")
        org, seen = orgs.get(org.get("parentSourcedId", ""), {}), seen + 1
    return ""


def _first(texts: str) -> str:
    return texts.split(",")[0].strip()
