"""The commands for the vault's key."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from ingest.identity import KeyFile
from pipelines.console import errors, output
from pipelines.keeping import durable
from pipelines.settings import Settings
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration, XueqingError

__all__ = ["app", "warn_of_key"]

app = typer.Typer(no_args_is_help=True, help="The key of the vault of names (xueqing people).")


@app.command("new-key")
def new_key() -> None:
    """Make a fresh vault key where XUEQING_VAULT_KEY_FILE says; never over an old one."""
    settings = Settings.from_environment()
    KeyFile.create(settings.vault_key_file)
    output.print(
        f"written to {settings.vault_key_file}; keep a copy elsewhere: without it no name can be read", soft_wrap=True
    )


@app.command("rotate-key")
def rotate_key(
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", help="Write the new key to this file, not there yet; the old one opens the vault until --finish."
        ),
    ] = None,
    finish: Annotated[
        bool, typer.Option("--finish", help="The new key is in place: no other opens the vault from now on.")
    ] = False,
) -> None:
    """Put another key in the place of the vault's key. Servers go on meanwhile: they need it again only when they start.

    Of a key in a file the new one takes the place; where the settings say a key otherwise (XUEQING_VAULT_KEY, several machines), write it
    with --to, put it in place everywhere, then run this with --finish. Keep the old key as long as backups that were made with it: they open
    with no other; destroy both to end what they hold.
    """
    workspace = Workspace(Settings.from_environment())
    settings = workspace.settings
    if to is not None and (finish or to.exists()):
        raise BadConfiguration(
            f"{to} is there already; name another file" if to.exists() else "give --to or --finish, not both"
        )
    key = settings.read_vault_key(create=False)
    with closing(workspace.vault()) as vault:
        if finish:
            output.print(f"{vault.dismiss_others(key):,} other keys open the vault no more")
            return
        if to is not None:
            vault.admit(key, KeyFile.create(to))
            output.print(
                f"written to {to}; both keys open the vault. Put it in place, then: xueqing identity rotate-key --finish",
                soft_wrap=True,
            )
            return
        if settings.vault_key is not None:
            raise BadConfiguration("the key is in XUEQING_VAULT_KEY: write the new one to a file with --to FILE")
        # Killed anywhere, the key that is in place opens the vault: both do until the last step.
        file = settings.vault_key_file
        fresh = file.with_name(f"{file.name}.new")
        fresh.unlink(missing_ok=True)
        new_key = KeyFile.create(fresh)
        durable.sync_one(fresh)
        vault.admit(key, new_key)
        os.replace(fresh, file)
        durable.sync_one(file.parent)
        vault.dismiss_others(new_key)
    output.print(
        f"{file} has a new key; keep a copy elsewhere, and the old one as long as backups that were made with it",
        soft_wrap=True,
    )


def warn_of_key(workspace: Workspace) -> None:
    """Say so where the key lies beside the vault and somebody is in it who was not invented."""
    if not workspace.settings.has_key_beside_vault or not workspace.settings.vault.exists():
        return
    try:
        with closing(workspace.vault()) as vault:
            is_demo = not vault.has_real_people()
    except XueqingError:  # whoever opens the vault next says what is wrong with it
        return
    if not is_demo:
        errors.print(
            "[yellow]Warning:[/yellow] the vault's key lies beside the vault: whoever copies the folder can read everybody's names."
            " Move it, and name it with XUEQING_VAULT_KEY_FILE.",
            soft_wrap=True,
        )
