"""Commands that move data: demo, sink, maintain, build, rebuild."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from ingest.sink import SinkOptions
from pipelines.collect import imports
from pipelines.collect.simulation import is_simulation_unfinished, run_simulation
from pipelines.collect.sink import run_sink
from pipelines.commands.options import Language, Memory
from pipelines.console import errors, output
from pipelines.reports.terminal import print_status
from pipelines.settings import Settings, default_language
from pipelines.steps.build import build as build_warehouse
from pipelines.steps.build import follow_builds
from pipelines.steps.bulletins import issue_bulletins, unsealed
from pipelines.steps.reports import status_report, write_briefings, write_evaluation, write_pages_of_site
from pipelines.workspace import Workspace
from warehouse.build import BuildOptions, BuildReport, SparkOptions
from warehouse.errors import BadConfiguration

__all__ = ["register"]

_DEMO = "tianshui-2017"
_OPEN_UNIVERSITY = "open-university"


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(demo)
    app.command()(sink)
    app.command()(maintain)
    app.command()(build)
    app.command()(rebuild)
    app.command()(docs)


def demo(
    oulad: Annotated[
        Path | None,
        typer.Option(help="The folder of the Open University's dataset (CSV, plain or .gz), to be taken along."),
    ] = None,
    language: Language = None,
) -> None:
    """Simulate the 2017 programme and take it from events to rates, bulletins, briefings, the evaluation report and a site.

    Everything goes into the home folder (./xueqing-data, or XUEQING_HOME). A second run
    reuses what is there. The site's start page is the last line printed.
    """
    workspace = Workspace(Settings.from_environment())
    lang = language or default_language()
    errors.print(f"Everything goes into {workspace.settings.home}", soft_wrap=True)
    started = time.perf_counter()
    unfinished = is_simulation_unfinished(workspace)
    if unfinished:
        errors.print("A simulation was interrupted; it goes on where it was.")
    if unfinished or not any(workspace.log.end_offsets().values()):
        run_simulation(workspace, _DEMO, seed=1, scale=1, faults=False)
    else:
        errors.print("The log has events already; they are reused.")
    imported = workspace.settings.home / "oulad-imported"
    if oulad is not None and not imported.exists():
        imports.import_oulad(workspace, oulad)
        imported.touch()
    run_sink(workspace)
    build_id = build_warehouse(workspace, BuildOptions()).info.build_id
    report = status_report(workspace, _DEMO, None, lang)
    print_status(output, report, lang)
    # Of the programme's weeks all bulletins, of the Open University's years the last.
    issue_bulletins(workspace, _DEMO, unsealed(workspace, _DEMO))
    if oulad is not None:
        issue_bulletins(workspace, _OPEN_UNIVERSITY, unsealed(workspace, _OPEN_UNIVERSITY, last=1))
    once_for(build_id, workspace.settings.home / "demo-reports", lambda: _write_reports(workspace))
    page = write_pages_of_site(workspace, lang)
    errors.print(
        f"Done in {time.perf_counter() - started:.0f} s. Ask it anything: xueqing sql. The site (xueqing site --open):"
    )
    output.print(str(page), soft_wrap=True)


def once_for(build_id: str, done: Path, write: Callable[[], None]) -> None:
    """Write what follows from a build, unless the file ``done`` says that all of it was written; an interrupted run begins it anew."""
    if done.exists() and done.read_text(encoding="utf-8") == build_id:
        return
    write()
    done.write_text(build_id, encoding="utf-8")


def _write_reports(workspace: Workspace) -> None:
    formats = ["html", "pdf", "xlsx"]
    write_briefings(workspace, _DEMO, None, audiences=["public"], formats=formats)
    write_evaluation(workspace, _DEMO, None)
    from pipelines.steps import surveys  # its statistics take a second to import

    surveys.write_survey(workspace, _DEMO, None, audiences=["public"], formats=formats)


def sink(
    follow: Annotated[bool, typer.Option("--follow", help="Go on for new records until interrupted.")] = False,
    batch_records: Annotated[int, typer.Option(min=1, help="Commit after this many records …")] = 100_000,
    batch_mb: Annotated[int, typer.Option(min=1, help="… or this many megabytes …")] = 64,
    batch_age: Annotated[float, typer.Option(min=0.05, help="… or this many seconds.")] = 5.0,
    group: Annotated[
        str, typer.Option(help="Kafka consumer group; sinks of one group share the partitions.")
    ] = "xueqing-sink",
) -> None:
    """Move records from the log to the lake, exactly once."""
    workspace = Workspace(Settings.from_environment())
    options = SinkOptions(batch_records, batch_mb * 1024 * 1024, batch_age, group)
    accepted, quarantined = run_sink(workspace, options, follow=follow)
    output.print(f"{accepted:,} accepted, {quarantined:,} quarantined")


def maintain(
    retain_hours: Annotated[
        int, typer.Option(min=1, help="Keep replaced files this long; must exceed the longest query or build.")
    ] = 168,
) -> None:
    """Join the lake's small files and delete the ones that no recent reader needs."""
    workspace = Workspace(Settings.from_environment())
    done = workspace.lake.maintain(retain_hours=retain_hours)
    output.print(f"{done.files_before} files became {done.files_after}; {done.files_deleted} old ones deleted")


