"""Commands for programme packs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ingest.programmes.cmi5_package import read_package, write_units
from ingest.programmes.loading import load_programme
from ingest.programmes.pack import check_pack, load_pack
from ingest.programmes.template import new_pack
from pipelines.collect.sink import run_sink
from pipelines.commands.options import parse_date
from pipelines.console import errors, output
from pipelines.settings import Settings
from pipelines.steps.build import warn_of_definitions
from pipelines.workspace import Workspace

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Programme packs: a programme's counties, subjects, rules and indicators, as files in a folder.",
)


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(help="The pack's folder; it must not be there yet.")],
    programme: Annotated[
        str, typer.Option("--programme", "-p", help="The programme's id; by default the folder's name.")
    ] = "",
) -> None:
    """Write a pack to start from. Fill in its files, then: xueqing programme check FOLDER."""
    new_pack(folder, programme or folder.name)
    output.print(
        f"{folder} is written; fill it in, then: xueqing programme check {folder}, xueqing programme load {folder}",
        soft_wrap=True,
    )


@app.command()
def check(folder: Annotated[Path, typer.Argument(help="The pack's folder.", exists=True, file_okay=False)]) -> None:
    """List everything that is wrong with a pack: file, row, column. Exits with 1 where anything is."""
    problems = check_pack(folder)
    for problem in problems:
        output.print(str(problem), markup=False, highlight=False, soft_wrap=True)
    if problems:
        errors.print(f"[red]{len(problems)} to mend.[/red] Rows are counted from the header, which is row 1.")
        raise typer.Exit(1)
    output.print(f"nothing is wrong with {load_pack(folder).programme_id}")


@app.command()
def units(
    folder: Annotated[Path, typer.Argument(help="The pack's folder.", exists=True, file_okay=False)],
    packages: Annotated[list[Path], typer.Argument(help="cmi5 course packages (ZIP), or their cmi5.xml.", exists=True)],
) -> None:
    """Write the units of cmi5 course packages into a pack's units.csv, with what satisfies each (moveOn).

    The activity `unit_satisfied` then counts the units that somebody has satisfied, for indicators and assessment rules. A course that is
    there already is replaced. Look the file through, then: xueqing programme load FOLDER.
    """
    load_pack(folder)
    for package in packages:
        rows = read_package(package)
        file = write_units(folder, rows)
        output.print(f"{file.name}: {len(rows)} units of {rows[0]['course_id']}", markup=False, soft_wrap=True)
    errors.print(f"next: xueqing programme load {folder}", markup=False, soft_wrap=True)


@app.command()
def load(
    folder: Annotated[Path, typer.Argument(help="The pack's folder.", exists=True, file_okay=False)],
    applies_from: Annotated[
        str | None, typer.Option("--from", help="Local date from which it applies; by default today.")
    ] = None,
) -> None:
    """Load a pack's definitions into the log: they apply from today on, or from the date given.

    What was loaded before keeps applying to earlier dates; the first applies from the beginning. A pack
    that was never loaded applies as it stands in its folder, to all dates.
    """
    workspace = Workspace(Settings.from_environment())
    pack, start, is_new = load_programme(
        workspace.log, workspace.definitions, folder, now=datetime.now(UTC), applies_from_on=parse_date(applies_from)
    )
    if not is_new:
        output.print(f"{pack.programme_id} is loaded just so already; nothing changes")
        return
    run_sink(workspace)
    first = len(workspace.definitions.history(pack.programme_id)) == 1
    since = "for all dates, being the first" if first else f"from {start} on"
    output.print(f"{pack.programme_id} is loaded and applies {since}; next: xueqing build")


@app.command()
def show(
    programme: Annotated[str, typer.Argument(help="A programme's id; none lists them all.")] = "",
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="The definitions in force on this local date; by default the newest.")
    ] = None,
) -> None:
    """Show a programme's dates, rules and indicators, or list the programmes."""
    workspace = Workspace(Settings.from_environment())
    if not programme:
        for name in workspace.definitions.programmes:
            pack = workspace.definitions.in_force(name)
            output.print(f"{pack.programme_id}  {pack.label_en}  {pack.label_zh}", markup=False, soft_wrap=True)
        return
    definitions = workspace.definitions
    warn_of_definitions(definitions, programme)
    pack = definitions.in_force(programme, parse_date(as_of))
    output.print(f"{pack.label_en}  {pack.label_zh}", markup=False)
    output.print(
        f"{pack.starts_on} to {pack.ends_on}, report on {pack.report_on}; {pack.timezone}; {pack.path}", soft_wrap=True
    )
    for d in definitions.history(programme):
        if d.recorded_at is not None:
            output.print(
                f"version {d.version}, loaded {d.recorded_at:%Y-%m-%d %H:%M} UTC, applies from {d.applies_from_on}"
            )
    rules = Table("Stage", "Component", "Points", "Target", "Scoring", title="Assessment rules", title_justify="left")
    for row in pack.table("assessment_rules"):
        needed = f"{row['stage_pass_points']} of " if row["stage_pass_points"] else ""
        stage = f"{row['stage']} ({needed}{row['stage_max_points']})"
        target = f"{row['target']} {row['unit']}"
        rules.add_row(stage, f"{row['label_en']} {row['label_zh']}", row["max_points"], target, row["scoring"])
    output.print(rules)
    indicators = Table("Indicator", "Definition", title="Indicators", title_justify="left")
    for row in pack.table("indicators"):
        indicators.add_row(f"{row['label_en']} {row['label_zh']}", f"{row['definition_en']}\n{row['definition_zh']}")
    output.print(indicators)
