"""What Dagster runs: ``dagster dev -m pipelines.definitions``, or ``make dagster``."""

from __future__ import annotations

import dagster as dg

from pipelines.defs import assemble
from pipelines.private import keep_private
from pipelines.settings import Settings
from pipelines.workspace import Workspace


@dg.definitions
def defs() -> dg.Definitions:
    """Everything, over the workspace that the environment names."""

    def opened() -> Workspace:
        keep_private()
        return Workspace(Settings.from_environment())

    return assemble(opened)
