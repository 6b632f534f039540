"""Commands for the vault of names."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated

import typer

from ingest.events import encode
from ingest.events.correction import LearnerErased
from ingest.identity import KeyFile
from ingest.log.port import NewRecord
from pipelines.console import output
from pipelines.settings import Settings
from pipelines.workspace import Workspace

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Names, phones and accounts: kept apart, encrypted, one key a person.")
_Key = Annotated[str, typer.Argument(help="A learner_key or staff_key.")]


@app.command()
def show(key: _Key) -> None:
    """Read one person's details back."""
    vault = Workspace(Settings.from_environment()).vault()
    for name, value in vault.show(key).items():
        output.print(f"{name}: {value}", markup=False)


@app.command()
def forget(
    key: _Key,
    programme: Annotated[str, typer.Option("--programme", "-p", help="Programme in whose name it is recorded.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Destroy a person's key and record that it was done. It cannot be undone.

    Their events stay, tied to a key that leads nowhere.
    """
    workspace = Workspace(Settings.from_environment())
    vault = workspace.vault()
    if not yes:
        typer.confirm("Destroy this person's key for good?", abort=True)
    vault.forget(key)
    event = encode(
        LearnerErased(),
        event_type="learner.erased",
        event_id=str(uuid.uuid4()),
        occurred_at=datetime.now(UTC),
        programme_id=programme,
        source="xueqing-identity",
        learner_key=key,
    )
    workspace.log.append([NewRecord(key.encode(), event)])
    output.print("forgotten; the events stay, tied to nobody")


@app.command("new-key")
def new_key() -> None:
    """Make a fresh vault key where XUEQING_VAULT_KEY_FILE says; never over an old one."""
    settings = Settings.from_environment()
    KeyFile.create(settings.vault_key_file)
    output.print(
        f"written to {settings.vault_key_file}; keep a copy elsewhere: without it no name can be read", soft_wrap=True
    )
