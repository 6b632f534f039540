"""The command that brings rosters in."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ingest.sources.roster import Change, Gone, Mapped, Where, read_mapping, write_mapping
from pipelines.collect.rosters import Outcome, RosterRun, import_rosters, reason_text
from pipelines.commands.options import Language, parse_date
from pipelines.console import errors, output
from pipelines.settings import Settings, default_language
from pipelines.words import words_of
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration

__all__ = ["roster", "where_text"]

#: Ranges of rows that are printed of each change; --list has all of them.
_SHOWN = 12
_TOLD = (Change.NEW, Change.BACK, Change.MOVED, Change.CHANGED, Change.UNCLEAR, Change.TWICE, Change.SET_ASIDE)


class Scope(StrEnum):
    """Where somebody whom no row mentions has left."""

    COUNTY = "county"
    SCHOOL = "school"


def roster(
    files: Annotated[list[Path], typer.Argument(help="Workbooks, CSV files, or folders of OneRoster 1.2.")],
    programme: Annotated[str, typer.Option("--programme", "-p", help="Programme that the rosters are of.")],
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without, only say what would be done.")] = False,
    mapping: Annotated[
        Path | None,
        typer.Option("--map", help="What columns and places mean (TOML); written where there is none, for correction."),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="Local date from which the rosters hold; by default the one in their titles."),
    ] = None,
    scope: Annotated[
        Scope | None,
        typer.Option(
            help="Who is in no row has left, in the counties (the usual) or only in the schools of the rosters."
        ),
    ] = None,
    returned: Annotated[
        Path | None,
        typer.Option(help="Folder for the copies that go back to the senders; by default that of each file."),
    ] = None,
    listing: Annotated[
        Path | None, typer.Option("--list", help="Write each row, what it comes to and why, as CSV without names.")
    ] = None,
    language: Language = None,
) -> None:
    """Enrol the people of rosters as offices keep them (docs/rosters.md): a later roster moves and withdraws people.

    Names, phones and id numbers go to the vault and nowhere else. What cannot be taken comes back as a copy of the sender's own
    workbook with a column that says why.
    """
    workspace = Workspace(Settings.from_environment())
    spoken = language or default_language()
    mapped = _mapping(mapping)
    run = RosterRun(
        files, programme, mapped, parse_date(as_of), None if scope is None else scope is Scope.SCHOOL,
        returned, apply, spoken,
    )  # fmt: skip
    outcome = import_rosters(workspace, run)
    _print(outcome, run, spoken)
    _write_mapping(mapping, mapped, outcome, spoken)
    if listing is not None:
        _list(listing, outcome, run, spoken)


def _mapping(file: Path | None) -> Mapped:
    if file is None or not file.exists():
        return Mapped()
    try:
        return read_mapping(file.read_text(encoding="utf-8"), file.name)
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{file} cannot be read as UTF-8 text") from error


def _write_mapping(file: Path | None, before: Mapped, outcome: Outcome, language: str) -> None:
    if file is None:
        if any(outcome.unmatched.values()):
            errors.print(words_of("roster", language)["map_hint"], soft_wrap=True)
        return
    if outcome.mapped != before or not file.exists():
        file.write_text(write_mapping(outcome.mapped), encoding="utf-8")
        file.chmod(0o600)
        output.print(f"{file}: columns and places are written there for correction", soft_wrap=True)


def _print(outcome: Outcome, run: RosterRun, language: str) -> None:
    w = words_of("roster", language)
    for file, read in outcome.sheets:
        if read.header is None:
            errors.print(w["no_roster"].format(file=file.name, sheet=read.name))
        elif read.unused:
            columns = ", ".join(read.unused)
            errors.print(w["unused"].format(file=file.name, sheet=read.name, columns=columns))
    output.print(w["as_of_first_day" if outcome.is_first_day else "as_of"].format(on=outcome.dated))
    table = Table(box=None, pad_edge=False)
    table.add_column(w["change"])
    table.add_column(w["rows"], justify="right")
    table.add_column(w["where"], overflow="fold")
    names = _names(run)
    for change in Change:
        count = outcome.counts[change]
        where = where_text(outcome.rows[change], names, language) if change in _TOLD else ""
        if change is Change.GONE:
            where = _gone(outcome, names, language)
        table.add_row(words_of("roster.changes", language)[change], f"{count:,}", where)
    output.print(table)
    for why, count in outcome.reasons.most_common():
        output.print(f"  {count:,}  {reason_text(why, language)}", soft_wrap=True)
    if outcome.new_groups:
        # A school that is written in two ways shows here.
        groups = outcome.new_groups
        output.print(w["new_groups"].format(school=groups["school"], klass=groups["class"]), soft_wrap=True)
    _print_more(outcome, language)
    if run.applies:
        done = ", ".join(f"{name} {count:,}" for name, count in sorted(outcome.events.items())) or "0"
        output.print(w["written"].format(events=done), soft_wrap=True)
    else:
        output.print(w["not_written"])


def _print_more(outcome: Outcome, language: str) -> None:
    w = words_of("roster", language)
    for table, texts in outcome.unmatched.items():
        errors.print(w["unmatched"].format(table=table, texts=len(texts), rows=texts.total()))
    if outcome.unsure:
        errors.print(w["unsure"].format(n=len(outcome.unsure)))
    if outcome.unreadable:
        errors.print(w["unreadable"].format(n=outcome.unreadable))
    if outcome.known_later:
        errors.print(w["known_later"].format(counties=", ".join(outcome.known_later)))
    if outcome.warning:
        errors.print(f"[yellow]Warning:[/yellow] {outcome.warning}", soft_wrap=True)
    for file in outcome.returned:
        output.print(w["returned"].format(file=file), soft_wrap=True)


def _names(run: RosterRun) -> Sequence[str]:
    """What the files are called where there are several."""
    return ["" if len(run.files) == 1 else f"{file.name} " for file in run.files]


def where_text(ranges: Sequence[tuple[Where, int]], names: Sequence[str], language: str) -> str:
    """Ranges of rows as texts, the first of them; ``names`` is what is printed before a sheet, by the file's number."""
    texts = []
    before: tuple[int, str] | None = None
    for first, last in ranges[:_SHOWN]:
        rows = f"{first.row}" if first.row == last else f"{first.row}–{last}"
        texts.append(rows if before == first[:2] else f"{names[first.file]}{first.sheet} {rows}")
        before = first.file, first.sheet
    rest = len(ranges) - _SHOWN
    if rest > 0:
        texts.append(words_of("roster", language)["more"].format(n=rest))
    return ", ".join(texts)