def build(
    full: Annotated[bool, typer.Option("--full", help="Read the whole lake again.")] = False,
    memory: Memory = "2500MB",
    engine: Annotated[str, typer.Option(help="duckdb, or spark (extra `spark`, Java 17).")] = "duckdb",
    spark_master: Annotated[
        str, typer.Option(help="local[*], or a standalone cluster's address such as spark://host:7077.")
    ] = "local[*]",
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on: build whenever the lake has more, until told to stop.")
    ] = False,
) -> None:
    """Build the warehouse privately, test it, and publish it.

    Only what the lake has gained since the last build is read. A test that fails publishes nothing.
    With --follow one process goes on building: it has imported its libraries and read the project once, so that a
    small update takes less than half the time of a command.
    On Spark the same models give the same marts; a cluster's workers must see the home folder's files.
    """
    settings = Settings.from_environment()
    if engine not in ("duckdb", "spark"):
        raise BadConfiguration(f"--engine {engine}: expected duckdb or spark")
    spark = SparkOptions(spark_master, settings.spark_jars) if engine == "spark" else None
    options = BuildOptions(full=full, memory=memory, spark=spark)
    if follow:
        if spark:
            raise BadConfiguration("--follow keeps a process that builds with DuckDB: leave out --engine spark")
        follow_builds(Workspace(settings), options, _tell_of)
    else:
        _tell_of(build_warehouse(Workspace(settings), options))


def _tell_of(done: BuildReport) -> None:
    what = ("full build" if done.is_full else "update") + (" on Spark" if done.is_on_spark else "")
    if done.is_new:
        output.print(f"{what} {done.info.build_id} published in {done.seconds:.1f} s")
    else:
        output.print(f"nothing new in the lake; {done.info.build_id} stands")


def rebuild(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    with_recovery: Annotated[
        bool, typer.Option("--recover", help="Bring back into the log what only the lake has: the log was restored from an older copy.")
    ] = False,
    accept_loss: Annotated[
        bool,
        typer.Option("--accept-loss", help="Go on though the log lacks what the lake has, or is another; the old lake is kept beside."),
    ] = False,
    memory: Memory = "2500MB",
) -> None:  # fmt: skip
    """Make the lake and the warehouse again from the log.

    The log is looked at first, and read to its end into a new lake beside the old one; readers keep the published file until
    the new one takes its place. Where it fails, or is killed, what was there stands.
    """
    from pipelines.steps import rebuilding

    settings = Settings.from_environment()
    if with_recovery and accept_loss:
        raise BadConfiguration("give --recover or --accept-loss, not both")
    if not yes:
        typer.confirm(f"Make {settings.lake} and the warehouse again from the log {settings.log}?", abort=True)
    done, kept = rebuilding.rebuild(settings, memory, with_recovery=with_recovery, accept_loss=accept_loss)
    output.print(f"rebuilt: {done.info.build_id}")
    if kept is not None:
        output.print(f"the old lake is kept in {kept}; delete it when you need it no more", soft_wrap=True)
        output.print("next, if statements are served: xueqing serve --rebuild")


def docs() -> None:
    """Write the models' documentation (every table, column, test and the lineage; one HTML file) and print its path."""
    workspace = Workspace(Settings.from_environment())
    target = workspace.settings.home / "reports" / "models.html"
    workspace.warehouse.write_docs(target)
    output.print(str(target), soft_wrap=True)
