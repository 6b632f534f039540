"""Commands about people: names, phones and accounts are in the vault and nowhere else."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.box import HORIZONTALS
from rich.markup import escape
from rich.table import Table

from ingest.identity import Readings
from ingest.sources.roster.recognising import Recogniser
from pipelines.commands import forgetting
from pipelines.commands.options import AsOf, Language, parse_date
from pipelines.console import output
from pipelines.reading.people import Member
from pipelines.reports.document.files import write_file
from pipelines.reports.people import Persons
from pipelines.settings import Settings, default_language
from pipelines.spreadsheets import safe_cell
from pipelines.steps.naming import Naming, who_asks
from pipelines.steps.people import Scope, export_person, find_people, key_of, list_people, readings, show_person
from pipelines.words import NO_VALUE, words_of
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration, IdentityError

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True, help="People: names, phones and accounts, kept apart, encrypted, one key a person."
)
_Key = Annotated[str, typer.Argument(help="A learner_key or staff_key.")]


_Person = Annotated[str, typer.Argument(help="A learner_key or staff_key, or an enrolment id.")]
_Programme = Annotated[str, typer.Option("--programme", "-p", help="Programme id.")]
_County = Annotated[str | None, typer.Option(help="Only this county, by id or name.")]
_School = Annotated[str | None, typer.Option(help="Only this school, by id or name.")]
_Class = Annotated[str | None, typer.Option("--class", help="Only this class, by id or name.")]
_USUAL = "tianshui-2017"


def _naming(purpose: str) -> Naming:
    return Naming(who_asks(), f"people {purpose}")


@app.command("list")
def list_(
    programme: _Programme = _USUAL,
    county: _County = None,
    school: _School = None,
    class_: _Class = None,
    as_of: AsOf = None,
    most: Annotated[int, typer.Option(min=1, help="How many to print; only these are read.")] = 50,
    to: Annotated[
        Path | None, typer.Option(help="Write all of them to this .csv file instead, its owner's only.")
    ] = None,
    language: Language = None,
) -> None:
    """List the people of a county, a school or a class with name, phone and places. The reading is recorded."""
    workspace = Workspace(Settings.from_environment())
    scope = Scope(programme, county, school, class_, parse_date(as_of))
    members, persons, count = list_people(workspace, scope, _naming("list"), most=None if to else most)
    lang = language or default_language()
    if to is not None:
        _write_csv(to, members, persons, lang)
        output.print(f"{len(members):,} people in {to}", soft_wrap=True)
        return
    _print(members, persons, lang)
    if count > len(members):
        output.print(f"the first {len(members):,} of {count:,}; --most prints more, --to FILE writes them all")


@app.command()
def find(
    text: Annotated[str, typer.Argument(help="Part of a name, or a whole phone number, id number or account.")],
    programme: _Programme = _USUAL,
    county: _County = None,
    school: _School = None,
    class_: _Class = None,
    as_of: AsOf = None,
    language: Language = None,
) -> None:
    """Find people by name, phone, id number or account among those of a scope. Who is found is recorded as read."""
    workspace = Workspace(Settings.from_environment())
    scope = Scope(programme, county, school, class_, parse_date(as_of))
    members, persons = find_people(workspace, scope, _naming("find"), text)
    if not members:
        raise IdentityError("nobody of that scope is called so, or has such a phone or account")
    _print(members, persons, language or default_language())


#: The columns, by their keys in ``people.command``.
_COLUMNS = ("name", "phone", "school", "class", "county", "subject", "passed", "enrolment")


def _rows(members: Sequence[Member], persons: Persons, language: str) -> Iterator[list[str]]:
    w = words_of("people.command", language)
    for one in members:
        person = persons.people.get(one.enrolment_id)
        name, phone = (person.name, person.phone) if person else ("", "")
        places = [label.of(language) for label in (one.school, one.class_, one.county, one.subject)]
        yield [name or NO_VALUE, phone or NO_VALUE, *places, w["yes" if one.has_passed else "no"], one.enrolment_id]


def _print(members: Sequence[Member], persons: Persons, language: str) -> None:
    table = Table(header_style="bold", box=HORIZONTALS, pad_edge=False)
    w = words_of("people.command", language)
    for column in _COLUMNS:
        table.add_column(w[column], no_wrap=column in ("name", "phone"))
    for row in _rows(members, persons, language):
        table.add_row(*(escape(cell) for cell in row))
    output.print(table)


def _write_csv(file: Path, members: Sequence[Member], persons: Persons, language: str) -> None:
    with io.StringIO(newline="") as text:
        writer = csv.writer(text)
        writer.writerow([words_of("people.command", language)[column] for column in _COLUMNS])
        writer.writerows([safe_cell(cell) for cell in row] for row in _rows(members, persons, language))
        # With its mark, so that a spreadsheet reads the Chinese right.
        write_file(file, text.getvalue().encode("utf-8-sig"), private=True)


@app.command()
def show(person: _Person) -> None:
    """Read one person's details back. The reading is recorded."""
    keys, details = show_person(Workspace(Settings.from_environment()), person, _naming("show"))
    for name, value in details.items():
        output.print(f"{name}: {value}", markup=False)
    if len(keys) > 1:
        output.print(f"keys of the same person: {', '.join(keys)}", soft_wrap=True)


