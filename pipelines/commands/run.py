"""Commands that move data: demo, sink, maintain, build, rebuild."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Annotated

import typer

from ingest.sink import SinkOptions
from pipelines import imports, steps
from pipelines.commands.options import Language, Memory
from pipelines.console import default_language, errors, output
from pipelines.reports.terminal import print_status
from pipelines.settings import Settings
from pipelines.workspace import Workspace
from warehouse.build import BuildOptions, SparkOptions
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
    unfinished = steps.is_simulation_unfinished(workspace)
    if unfinished:
        errors.print("A simulation was interrupted; it goes on where it was.")
    if unfinished or not any(workspace.log.end_offsets().values()):
        steps.run_simulation(workspace, _DEMO, seed=1, scale=1, faults=False)
    else:
        errors.print("The log has events already; they are reused.")
    imported = workspace.settings.home / "oulad-imported"
    if oulad is not None and not imported.exists():
        imports.import_oulad(workspace, oulad)
        imported.touch()
    steps.run_sink(workspace)
    is_new = steps.build(workspace, BuildOptions()).is_new
    report = steps.status_report(workspace, _DEMO, None, lang)
    print_status(output, report, lang)
    # Of the programme's weeks all bulletins, of the Open University's years the last.
    steps.issue_bulletins(workspace, _DEMO, steps.unsealed(workspace, _DEMO))
    if oulad is not None:
        steps.issue_bulletins(workspace, _OPEN_UNIVERSITY, steps.unsealed(workspace, _OPEN_UNIVERSITY, last=1))
    if is_new or not workspace.settings.briefings.exists():
        steps.write_briefings(workspace, _DEMO, None, audiences=["public"], formats=["html", "pdf", "xlsx"])
        steps.write_evaluation(workspace, _DEMO, None)
        from pipelines import surveys  # its statistics take a second to import

        surveys.write_survey(workspace, _DEMO, None, audiences=["public"], formats=["html", "pdf", "xlsx"])
    page = steps.write_pages_of_site(workspace, lang)
    errors.print(
        f"Done in {time.perf_counter() - started:.0f} s. Ask it anything: xueqing sql. The site (xueqing site --open):"
    )
    output.print(str(page), soft_wrap=True)


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
    accepted, quarantined = steps.run_sink(workspace, options, follow=follow)
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
    engine: Annotated[str, typer.Option(help="duckdb, or spark (extra `spark`, Java 17): always in full.")] = "duckdb",
    spark_master: Annotated[
        str, typer.Option(help="local[*], or a standalone cluster's address such as spark://host:7077.")
    ] = "local[*]",
) -> None:
    """Build the warehouse privately, test it, and publish it.

    Only what the lake has gained since the last build is read. A test that fails publishes nothing.
    On Spark the same models give the same marts; a cluster's workers must see the home folder's files.
    """
    settings = Settings.from_environment()
    if engine not in ("duckdb", "spark"):
        raise BadConfiguration(f"--engine {engine}: expected duckdb or spark")
    spark = SparkOptions(spark_master, settings.spark_jars) if engine == "spark" else None
    done = steps.build(Workspace(settings), BuildOptions(full=full, memory=memory, spark=spark))
    what = "full build on Spark" if spark else "full build" if done.is_full else "update"
    if done.is_new:
        output.print(f"{what} {done.info.build_id} published in {done.seconds:.1f} s")
    else:
        output.print(f"nothing new in the lake; {done.info.build_id} stands")


def rebuild(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    memory: Memory = "2500MB",
) -> None:
    """Delete lake and warehouse and make both again from the log."""
    settings = Settings.from_environment()
    workspace = Workspace(settings)
    if "://" in settings.lake:
        raise BadConfiguration(
            "rebuild deletes a lake on a disk only; delete the one in object storage yourself, then run: xueqing sink"
        )
    if not yes:
        typer.confirm(f"Delete {settings.lake} and the warehouse, and make them again from the log?", abort=True)
    workspace.warehouse.delete()
    records = Path(settings.lake) / "records"
    if records.exists():
        shutil.rmtree(records)
    fresh = Workspace(settings)
    steps.run_sink(fresh)
    done = steps.build(fresh, BuildOptions(full=True, memory=memory))
    output.print(f"rebuilt: {done.info.build_id}")


def docs() -> None:
    """Write the models' documentation (every table, column, test and the lineage; one HTML file) and print its path."""
    workspace = Workspace(Settings.from_environment())
    target = workspace.settings.home / "reports" / "models.html"
    workspace.warehouse.write_docs(target)
    output.print(str(target), soft_wrap=True)
