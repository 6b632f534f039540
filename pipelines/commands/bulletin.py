"""Commands of bulletins: list, issue, restate."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer
from rich.table import Table

from pipelines import steps
from pipelines.commands.options import Format, Language
from pipelines.console import default_language, output
from pipelines.reports.bulletin.model import Share
from pipelines.reports.bulletin.read import calendar, read_bulletin
from pipelines.reports.bulletin.sealing import changed_figures, read_sealed
from pipelines.reports.figures import count_text, percent
from pipelines.restatement import restate
from pipelines.settings import Settings
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration
from warehouse.query import connect

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
    with connect(workspace.warehouse.published) as con:
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
) -> None:
    """Write every edition (of the whole and of each county, public and restricted) as HTML, PDF, XLSX and Markdown, in both languages.

    A bulletin is sealed when it is issued: issuing it again writes the same bytes, whatever the events say by then
    (`xueqing bulletin restate` tells what has changed). Restricted editions name enrolments and are readable by their
    owner only.
    """
    workspace = Workspace(Settings.from_environment())
    for done, was_sealed in steps.issue_bulletins(workspace, programme, numbers, smallest):
        again = f" (as sealed at {done.seal.sealed_at:%Y-%m-%d %H:%M} UTC)" if was_sealed else ""
        output.print(f"{done.folder}{again}", soft_wrap=True)


@app.command("draft")
def draft(
    number: Annotated[int, typer.Argument(help="A bulletin of the calendar.")],
    programme: Programme = _USUAL,
    county: Annotated[str | None, typer.Option(help="The edition of one county; by default the whole.")] = None,
    format_: Annotated[Format, typer.Option("--format", "-f", help="How to write it.")] = Format.HTML,
    language: Language = None,
) -> None:
    """Write one restricted edition as it would be now, marked as a draft, and print its path. Nothing is sealed."""
    workspace = Workspace(Settings.from_environment())
    file = steps.draft_bulletin(
        workspace, programme, number, county=county, language=language or default_language(), ending=format_.value
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
    with connect(workspace.warehouse.published) as con:
        now = read_bulletin(con, programme, number)
    changed = changed_figures(sealed.bulletin, now)
    if not changed:
        output.print(f"nothing has changed since bulletin {number} was issued")
        return
    table = Table(
        title=f"{programme}, bulletin {number}, as of {sealed.seal.as_of}", title_justify="left", header_style="bold"
    )
    for name in ("Kind", "Group", "Indicator", "Issued", "Now"):
        table.add_column(name, justify="right" if name in ("Issued", "Now") else "left")
    for one in changed:
        table.add_row(one.kind, one.group_id, one.indicator, _text(one.issued), _text(one.now))
    output.print(table)
    # What was known at the sealing: everything recorded until then.
    known = sealed.seal.known_by + timedelta(microseconds=1)
    found = restate(
        steps.published(workspace, known), workspace.warehouse.published, workspace.lake, programme,
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
