"""dbt over this home's warehouse, for whoever reads, tries or changes the models."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.settings import Settings
from pipelines.workspace import Workspace
from warehouse import develop

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    # What follows is dbt's, its own --help and options included.
    passed_on = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": ["--help"]}
    app.command(context_settings=passed_on)(dbt)


def dbt(
    context: typer.Context,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin from the last build again.")] = False,
) -> None:
    """Run dbt on the models: xueqing dbt -- build --select rpt_counties+

    build, run, test, show, compile, ls and docs work as dbt's documentation says; what comes after -- is dbt's own. They
    work on a file beside the warehouse, which has the tables of the last build (xueqing build) and the packs of today. It
    is kept from one command to the next until there is a newer build, and never published: that is for xueqing build.
    """
    arguments = context.args or ["--help"]
    workspace = Workspace(Settings.from_environment())
    file = None
    if not {"--help", "-h", "--version", "-v"} & {*arguments}:
        reference = workspace.definitions.reference_tables()
        file = develop.prepare(workspace.warehouse, workspace.lake, reference, fresh=fresh)
    raise typer.Exit(develop.run(arguments, file))
