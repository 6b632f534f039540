"""Commands that keep and move what cannot be made again: backup, restore, copy-log."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import TaskID

from pipelines.console import errors, output, progress
from pipelines.keeping import moving
from pipelines.keeping.backup import Report, back_up
from pipelines.keeping.restore import check_backup
from pipelines.keeping.restore import restore as bring_back
from pipelines.settings import Settings
from pipelines.workspace import Workspace, log_file
from warehouse.errors import BadConfiguration

__all__ = ["register"]

_MB = 1_000_000


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(backup)
    app.command()(restore)
    app.command("copy-log")(copy_log)


def backup(
    folder: Annotated[Path, typer.Argument(help="A folder that is not there yet.")],
    key_to: Annotated[
        Path | None,
        typer.Option("--key-to", help="Write the vault's key to this file, which is not there yet; keep it apart."),
    ] = None,
) -> None:
    """Copy all that cannot be made again into a new folder, while everything runs.

    Log (of Kafka: which one, and up to where), vault, keys of clients, attachments, issued bulletins and briefings, refused lines, extra packs
    and settings without secrets, with the digest of each file. The vault's key is never in it.
    """
    settings = Settings.from_environment()
    started = time.perf_counter()
    with _bars() as report:
        done = back_up(Workspace(settings), folder, key_to=key_to, report=report)
    if key_to is not None:
        errors.print(f"The vault's key is in {key_to}: keep it apart from the backup.", soft_wrap=True, markup=False)
    elif settings.vault.exists():
        where = "in XUEQING_VAULT_KEY" if settings.vault_key is not None else f"in {settings.vault_key_file}"
        errors.print(
            f"The vault's key is not in the backup but {where}: without a copy of it elsewhere (--key-to FILE) the backup's names are lost.",
            soft_wrap=True,
            markup=False,
        )
    if settings.vault_database:
        errors.print(
            "The vault is not in the backup but in PostgreSQL: copy it after this with pg_dump --schema=xueqing_vault",
            soft_wrap=True,
        )
    if done.manifest.log.url:
        errors.print(
            "The log's records are not in the backup: the brokers keep them (docs/for-operators.md).", soft_wrap=True
        )
    records = sum(done.manifest.log.end_offsets.values())
    output.print(
        f"{done.folder}: {len(done.manifest.files):,} files, {done.size / _MB:,.1f} MB, log up to {records:,} records, in"
        f" {time.perf_counter() - started:.1f} s; to restore: XUEQING_HOME=EMPTY-FOLDER xueqing restore {done.folder} --key KEY-FILE",
        soft_wrap=True,
        markup=False,
    )


def restore(
    folder: Annotated[Path, typer.Argument(help="What `xueqing backup` has written.")],
    key: Annotated[
        Path | None, typer.Option("--key", help="A file with the vault's key; by default the usual settings.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare every file with its digest; restore nothing.")
    ] = False,
) -> None:
    """Bring a backup into an empty or absent home (XUEQING_HOME), whole or not at all.

    Digests are compared first. Whoever the log says was forgotten is forgotten again.
    """
    settings = Settings.from_environment()
    folder = folder.expanduser().absolute()
    started = time.perf_counter()
    if check:
        if key is not None:
            raise BadConfiguration("--check looks at digests only; leave out --key")
        with _bars() as report:
            manifest = check_backup(folder, report)
        size = sum(piece.size for piece in manifest.files.values()) / _MB
        output.print(
            f"{folder} is whole: of {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC, {len(manifest.files):,} files, {size:,.1f} MB",
            soft_wrap=True,
            markup=False,
        )
        return
    with _bars() as report:
        done = bring_back(settings, folder, key_file=key, report=report)
    if done.forgotten_again:
        errors.print(f"{done.forgotten_again:,} people were forgotten again, as the log says.")
    if done.unset:
        errors.print(f"Set then and not now: {', '.join(done.unset)}", soft_wrap=True, markup=False)
    if done.has_programmes:
        errors.print(
            f"Extra packs: set XUEQING_PROGRAMMES={settings.home / 'programmes'}", soft_wrap=True, markup=False
        )
    if "://" in settings.lake or not Path(settings.lake).absolute().is_relative_to(settings.home):
        errors.print("The lake is outside of the home: if it has records already, run: xueqing rebuild", soft_wrap=True)
    index = log_file(settings.statement_index)
    if index is None or not index.absolute().is_relative_to(settings.home):
        errors.print(
            "The index of statements is outside of the home: make it again with xueqing serve --rebuild", soft_wrap=True
        )
    output.print(
        f"{settings.home}: restored as of {done.manifest.made_at:%Y-%m-%d %H:%M:%S} UTC in {time.perf_counter() - started:.1f} s; now:"
        " xueqing sink, xueqing build (lake, warehouse and the index of statements are made again)",
        soft_wrap=True,
        markup=False,
    )


def copy_log(
    to: Annotated[
        str, typer.Argument(help="The new log: sqlite:PATH or kafka://HOST:PORT/TOPIC; it is made if it is absent.")
    ],
) -> None:
    """Copy every record of the log into another, each in its partition and with the time at which it was recorded.

    End what writes first. Run again after it was interrupted, it goes on where it was.
    """
    settings = Settings.from_environment()
    count = moving.copy_records(Workspace(settings).existing_log, to)
    output.print(f"{count:,} records copied; both logs hold the same now")
    output.print(
        f"next: set XUEQING_LOG={to} and run xueqing rebuild --accept-loss; nothing is lost, the log is another",
        soft_wrap=True,
        markup=False,
    )


@contextmanager
def _bars() -> Iterator[Report]:
    """A bar for each part, in megabytes; people who were forgotten are looked for in thousands of records."""
    with progress() as shown:
        tasks: dict[str, TaskID] = {}
        done: dict[str, int] = {}

        def report(part: str, amount: int, total: int) -> None:
            unit, name = (1_000, "thousand records") if part == "Who was forgotten" else (_MB, "MB")
            if part not in tasks:
                tasks[part] = shown.add_task(f"{part} ({name})", total=math.ceil(total / unit) if total else None)
                done[part] = 0
            done[part] += amount
            shown.update(tasks[part], completed=math.ceil(done[part] / unit))

        yield report