def _gone(outcome: Outcome, names: Sequence[str], language: str) -> str:
    counts = Counter(str(gone.standing.place.county_id) for gone in outcome.gone)
    rows = where_text(outcome.rows[Change.GONE], names, language)
    return ", ".join(filter(None, [*(f"{county} {n:,}" for county, n in sorted(counts.items())), rows]))


def _list(file: Path, outcome: Outcome, run: RosterRun, language: str) -> None:
    """Every row that is not as it is known already, and everybody who is missing, by the enrolment."""
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(
            ["change", "file", "sheet", "first_row", "last_row", "enrolment_id", "county_id", "school_id", "class_id"]
        )
        for change, ranges in outcome.rows.items():
            for first, last in ranges:
                writer.writerow([change, run.files[first.file].name, first.sheet, first.row, last])
        for kind, people in ((Change.GONE, outcome.gone), (Change.UNCLEAR, outcome.unsure)):
            writer.writerows(_missing(kind, gone) for gone in people)
    file.chmod(0o600)
    output.print(str(file), soft_wrap=True)


def _missing(kind: Change, gone: Gone) -> list[str]:
    place = gone.standing.place
    return [
        kind, "", "", "", "", gone.standing.enrolment_id, place.county_id or "", place.school_id or "", place.class_id or "",
    ]  # fmt: skip
