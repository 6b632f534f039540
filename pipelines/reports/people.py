"""Names and phones in a report: read from the vault for one document, told on it, and kept nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pipelines.reports.document import Column, Document, Notice, Value
from pipelines.words import NO_VALUE, Label, words_of

__all__ = ["Person", "Persons", "marked", "who_columns", "who_values"]


@dataclass(frozen=True, slots=True)
class Person:
    """What a report may say of somebody: name and phone from the vault, empty where it does not know them; the school's name."""

    name: str
    phone: str
    school: Label | None = None


@dataclass(frozen=True, slots=True)
class Persons:
    """People by enrolment id or staff key, and the reading of names that they come from."""

    people: Mapping[str, Person]
    by_whom: str
    read_at: str
    purpose: str
    number: int
    link: str


def who_columns(persons: Persons | None, label: str, language: str, *, with_school: bool = False) -> list[Column]:
    """The columns that say who: an enrolment or a member of staff, with names besides where there are any.

    Args:
        with_school: for a table that has no column of the school.
    """
    own = Column(label, is_number=False)
    if persons is None:
        return [own]
    w = words_of("people", language)
    names = [w["name"], *([w["school"]] if with_school else []), w["phone"]]
    return [*(Column(name, is_number=False) for name in names), own]


def who_values(persons: Persons | None, name: str, language: str, *, with_school: bool = False) -> list[Value]:
    """The cells of :func:`who_columns` for an enrolment id or a staff key; a dash for what is not known."""
    own = Value.of_text(name)
    if persons is None:
        return [own]
    person = persons.people.get(name, Person("", ""))
    school = [person.school.of(language) if person.school else ""] if with_school else []
    return [*(Value.of_text(text or NO_VALUE) for text in (person.name, *school, person.phone)), own]


def marked(document: Document, persons: Persons, *, is_sealed: bool) -> Document:
    """The document with what somebody who holds it must know: that it has names, who made it and when, and what it was derived from."""
    w = words_of("people", document.language)
    made = w["made"].format(
        by=persons.by_whom, at=persons.read_at, purpose=persons.purpose, n=len(persons.people), number=persons.number, link=persons.link[:12]
    )  # fmt: skip
    notices = [Notice(w["notice"]), *([Notice(w["derived"])] if is_sealed else [])]
    return replace(document, blocks=[*notices, *document.blocks], footer=[made, *document.footer])
