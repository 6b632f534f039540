"""Dagster's definitions, thin: each step is one that a command takes, too."""

from __future__ import annotations

import dagster as dg

from pipelines.defs import bulletins, lake, upkeep, warehouse
from pipelines.defs.running import Open
from warehouse.dbt import read_manifest

__all__ = ["assemble"]


def assemble(open_workspace: Open) -> dg.Definitions:
    """Assets from the log to the site, with their checks, jobs, schedules and sensors.

    Args:
        open_workspace: opens what the settings name anew for each step, as a command does.
    """
    workspace = open_workspace()
    manifest = read_manifest(workspace.settings.warehouse / "manifest")
    return dg.Definitions.merge(
        lake.definitions(open_workspace),
        warehouse.definitions(open_workspace, manifest),
        bulletins.definitions(open_workspace, list(workspace.packs.values())),
        upkeep.definitions(open_workspace),
        # A run is one process: its steps follow one another anyway.
        dg.Definitions(executor=dg.in_process_executor),
    )
