"""Commands that bring events in and statements out: simulate, import, export, forward."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ingest.events import format_time
from ingest.lrs.standard.formats import instant
from ingest.sources.door import described, next_command
from ingest.sources.report import ImportReport
from pipelines.collect import door, imports
from pipelines.collect.simulation import run_simulation, unfold_simulation
from pipelines.commands import totals
from pipelines.commands.roster import roster
from pipelines.console import errors, output, progress
from pipelines.settings import Settings
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration, BadSource

__all__ = ["import_app", "print_report", "register"]

RecordedAt = Annotated[
    str | None,
    typer.Option(
        "--recorded-at",
        help="Field that says when each was first recorded, such as recorded_at or stored: an imported past. By default now.",
    ),
]
#: Names of records that are told of a file.
_MOST_NAMES = 12


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(simulate)
    app.add_typer(import_app, name="import")
    app.add_typer(export_app, name="export")
    app.command()(forward)


def simulate(
    programme: Annotated[str, typer.Argument(help="A pack with a simulation, such as tianshui-2017.")],
    scale: Annotated[int, typer.Option(min=1, help="How many cohorts of 6,983.")] = 1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same events, byte for byte.")] = 1,
    faults: Annotated[bool, typer.Option("--faults", help="Add late arrivals, repeats and bad records.")] = False,
    unfold: Annotated[
        float | None,
        typer.Option(min=0.0, help="Append a day's records every so many seconds, as if the programme ran now."),
    ] = None,
) -> None:
    """Simulate a programme: invented people whose totals are the published ones."""
    workspace = Workspace(Settings.from_environment())
    if unfold is None:
        written = run_simulation(workspace, programme, seed=seed, scale=scale, faults=faults)
    else:
        written = unfold_simulation(workspace, programme, seed=seed, scale=scale, faults=faults, day_s=unfold)
    output.print(f"{written:,} simulated events appended")


class _LooksFirst(TyperGroup):
    """``xueqing import FILE`` is ``xueqing import look FILE``: a first word that is no command and looks like a file's name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and (args[0] == "-" or Path(args[0]).suffix or Path(args[0]).exists()):
            args = ["look", *args]
        return super().resolve_command(ctx, args)


import_app = typer.Typer(
    cls=_LooksFirst,
    no_args_is_help=True,
    help="Bring events in from files. `xueqing import FILE` says what a file is, and which command brings it in.",
)


@import_app.command()
def look(file: Annotated[Path, typer.Argument(help="Any file or folder; - for standard input.")]) -> None:
    """Say what a file is and which command brings it in; nothing is written. `xueqing import FILE` is the same."""
    if file.is_dir():
        command = door.command_for_folder(file)
        if command is None:
            raise BadSource(f"{file} is a folder of nothing that is known; name a file in it")
        output.print(f"{file}: a folder", soft_wrap=True, markup=False)
    else:
        kind = door.seen(file)
        shown = "standard input" if str(file) == "-" else str(file)
        output.print(f"{shown}: {described(kind)}", soft_wrap=True, markup=False)
        if kind.records:
            columns = f", {kind.columns} columns" if kind.columns else ""
            output.print(f"its beginning has {kind.records:,} records{columns}")
        for name, count in list(kind.names.items())[:_MOST_NAMES]:
            output.print(f"  {count:,} {name}", soft_wrap=True, markup=False)
        command = next_command(kind, str(file))
    output.print(f"next: {command}", soft_wrap=True, markup=False)


@import_app.command()
def ndjson(
    file: Annotated[Path, typer.Argument(help="One event a line, or one JSON list (.gz too); - for standard input.")],
    recorded_at: RecordedAt = None,
) -> None:
    """Append our own events. Every line goes to the log; bad ones end in quarantine."""
    workspace = Workspace(Settings.from_environment())
    report = imports.import_ndjson(workspace, file, recorded_at)
    if recorded_at is not None:
        _print_aside(workspace, report)
    output.print(f"{report.used.total():,} records appended; next: xueqing sink")


@import_app.command()
def oulad(folder: Annotated[Path, typer.Argument(help="The release's folder (CSV, plain or .gz).")]) -> None:
    """Append the Open University Learning Analytics Dataset as programme open-university."""
    print_report(imports.import_oulad(Workspace(Settings.from_environment()), folder))


