"""The command line: the composition root."""

from __future__ import annotations

import os
import sys

import typer

from pipelines.commands import (
    audit,
    bulletin,
    data,
    figures,
    identity,
    keys,
    programme,
    quarantine,
    reminders,
    report,
    run,
    serve,
    site,
    sources,
    status,
    survey,
)
from pipelines.console import errors
from warehouse.errors import Transient, XueqingError

__all__ = ["app", "main"]

app = typer.Typer(
    name="xueqing",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="""Xueqing (学情): learner events → log → lake → warehouse → rates that can be traced.

Start with `xueqing demo`. On your own events: `xueqing import ndjson FILE`, `xueqing sink`,
`xueqing build`, `xueqing status`. `xueqing settings` lists what can be set.""",
)
run.register(app)
sources.register(app)
status.register(app)
figures.register(app)
data.register(app)
site.register(app)
audit.register(app)
serve.register(app)
app.add_typer(bulletin.app, name="bulletin")
app.add_typer(report.app, name="report")
app.add_typer(survey.app, name="survey")
app.add_typer(reminders.app, name="reminders")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(identity.app, name="identity")
app.add_typer(keys.app, name="keys")
app.add_typer(programme.app, name="programme")


def main() -> None:
    """Run a command; an error that we know is one line and an exit status, not a traceback."""
    try:
        app()
    except XueqingError as error:
        hint = " (worth trying again)" if isinstance(error, Transient) else ""
        errors.print(f"[red]Error{hint}:[/red] ", end="")
        errors.print(str(error), markup=False)
        sys.exit(75 if isinstance(error, Transient) else 1)
    except KeyboardInterrupt:
        errors.print("Interrupted; nothing is left half done.")
        sys.exit(130)
    except BrokenPipeError:
        # The reader (a pager, head) has had enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()
