"""Commands of bulletins: list, issue, restate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from pipelines.commands.forgetting import print_retired
from pipelines.commands.options import Format, Language, PasswordFile, WithNames, naming_of
from pipelines.console import output
from pipelines.reading.bulletin import read_bulletin
from pipelines.reading.calendar import calendar
from pipelines.reading.marts import open_marts
from pipelines.reading.restatement import restate
from pipelines.reports.bulletin.sealing import changed_figures, read_sealed
from pipelines.settings import Settings, default_language
from pipelines.steps.build import published
from pipelines.steps.bulletins import draft_bulletin, issue_bulletins, write_named_bulletin
from pipelines.steps.due import follow_due, issue_due
from pipelines.words import Share, count_text, percent
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True, help="Learning-status bulletins: numbered, by the pack's calendar, sealed when issued."
)

Programme = Annotated[str, typer.Option("--programme", "-p", help="Programme id.")]
_USUAL = "tianshui-2017"


@app.command("list")
def list_(programme: Programme = _USUAL, language: Language = None) -> None:
    """List the programme's bulletins, and which of them are issued."""
    workspace = Workspace(Settings.from_environment())
    lang = language or default_language()
    with open_marts(workspace.warehouse.published) as con:
        issues = calendar(con, programme)
    table = Table(header_style="bold", box=None, pad_edge=False)
    for name in ("No.", "As of", "To be issued", "Sealed at", "Title"):
        table.add_column(name)
    for one in issues:
        sealed = read_sealed(workspace.settings.bulletins, programme, one.number)
        at = f"{sealed.seal.sealed_at:%Y-%m-%d %H:%M} UTC" if sealed else "–"
        table.add_row(str(one.number), str(one.as_of), str(one.issued_on), at, one.title.of(lang))
    if not issues:
        raise BadConfiguration(f"{programme} has no calendar; add bulletins.csv to its pack")
    output.print(table)


@app.command("issue")
def issue_(
    numbers: Annotated[list[int], typer.Argument(help="Which ones, such as 3 or 1 2 3.")],
    programme: Programme = _USUAL,
    smallest: Annotated[
        int,
        typer.Option(
            min=0, help="Groups of fewer are withheld from the public edition, and what would give them away."
        ),
    ] = 10,
    with_names: WithNames = False,
    counties: Annotated[
        list[str] | None, typer.Option("--county", help="With names: only the editions of these counties.")
    ] = None,
    format_: Annotated[
        list[Format] | None, typer.Option("--format", "-f", help="With names: one or more; by default xlsx and pdf.")
    ] = None,
    language: Language = None,
    password_file: PasswordFile = None,
) -> None:
    """Write every edition (of the whole and of each county, public and restricted) as HTML, PDF, XLSX and Markdown, in both languages.

    A bulletin is sealed when it is issued: issuing it again writes the same bytes, whatever the events say by then
    (`xueqing bulletin restate` tells what has changed). Restricted editions name enrolments and are readable by their
    owner only. With --with-names the restricted editions are written once more, with names and phones, beside the sealed ones:
    what is sealed never holds a name.
    """
    workspace = Workspace(Settings.from_environment())
    naming = naming_of(workspace.settings, "bulletin issue", with_names=with_names, password_file=password_file)
    if naming is None and (counties or format_ or language):
        raise BadConfiguration(
            "--county, --format and --lang go with --with-names: a sealed bulletin has every edition"
        )
    for done, was_sealed in issue_bulletins(workspace, programme, numbers, smallest):
        again = f" (as sealed at {done.seal.sealed_at:%Y-%m-%d %H:%M} UTC)" if was_sealed else ""
        output.print(f"{done.folder}{again}", soft_wrap=True)
        if naming is not None:
            folder, files = write_named_bulletin(
                workspace, programme, done.seal.number, naming, counties=counties or (), language=language or default_language(),
                formats=[f.value for f in format_ or (Format.XLSX, Format.PDF)],
            )  # fmt: skip
            output.print(f"{len(files)} files with names in {folder}", soft_wrap=True)