@import_app.command()
def xapi(
    programme: Annotated[str, typer.Option("--programme", "-p", help="Programme that the statements belong to.")],
    file: Annotated[Path | None, typer.Argument(help="One statement a line (.gz too); - for standard input.")] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", help="Another learning-record store instead: its address before /statements."),
    ] = None,
    key: Annotated[str | None, typer.Option(help="A key of that store: ID:SECRET, or @FILE with it.")] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Only what was stored there after this time; otherwise it goes on where it stopped."),
    ] = None,
    open_enrolments: Annotated[
        bool, typer.Option("--open-enrolments/--no-open-enrolments", help="Enrol each learner in each course met.")
    ] = True,
    recorded_at: RecordedAt = None,
) -> None:
    """Store xAPI statements of a file or of another learning-record store, as a client of `xueqing serve` would.

    Statements of our profile, of the xAPI Video Profile and of cmi5 count as what they tell of; the others are kept, and
    `rpt_uncounted_verbs` lists their verbs. What is there already is passed over: run it again to go on.
    """
    workspace = Workspace(Settings.from_environment())
    if (file is None) == (source is None):
        raise BadConfiguration("give a FILE, or --from URL with --key")
    if source is None:
        assert file is not None
        report = imports.import_xapi(
            workspace, file, programme, open_enrolments=open_enrolments, recorded_at=recorded_at
        )
    elif recorded_at is not None:
        raise BadConfiguration("--recorded-at is for a FILE: what another store gives is recorded here when it comes")
    else:
        from pipelines.collect import migration

        found = migration.parse_key(key or "")
        report = migration.pull(workspace, source, found, programme, _time(since), open_enrolments=open_enrolments)
    _print_aside(workspace, report)


def _print_aside(workspace: Workspace, report: ImportReport) -> None:
    if report.set_aside:
        report.warnings.append(f"what was set aside is kept in {workspace.settings.home / 'rejected'}")
    print_report(report)


import_app.command("roster")(roster)
import_app.command("table")(totals.table)


export_app = typer.Typer(no_args_is_help=True, help="Write events for others.")


@export_app.command("xapi")
def export_xapi(
    programme: Annotated[str, typer.Option("--programme", "-p", help="Programme whose events are written.")],
    out: Annotated[Path, typer.Option("--output", "-o", help="File, one statement a line; - for standard output.")],
) -> None:
    """Write the programme's events as xAPI statements of our profile (docs/xapi-profile/).

    People are the keys that the lake has, and their own words are left out. A store of ours that takes the file (`xueqing import xapi`) counts the same.
    """
    from pipelines.collect.exports import Exported, export_statements

    workspace, done = Workspace(Settings.from_environment()), Exported()
    with sys.stdout.buffer if str(out) == "-" else out.open("wb") as file, progress() as bar:
        task = bar.add_task("Statements", total=None)
        for line in export_statements(workspace, programme, done):
            file.write(line)
            bar.advance(task)
    errors.print(f"{done.written.total():,} statements written")
    for event_type, count in done.left_out.items():
        errors.print(f"  {count:,} {event_type} left out: the store's own")


def forward(
    programme: Annotated[str, typer.Option("--programme", "-p", help="Programme whose statements are sent.")],
    to: Annotated[str, typer.Option("--to", help="The other store's address, the one before /statements.")],
    key: Annotated[str, typer.Option(help="A key of that store: ID:SECRET, or @FILE with it.")],
    since: Annotated[
        str | None, typer.Option(help="Only what was stored after this time; otherwise it goes on where it stopped.")
    ] = None,
) -> None:
    """Send xAPI statements to another learning-record store, each once by its id; run it again to send what came since.

    Statements are sent as they came, with the people in them. `xueqing serve` may run meanwhile.
    """
    from pipelines.collect import migration

    workspace = Workspace(Settings.from_environment())
    done = migration.forward(workspace, to, migration.parse_key(key), programme, _time(since))
    output.print(f"{done.sent:,} statements sent")
    for status, count in sorted(done.refused.items()):
        errors.print(f"[yellow]Warning:[/yellow] {count:,} refused there with {status}")


def _time(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return format_time(instant(text))
    except ValueError:
        raise BadConfiguration("--since is a time such as 2017-10-12T08:30:00Z") from None


def print_report(report: ImportReport) -> None:
    """Print what an import did.

    Raises:
        BadSource: its counts do not add up.
    """
    for table, rows in report.rows.items():
        aside = {why: n for (t, why), n in report.set_aside.items() if t == table}
        rest = "".join(f", {n:,} set aside: {why}" for why, n in aside.items())
        again = f", {report.repeated[table]:,} repeated" if report.repeated[table] else ""
        output.print(f"{table}: {rows:,} rows read, {report.used[table]:,} used{again}{rest}", soft_wrap=True)
    for name, n in sorted(report.events.items()):
        output.print(f"  {name}: {n:,}", soft_wrap=True)
    for claim in report.claims:
        output.print(claim, soft_wrap=True, markup=False)
    for warning in report.warnings:
        errors.print(f"[yellow]Warning:[/yellow] {warning}")
    if not report.adds_up:
        raise BadSource("the rows read are not those used and set aside; please report this")
