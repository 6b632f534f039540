"""Builds and publishes the warehouse, now or as it would have been known earlier."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
from rich.markup import escape

from ingest.programmes.definitions import Definitions
from pipelines.console import errors, progress, until_interrupted
from pipelines.continuity import check_lake
from pipelines.private import open_to_group
from pipelines.quality import QualityGate
from pipelines.reading.marts import open_marts
from pipelines.reading.survey import has_answers
from pipelines.workspace import Workspace
from warehouse.build import BuildOptions, BuildReport
from warehouse.dbt import Node
from warehouse.errors import BuildFailed, LogUnavailable, Transient
from warehouse.publish import SURVEY_ESTIMATES

__all__ = ["build", "data_docs", "follow_builds", "published", "warn_of_definitions"]


def build(workspace: Workspace, options: BuildOptions, gate: QualityGate | None = None) -> BuildReport:
    """Build and publish; with ``options.recorded_before``, the edition of what was known before that instant.

    Args:
        gate: the quality checks, for a caller who wants their findings.
    """
    gate = gate or QualityGate(data_docs(workspace))
    if workspace.lake.exists:
        _check_log(workspace)
    definitions = workspace.definitions
    if options.recorded_before is not None:
        definitions = definitions.known_before(options.recorded_before)
    warn_of_definitions(definitions)
    reference = definitions.reference_tables()
    warehouse, title = workspace.warehouse, "Build and test the warehouse"
    if options.recorded_before is not None:
        warehouse = warehouse.edition(options.recorded_before)
        title = f"Build as known by {options.recorded_before:%Y-%m-%d %H:%M} UTC"
    with progress() as bar:
        task = bar.add_task(title, total=None)

        def report(node: Node) -> None:
            bar.update(task, total=node.total, completed=node.index)

        result = warehouse.build(
            workspace.lake, reference, options, report, gate, lambda marts: _estimates(marts, definitions)
        )
        done = max((n.total for n in result.nodes), default=1)
        bar.update(task, total=done, completed=done)
    open_to_group(workspace.settings)
    return result


#: Seconds between two looks at the lake, and before a retry where log or lake could not be reached.
_LOOK_S, _AGAIN_S = 0.5, 10.0


def follow_builds(workspace: Workspace, options: BuildOptions, report: Callable[[BuildReport], None]) -> None:
    """Build now and whenever the lake has more than the published file, until interrupted.

    A build that fails is told of and tried again when there is something new, since what made it fail may be mended by an event; a
    log or lake that cannot be reached is tried again after a while.
    """
    failed: dict[int, int] | None = None
    is_stopping = False

    def stop() -> None:
        nonlocal is_stopping
        is_stopping = True

    with until_interrupted(stop):
        errors.print("Building whenever the lake has more; Ctrl-C to stop.")
        while not is_stopping:
            snapshot = workspace.lake.snapshot() if workspace.lake.exists else None
            if (
                snapshot is None
                or snapshot.next_offsets == failed
                or (not options.full and workspace.warehouse.has_read(snapshot))
            ):
                time.sleep(_LOOK_S)
                continue
            try:
                report(build(workspace, options))
                failed, options = None, replace(options, full=False)
            except Transient as error:
                errors.print(f"[yellow]{escape(str(error))}[/yellow]")
                time.sleep(_AGAIN_S)
            except BuildFailed as error:
                errors.print(f"[red]{escape(str(error))}[/red]\nThe next events are waited for.")
                failed = dict(snapshot.next_offsets)


def warn_of_definitions(definitions: Definitions, programme_id: str | None = None) -> None:
    """Say which definitions of the log cannot be read, and which packs were changed on the disk since they were loaded."""
    for one in definitions.left_out:
        if programme_id in (None, one.programme_id):
            errors.print(
                f"[yellow]Definitions of {escape(one.programme_id)} are left out[/yellow] (event {one.event_id}): {escape(one.why)}\n"
                "To mend it, load a good pack (xueqing programme load), or void that event.",
                soft_wrap=True,
            )
    for pack in definitions.changed_on_disk():
        if programme_id in (None, pack.programme_id):
            errors.print(
                f"[yellow]The pack {escape(pack.programme_id)} differs from the one loaded; the loaded one applies.[/yellow] "
                f"To load it: xueqing programme load {escape(str(pack.path))}",
                soft_wrap=True,
            )


def _check_log(workspace: Workspace) -> None:
    try:
        check_lake(workspace.lake, workspace.existing_log)
    except LogUnavailable:
        # The lake alone can be built; whether it still matches the log is checked when the log is back.
        errors.print("[yellow]The log cannot be reached; the build is of what the lake has.[/yellow]")


def _estimates(marts: Path, definitions: Definitions) -> pa.Table:
    with open_marts(marts) as con:
        if not has_answers(con):
            return SURVEY_ESTIMATES.empty_table()
    # Its statistics take longer to import than most commands to run.
    from pipelines.steps.surveys import survey_estimates

    return survey_estimates(marts, {name: definitions.in_force(name) for name in definitions.programmes})


def data_docs(workspace: Workspace) -> Path:
    """The folder of the quality checks' pages (Data Docs), those of the newest build."""
    return workspace.settings.home / "reports" / "quality"


def published(workspace: Workspace, recorded_before: datetime | None) -> Path:
    """The published file; the one of what was known before an instant is built where it is not there yet."""
    if recorded_before is None:
        return workspace.warehouse.published
    build(workspace, BuildOptions(recorded_before=recorded_before))
    return workspace.warehouse.edition(recorded_before).published
