"""The command line: the composition root."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import duckdb
import typer

from pipelines.commands import (
    audit,
    backup,
    bulletin,
    data,
    figures,
    forgetting,
    identity,
    keys,
    models,
    people,
    platforms,
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
    together,
)
from pipelines.console import errors
from pipelines.private import keep_private
from warehouse.damage import damage_of
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
platforms.register()
status.register(app)
backup.register(app)
figures.register(app)
data.register(app)
forgetting.register(app)
models.register(app)
site.register(app)
audit.register(app)
serve.register(app)
together.register(app)
app.add_typer(bulletin.app, name="bulletin")
app.add_typer(report.app, name="report")
app.add_typer(survey.app, name="survey")
app.add_typer(reminders.app, name="reminders")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(people.app, name="people")
app.add_typer(identity.app, name="identity")
app.add_typer(keys.app, name="keys")
app.add_typer(programme.app, name="programme")


def main() -> None:
    """Run a command; an error that we know is one line and an exit status, not a traceback."""
    keep_private()
    try:
        app()
    except XueqingError as error:
        _tell(error)
    except BrokenPipeError:
        # The reader (a pager, head) has had enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except (OSError, duckdb.Error) as error:
        # A full disk or a damaged file, wherever it was met. What else these are is a defect of ours, and shown whole.
        known = damage_of(error)
        if known is None:
            raise
        _tell(known)
    except KeyboardInterrupt:
        errors.print("Interrupted; nothing is left half done.")
        sys.exit(130)


def _tell(error: XueqingError) -> NoReturn:
    is_transient = isinstance(error, Transient)
    errors.print(f"[red]Error{' (worth trying again)' if is_transient else ''}:[/red] ", end="")
    errors.print(str(error), markup=False)
    sys.exit(75 if is_transient else 1)


if __name__ == "__main__":
    main()
