"""Commands that bring events in: simulate, import."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines import steps
from pipelines.console import output
from pipelines.settings import Settings
from pipelines.workspace import Workspace

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(simulate)


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