@app.command("readings")
def readings_(
    person: Annotated[str | None, typer.Argument(help="Only what was read of this person.")] = None,
    most: Annotated[int, typer.Option(min=1, help="How many to print, the newest.")] = 50,
    begin_anew: Annotated[
        bool,
        typer.Option(
            "--begin-anew", help="The record is lost or damaged and in no backup: begin another, which says so."
        ),
    ] = False,
) -> None:
    """Check the record of who has read names, and print it: when, by whom, for what, and of how many.

    Every file with names prints the number and the check of its reading. Exits with 1 where the record is not as it was written.
    """
    workspace = Workspace(Settings.from_environment())
    if begin_anew:
        with closing(workspace.vault()) as vault:
            record = Readings(workspace.settings.readings, vault)
            kept = record.begin_anew(by_whom=who_asks(), now=datetime.now(UTC))
        output.print(f"begun anew{f'; what is left of the old one is in {kept}' if kept else ''}", soft_wrap=True)
        return
    found, count = readings(workspace, person)
    table = Table(header_style="bold", box=HORIZONTALS, pad_edge=False)
    for head in ("No.", "At (UTC)", "By", "For", "Programme", "Of", "People", "Check"):
        table.add_column(head, justify="right" if head in ("No.", "People") else "left")
    for one in found[-most:]:
        at = one.read_at[:19].replace("T", " ")
        table.add_row(
            str(one.number), at, escape(one.by_whom), one.purpose, one.programme_id, escape(one.scope), f"{one.person_count:,}", one.link[:12]
        )  # fmt: skip
    output.print(table)
    output.print(f"{count:,} readings, each as it was written" + (f"; {len(found):,} of this person" if person else ""))


@app.command()
def export(
    person: _Person,
    to: Annotated[Path | None, typer.Option(help="The folder to write into; by default one of the home.")] = None,
    language: Language = None,
) -> None:
    """Write a person's own copy: details, records, documents, statements, figures, and who has read the name (JSON, HTML, PDF)."""
    workspace = Workspace(Settings.from_environment())
    files = export_person(workspace, person, _naming("export"), language=language or default_language(), folder=to)
    for file in files:
        output.print(str(file), soft_wrap=True)


@app.command()
def correct(
    person: _Person,
    name: Annotated[str | None, typer.Option(help="The right name.")] = None,
    phone: Annotated[str | None, typer.Option(help="The right phone; an empty one takes it away.")] = None,
) -> None:
    """Change a person's name or phone in the vault. No event and no figure changes; a later roster knows the person by the new phone."""
    changes = {field: value.strip() for field, value in (("name", name), ("phone", phone)) if value is not None}
    if not changes:
        raise BadConfiguration("say what is right: --name, --phone or both")
    workspace = Workspace(Settings.from_environment())
    key = key_of(workspace, person)
    with closing(workspace.vault()) as vault:
        Recogniser(vault).correct(key, changes)
    output.print(f"corrected: {', '.join(changes)}")


@app.command()
def merge(
    person: Annotated[str, typer.Argument(help="The key that is another's, too.")],
    into: Annotated[
        str | None, typer.Argument(help="The person's other key, whose name and phone stand from now on.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Part what was merged.")] = False,
) -> None:
    """Two keys are one person: accounts of the first lead to the second from now on. Events and past figures stay as they are.

    `xueqing people merge KEY --undo` parts them again.
    """
    if undo == (into is not None):
        raise BadConfiguration("give two keys to merge them, or one and --undo")
    workspace = Workspace(Settings.from_environment())
    first = key_of(workspace, person)
    second = key_of(workspace, into) if into is not None else ""
    with closing(workspace.vault()) as vault:
        if undo:
            output.print(f"{first} is parted from {vault.part(first)}", soft_wrap=True)
        else:
            output.print(f"{first} is the same person as {vault.merge(first, second)} from now on", soft_wrap=True)


forgetting.register_of_people(app)
