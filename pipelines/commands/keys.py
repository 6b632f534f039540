"""Commands of the keys that clients of the server have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Annotated

import typer
from rich.table import Table

from ingest.lrs.access.keys import SCOPES, Keys
from pipelines.console import errors, output
from pipelines.settings import Settings
from pipelines.workspace import Workspace

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Keys of those who send to or read from `xueqing serve`: each is of one programme, and may do what its scopes say.",
)


@contextmanager
def _keys() -> Iterator[Keys]:
    with closing(Keys(Workspace(Settings.from_environment()).settings.keys)) as keys:
        yield keys


@app.command("create")
def create(
    programme: Annotated[str, typer.Option("--programme", "-p", help="Programme id: nothing of another is seen.")],
    scope: Annotated[
        list[str],
        typer.Option(help="What it may do; may be given several times. " + "; ".join(f"{k}: {v}" for k, v in SCOPES.items()) + "."),
    ],
    label: Annotated[str, typer.Option(help="What it is for, as the list shows it.")] = "",
) -> None:  # fmt: skip
    """Make a key and print its id and secret. The secret is shown this once: nobody can read it again.

    Clients send both by HTTP Basic authentication, as user name and password.
    """
    with _keys() as keys:
        key, secret = keys.create(programme, scope, label)
    output.print(f"id      {key.key_id}\nsecret  {secret}", soft_wrap=True, highlight=False)
    errors.print("Keep the secret now; it is not shown again.")


@app.command("list")
def list_() -> None:
    """List the keys, revoked ones too."""
    table = Table(header_style="bold", box=None, pad_edge=False)
    for name in ("Id", "Programme", "Scopes", "Label", "Made at", "Revoked at"):
        table.add_column(name)
    with _keys() as keys:
        for key in keys.list():
            table.add_row(
                key.key_id,
                key.programme_id,
                " ".join(sorted(key.scopes)),
                key.label,
                key.created_at,
                key.revoked_at or "",
            )
    output.print(table)


@app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="The key's id.")]) -> None:
    """Take a key no longer; running servers follow within seconds."""
    with _keys() as keys:
        keys.revoke(key_id)
    output.print(f"{key_id} is revoked")