@app.command("due")
def due_(
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on, and write the site anew after each build, until interrupted.")
    ] = False,
    unfolds: Annotated[
        bool,
        typer.Option("--unfolds", help="The time is the newest day of the marts, as in a simulation that unfolds."),
    ] = False,
    language: Language = None,
) -> None:
    """Issue, of every programme, the bulletins whose hour has come by its calendar, with the briefings of their dates."""
    workspace = Workspace(Settings.from_environment())
    if follow:
        follow_due(workspace, language or default_language(), unfolds=unfolds)
        return
    for programme_id, number in issue_due(workspace, None if unfolds else datetime.now(UTC)):
        output.print(f"{programme_id} {number}", markup=False)


@app.command("draft")
def draft(
    number: Annotated[int, typer.Argument(help="A bulletin of the calendar.")],
    programme: Programme = _USUAL,
    county: Annotated[str | None, typer.Option(help="The edition of one county; by default the whole.")] = None,
    format_: Annotated[Format, typer.Option("--format", "-f", help="How to write it.")] = Format.HTML,
    language: Language = None,
    with_names: WithNames = False,
    password_file: PasswordFile = None,
) -> None:
    """Write one restricted edition as it would be now, marked as a draft, and print its path. Nothing is sealed."""
    workspace = Workspace(Settings.from_environment())
    naming = naming_of(workspace.settings, "bulletin draft", with_names=with_names, password_file=password_file)
    file = draft_bulletin(
        workspace,
        programme,
        number,
        county=county,
        language=language or default_language(),
        ending=format_.value,
        naming=naming,
    )
    output.print(str(file), soft_wrap=True)


@app.command("restate")
def restate_(
    number: Annotated[int, typer.Argument(help="An issued bulletin.")],
    programme: Programme = _USUAL,
    events: Annotated[int, typer.Option(min=0, help="How many of the causing events to print.")] = 20,
) -> None:
    """Which figures of an issued bulletin would be others now, and because of which events.

    The issued bulletin stays as it is. Exits with 4 where a figure has changed.
    """
    workspace = Workspace(Settings.from_environment())
    sealed = read_sealed(workspace.settings.bulletins, programme, number)
    if sealed is None:
        raise BadConfiguration(
            f"bulletin {number} of {programme} was not issued yet; run: xueqing bulletin issue {number}"
        )
    with open_marts(workspace.warehouse.published) as con:
        now = read_bulletin(con, programme, number)
    changed = changed_figures(sealed.bulletin, now)
    print_retired(workspace, programme)
    if not changed:
        output.print(f"nothing has changed since bulletin {number} was issued")
        return
    table = Table(
        title=f"{programme}, bulletin {number}, as of {sealed.seal.as_of}", title_justify="left", header_style="bold"
    )
    for name in ("Kind", "Group", "Indicator", "Issued", "Now"):
        table.add_column(name, justify="right" if name in ("Issued", "Now") else "left")
    lang = default_language()
    labels = {
        (kind, g.group_id): g.label.of(lang)
        for bulletin in (sealed.bulletin, now)
        for kind in ("counties", "subjects", "classes", "schools")
        for g in getattr(bulletin, kind)
    }
    for one in changed:
        table.add_row(
            one.kind,
            escape(labels.get((one.kind, one.group_id), one.group_id)),
            one.indicator,
            _text(one.issued),
            _text(one.now),
        )
    output.print(table)
    # What was known at the sealing: everything recorded until then.
    known = sealed.seal.known_by + timedelta(microseconds=1)
    found = restate(
        published(workspace, known), workspace.warehouse.published, workspace.lake, programme,
        sealed.seal.as_of, known=known, until=None,
    )  # fmt: skip
    if found.definitions_changed:
        output.print("the programme's definitions have changed since")
    for indicator, enrolment, change, event_type, event_id, occurred, recorded in found.causes[:events]:
        output.print(
            f"{enrolment} {change} for {indicator}: {event_type} {event_id}, occurred {occurred:%Y-%m-%d %H:%M}, recorded {recorded:%Y-%m-%d %H:%M} UTC",
            soft_wrap=True,
        )
    if len(found.causes) > events:
        output.print(f"… and {count_text(len(found.causes) - events)} more (--events)")
    raise typer.Exit(4)


def _text(share: Share | None) -> str:
    if share is None or share.numerator is None or share.denominator is None:
        return "–"
    if share.numerator == share.denominator:
        return count_text(share.numerator)
    return f"{count_text(share.numerator)} of {count_text(share.denominator)} ({percent(share.numerator, share.denominator)} %)"
