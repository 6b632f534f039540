"""Commands of reminders: whom to remind, and what was sent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import AsOf, Language, parse_date
from pipelines.console import errors, output
from pipelines.settings import Settings, default_language
from pipelines.steps.reminders import record_reminders, write_reminders
from pipelines.workspace import Workspace

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Reminders by the pack's rules (reminders.csv): a file for a gateway, then events of what it sent.",
)
Programme = Annotated[str, typer.Option("--programme", "-p", help="Programme id.")]
_USUAL = "tianshui-2017"


@app.command("due")
def due(
    file: Annotated[Path, typer.Argument(help="The CSV file to write, such as reminders.csv; its owner's only.")],
    programme: Programme = _USUAL,
    as_of: AsOf = None,
    rule: Annotated[str | None, typer.Option(help="Only this rule of the pack.")] = None,
    phones: Annotated[
        bool,
        typer.Option("--phones/--no-phones", help="With phone numbers from the vault; who has none is left out."),
    ] = True,
    language: Language = None,
) -> None:
    """Write whom to remind of what, quotas and quiet days respected, as CSV for an SMS gateway.

    Take out the lines that were not sent, then record the others: `xueqing reminders sent FILE`.
    """
    workspace = Workspace(Settings.from_environment())
    written, without = write_reminders(
        workspace, programme, parse_date(as_of), file, language or default_language(), rule=rule, phones=phones
    )
    output.print(f"{written:,} reminders in {file}; once they are sent: xueqing reminders sent {file}", soft_wrap=True)
    if without:
        errors.print(f"[yellow]{without:,} have no phone in the vault and are left out[/yellow]")


@app.command("sent")
def sent(file: Annotated[Path, typer.Argument(help="The file that `due` wrote, without what was not sent.")]) -> None:
    """Record that the file's reminders were sent, as events; recording a file again changes nothing.

    What they came to (who came back within three days) is in `xueqing report staff` and in the mart rpt_reminders.
    """
    workspace = Workspace(Settings.from_environment())
    written = record_reminders(workspace, file)
    output.print(f"{written:,} reminders recorded; next: xueqing sink, xueqing build")
