"""Dagster's definitions, thin: each step is one that a command takes, too."""

from __future__ import annotations

import dagster as dg

from ingest.programmes.pack import Pack
from pipelines.defs import bulletins, lake, upkeep, warehouse
from pipelines.defs.running import Open
from pipelines.workspace import Workspace
from warehouse.dbt import read_manifest
from warehouse.errors import LakeDamaged, StorageUnavailable

__all__ = ["assemble"]


def _packs(workspace: Workspace) -> list[Pack]:
    try:
        definitions = workspace.definitions
    except (LakeDamaged, StorageUnavailable):
        # The sink, and whoever tells of failed runs, must not be missing for it.
        return list(workspace.packs_on_disk().values())
    return [definitions.in_force(name) for name in definitions.programmes]


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
        bulletins.definitions(open_workspace, _packs(workspace)),
        upkeep.definitions(open_workspace),
        # A run is one process: its steps follow one another anyway.
        dg.Definitions(executor=dg.in_process_executor),
    )
