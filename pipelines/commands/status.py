"""Commands that tell how things stand: status, page."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from pipelines.commands.options import AsOf, KnownBy, Language, known_before, parse_date
from pipelines.console import errors, output
from pipelines.reading.accounting import Accounting, account
from pipelines.reading.dates import programmes
from pipelines.reading.marts import open_marts
from pipelines.reading.quality import read_checks
from pipelines.reports.terminal import print_status
from pipelines.settings import VARIABLES, Settings, default_language
from pipelines.steps.build import data_docs
from pipelines.steps.reports import status_report, write_status_pages
from pipelines.words import count_text
from pipelines.workspace import Workspace
from warehouse.errors import NotPublished

__all__ = ["register"]

#: Records that are listed.
_SHOWN = 5

#: Verbs that are printed; a table has them all.
_MOST_VERBS = 5


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(status)
    app.command()(page)
    app.command()(quality)
    app.command()(settings)


def status(
    programme: Annotated[list[str] | None, typer.Option("--programme", "-p", help="Only these programmes.")] = None,
    as_of: AsOf = None,
    known_by: KnownBy = None,
    language: Language = None,
) -> None:
    """Print the account of log, lake and warehouse, and each programme's rates.

    With --known-by, the rates are those that could have been told then: later records, corrections
    and definitions are left out.

    Exits with 3 where the account does not add up.
    """
    workspace = Workspace(Settings.from_environment())
    on = parse_date(as_of)
    found = account(workspace.existing_log, workspace.lake, workspace.warehouse)
    _print_accounting(found)
    lang = language or default_language()
    if found.build_id is not None:
        for programme_id in programme or _programmes(workspace):
            before = known_before(workspace, programme_id, known_by)
            print_status(output, status_report(workspace, programme_id, on, lang, before), lang)
            if known_by is not None:
                output.print(f"as known by {known_by}")
    elif programme:
        raise NotPublished("nothing is published yet; run: xueqing build")
    for warning in found.warnings:
        errors.print(f"[yellow]Warning:[/yellow] {warning}")
    from pipelines.collect.store import set_aside  # the store takes a while to import, and help needs none

    if aside := set_aside(workspace):
        errors.print(
            f"[yellow]Warning:[/yellow] {count_text(len(aside))} records of the log are not in the index of statements:"
            f" {'; '.join(f'{a.partition}:{a.offset} {escape(a.why)}' for a in aside[:_SHOWN])}"
            f"{' …' if len(aside) > _SHOWN else ''}. The next start of xueqing serve tries them again.",
            soft_wrap=True,
        )
    for problem in found.problems:
        errors.print(f"[red]Does not add up:[/red] {problem}")
    if found.problems:
        raise typer.Exit(3)


def page(
    programme: Annotated[str, typer.Argument(help="Programme id.")] = "tianshui-2017",
    as_of: AsOf = None,
    language: Language = None,
) -> None:
    """Write the status page (HTML, both languages) and print its path."""
    workspace = Workspace(Settings.from_environment())
    lang = language or default_language()
    path = write_status_pages(workspace, programme, parse_date(as_of), lang)
    output.print(str(path), soft_wrap=True)


def quality(
    programme: Annotated[str | None, typer.Option("--programme", "-p", help="Only this programme.")] = None,
    language: Language = None,
) -> None:
    """Print what the checks said of the published build, and the path of their pages (Great Expectations' Data Docs).

    A check of severity error that is not met stops publication; one of severity warn is printed in the reports.
    """
    workspace = Workspace(Settings.from_environment())
    with open_marts(workspace.warehouse.published) as con:
        results = read_checks(con, programme, language or default_language())
    last = None
    for one in results:
        if (one.programme_id, one.suite) != last:
            output.print(f"\n[bold]{escape(f'{one.programme_id}  {one.suite}')}[/bold]")
        last = (one.programme_id, one.suite)
        mark = "[green]as expected[/green]" if one.is_met else f"[yellow]{one.severity}[/yellow]"
        counts = f"{count_text(one.unexpected_count)} of {count_text(one.checked_count)}"
        found = f" ({counts}: {one.examples})" if one.unexpected_count else ""
        output.print(f"  {mark}  {escape(one.claim)}[dim]{escape(found)}[/dim]", soft_wrap=True)
    if not results:
        output.print("the published build was not checked" + (f", or knows no {programme}" if programme else ""))
    page = data_docs(workspace) / "index.html"
    if page.exists():
        output.print(f"\n{page}", soft_wrap=True)


def settings() -> None:
    """Print every setting that is read from the environment, and what is in force."""
    current = Settings.from_environment()
    for name, meaning in VARIABLES.items():
        output.print(f"[bold]{name}[/bold]  {meaning}", soft_wrap=True)
    output.print(f"\nhome {current.home}\nlog {current.log}\nlake {current.lake}", soft_wrap=True, markup=False)


def _programmes(workspace: Workspace) -> list[str]:
    with open_marts(workspace.warehouse.published) as con:
        return programmes(con)


def _print_accounting(found: Accounting) -> None:
    table = Table(title="Log and lake", title_justify="left", header_style="bold")
    for name in ("Partition", "In the log", "Covered", "Lag", "Accepted", "Quarantined"):
        table.add_column(name, justify="right")
    for p in found.partitions:
        table.add_row(str(p.partition), *(count_text(n) for n in (p.end, p.covered, p.lag, p.accepted, p.quarantined)))
    sums = [
        sum(getattr(p, name) for p in found.partitions) for name in ("end", "covered", "lag", "accepted", "quarantined")
    ]
    table.add_section()
    table.add_row("all", *(count_text(n) for n in sums), style="bold")
    output.print(table)
    if found.reasons:
        output.print("quarantined: " + ", ".join(f"{reason} {count_text(n)}" for reason, n in found.reasons))
    if found.last_recorded_at is not None:
        output.print(
            f"last event recorded {found.last_recorded_at:%Y-%m-%d %H:%M:%S} UTC, occurred {found.last_occurred_at:%Y-%m-%d %H:%M:%S} UTC; "
            f"{found.file_count} files, {found.file_bytes / 1e6:,.1f} MB"
            if found.last_occurred_at is not None
            else f"last record {found.last_recorded_at:%Y-%m-%d %H:%M:%S} UTC; {found.file_count} files"
        )
    if found.build_id is None:
        output.print("warehouse: nothing published yet; run: xueqing build")
        return
    output.print(
        f"build {found.build_id}: {count_text(found.build_accepted)} accepted = {count_text(found.build_counted)} counted"
        f" + {count_text(found.build_repeats)} repeats + {count_text(found.build_conflicts)} conflicts"
        f" + {count_text(found.build_waiting)} waiting"
        + (f" + {count_text(found.build_set_aside)} set aside" if found.build_set_aside else ""),
        soft_wrap=True,
    )
    if found.build_set_aside:
        output.print(
            f"set aside: {count_text(found.build_set_aside)} events that name an enrolment of another learner"
            " (each: fct_uncounted_records, other_learner)"
        )
    if found.uncounted_verbs:
        total = sum(count for _, _, count in found.uncounted_verbs)
        output.print(f"statements that no figure counts: {count_text(total)} (all verbs: rpt_uncounted_verbs)")
        for programme, verb, count in found.uncounted_verbs[:_MOST_VERBS]:
            output.print(f"  {count_text(count)} {verb} ({programme})", soft_wrap=True, markup=False)
    if found.uncounted_events:
        total = sum(count for *_, count in found.uncounted_events)
        output.print(
            f"events of platforms that no figure counts: {count_text(total)} (all names: rpt_uncounted_events)"
        )
        for programme, name, reason, count in found.uncounted_events[:_MOST_VERBS]:
            output.print(
                f"  {count_text(count)} {name}: {reason.replace('_', ' ')} ({programme})", soft_wrap=True, markup=False
            )
