"""Commands that tell how things stand: status, page."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from pipelines import steps
from pipelines.accounting import Accounting, account
from pipelines.commands.options import AsOf, KnownBy, Language, parse_date, parse_known_by
from pipelines.console import default_language, errors, output
from pipelines.reports.figures import count_text
from pipelines.reports.terminal import print_status
from pipelines.settings import VARIABLES, Settings
from pipelines.workspace import Workspace
from warehouse.errors import NotPublished
from warehouse.query import connect

__all__ = ["register"]

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
    found = account(workspace.log, workspace.lake, workspace.warehouse)
    _print_accounting(found)
    lang = language or default_language()
    if found.build_id is not None:
        for programme_id in programme or _programmes(workspace):
            before = parse_known_by(known_by, workspace.time_zone(programme_id))
            print_status(output, steps.status_report(workspace, programme_id, on, lang, before), lang)
            if known_by is not None:
                output.print(f"as known by {known_by}")
    elif programme:
        raise NotPublished("nothing is published yet; run: xueqing build")
    for warning in found.warnings:
        errors.print(f"[yellow]Warning:[/yellow] {warning}")
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
    path = steps.write_status_pages(workspace, programme, parse_date(as_of), lang)
    output.print(str(path), soft_wrap=True)


def quality(
    programme: Annotated[str | None, typer.Option("--programme", "-p", help="Only this programme.")] = None,
    language: Language = None,
) -> None:
    """Print what the checks said of the published build, and the path of their pages (Great Expectations' Data Docs).

    A check of severity error that is not met stops publication; one of severity warn is printed in the reports.
    """
    workspace = Workspace(Settings.from_environment())
    claim = "claim_zh" if (language or default_language()) == "zh" else "claim_en"
    with connect(workspace.warehouse.published) as con:
        rows = con.execute(
            f"select programme_id, suite, {claim}, severity, is_met, checked_count, unexpected_count, examples"
            " from quality_checks where programme_id = coalesce(?, programme_id) order by programme_id, suite, is_met, 3",
            [programme],
        ).fetchall()
    last = None
    for programme_id, suite, text, severity, is_met, checked, unexpected, examples in rows:
        if (programme_id, suite) != last:
            output.print(f"\n[bold]{programme_id}  {suite}[/bold]")
        last = (programme_id, suite)
        mark = "[green]as expected[/green]" if is_met else f"[yellow]{severity}[/yellow]"
        found = f" ({count_text(unexpected)} of {count_text(checked)}: {examples})" if unexpected else ""
        output.print(f"  {mark}  {text}[dim]{found}[/dim]", soft_wrap=True)
    if not rows:
        output.print("the published build was not checked" + (f", or knows no {programme}" if programme else ""))
    page = steps.data_docs(workspace) / "index.html"
    if page.exists():
        output.print(f"\n{page}", soft_wrap=True)


def settings() -> None:
    """Print every setting that is read from the environment, and what is in force."""
    current = Settings.from_environment()
    for name, meaning in VARIABLES.items():
        output.print(f"[bold]{name}[/bold]  {meaning}", soft_wrap=True)
    output.print(f"\nhome {current.home}\nlog {current.log}\nlake {current.lake}", soft_wrap=True, markup=False)


def _programmes(workspace: Workspace) -> list[str]:
    with connect(workspace.warehouse.published) as con:
        return [row[0] for row in con.execute("select distinct programme_id from rpt_status order by 1").fetchall()]


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
        f" + {count_text(found.build_waiting)} waiting",
        soft_wrap=True,
    )
    if found.uncounted_verbs:
        total = sum(count for _, _, count in found.uncounted_verbs)
        output.print(f"statements that no figure counts: {count_text(total)} (all verbs: rpt_uncounted_verbs)")
        for programme, verb, count in found.uncounted_verbs[:_MOST_VERBS]:
            output.print(f"  {count_text(count)} {verb} ({programme})", soft_wrap=True, markup=False)
