"""Commands that bring events in: simulate, import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ingest.sources.report import ImportReport
from pipelines import imports, steps
from pipelines.console import errors, output
from pipelines.settings import Settings
from pipelines.workspace import Workspace
from warehouse.errors import BadSource

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(simulate)
    app.add_typer(import_app, name="import")


def simulate(
    programme: Annotated[str, typer.Argument(help="A pack with a simulation, such as tianshui-2017.")],
    scale: Annotated[int, typer.Option(min=1, help="How many cohorts of 6,983.")] = 1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same events, byte for byte.")] = 1,
    faults: Annotated[bool, typer.Option("--faults", help="Add late arrivals, repeats and bad records.")] = False,
) -> None:
    """Simulate a programme: invented people whose totals are the published ones."""
    workspace = Workspace(Settings.from_environment())
    written = steps.run_simulation(workspace, programme, seed=seed, scale=scale, faults=faults)
    output.print(f"{written:,} simulated events appended")


import_app = typer.Typer(no_args_is_help=True, help="Bring events in from files.")


@import_app.command()
def ndjson(file: Annotated[Path, typer.Argument(help="One event a line (.gz too); - for standard input.")]) -> None:
    """Append our own events. Every line goes to the log; bad ones end in quarantine."""
    written = imports.import_ndjson(Workspace(Settings.from_environment()), file)
    output.print(f"{written:,} records appended; next: xueqing sink")


@import_app.command()
def oulad(folder: Annotated[Path, typer.Argument(help="The release's folder (CSV, plain or .gz).")]) -> None:
    """Append the Open University Learning Analytics Dataset as programme open-university."""
    _print(imports.import_oulad(Workspace(Settings.from_environment()), folder))


@import_app.command()
def xapi(
    file: Annotated[Path, typer.Argument(help="One statement a line (.gz too); - for standard input.")],
    programme: Annotated[str, typer.Option("--programme", "-p", help="Programme that the statements belong to.")],
    open_enrolments: Annotated[
        bool, typer.Option("--open-enrolments/--no-open-enrolments", help="Enrol each learner in each course met.")
    ] = True,
) -> None:
    """Append xAPI statements: video verbs as study seconds, others kept as statements."""
    workspace = Workspace(Settings.from_environment())
    _print(imports.import_xapi(workspace, file, programme, open_enrolments=open_enrolments))


def _print(report: ImportReport) -> None:
    for table, rows in report.rows.items():
        aside = {why: n for (t, why), n in report.set_aside.items() if t == table}
        rest = "".join(f", {n:,} set aside: {why}" for why, n in aside.items())
        output.print(f"{table}: {rows:,} rows read, {report.used[table]:,} used{rest}")
    for name, n in sorted(report.events.items()):
        output.print(f"  {name}: {n:,}", soft_wrap=True)
    for warning in report.warnings:
        errors.print(f"[yellow]Warning:[/yellow] {warning}")
    if not report.adds_up:
        raise BadSource("the rows read are not those used and set aside; please report this")
