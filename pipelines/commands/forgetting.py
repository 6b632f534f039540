"""Commands that end what people wrote: people forget, people check-forgotten, redact, quarantine redact, retain."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from pipelines.commands.identity import warn_of_key
from pipelines.console import errors, output
from pipelines.reading.retired import read_retired
from pipelines.settings import Settings
from pipelines.steps import forgetting, searching
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration, LogUnavailable

__all__ = ["print_retired", "register", "register_of_people", "register_of_quarantine"]

_Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Add `redact` and `retain` to ``app``."""
    app.command()(redact)
    app.command()(retain)


def register_of_people(app: typer.Typer) -> None:
    """Add the commands about one person to the group `people`."""
    app.command()(forget)
    app.command("check-forgotten")(check_forgotten)


def register_of_quarantine(app: typer.Typer) -> None:
    """Add `redact` to the group `quarantine`."""
    app.command("redact")(redact_quarantined)


def forget(
    key: Annotated[str, typer.Argument(help="A learner_key or staff_key.")],
    programme: Annotated[str, typer.Option("--programme", "-p", help="Programme in whose name it is recorded.")],
    yes: _Yes = False,
    receipt: Annotated[
        Path | None, typer.Option("--receipt", help="Write the receipt to this file, too; it is not there yet.")
    ] = None,
) -> None:
    """Destroy a person's key and record that it was done. It cannot be undone.

    Names, phones, accounts, documents, attachments and all that the person wrote end with it, wherever they lie. Events stay, tied to a key
    that leads nowhere, so counts stay as they were. It is in the log first: whatever happens then, whoever next opens the vault,
    this one or one from a backup, forgets them. Run again, it finishes what was interrupted.
    """
    workspace = Workspace(Settings.from_environment())
    warn_of_key(workspace)
    if receipt is not None and receipt.exists():
        raise BadConfiguration(f"{receipt} is there already; name another file for the receipt")
    try:
        with closing(workspace.vault()) as vault:
            forgetting.check_programme(workspace, programme)
            if not yes and vault.knows(key):
                typer.confirm("Destroy this person's key for good?", abort=True)
            # Whoever has several keys is forgotten by all of them; a key that was forgotten before has no others any more.
            keys = vault.same_person(key) if vault.knows(key) else [key]
            receipts = [_receipt(forgetting.forget(workspace, vault, one, programme)) for one in keys]
    except LogUnavailable as error:
        raise LogUnavailable(f"{error}. Nobody is forgotten yet: run it again when the log can be reached") from error
    text = "\n\n".join(receipts)
    output.print(text, markup=False, soft_wrap=True)
    if receipt is not None:
        receipt.write_text(text + "\n", encoding="utf-8")
    errors.print(
        "To see that nothing is left: xueqing people check-forgotten KEY --canary TEXT …", soft_wrap=True, markup=False
    )


def _receipt(done: forgetting.Receipt) -> str:
    where = f"record {done.record} of the log {done.log_id}" if done.record else f"the log {done.log_id} said so before"
    return "\n".join(
        (
            "forgotten; the events stay, tied to nobody",
            f"person: {done.person_key}",
            f"recorded: {where}, programme {done.programme_id}",
            f"done at: {done.done_at}",
            f"destroyed: the key and with it every text sealed under it, details, {done.accounts:,} accounts,"
            f" {done.forms:,} ways of being written in statements, {done.attachments:,} files of attachments",
            f"deleted: {done.named:,} files with names, which may have named the person; write them again where they are needed",
            f"receipt: {done.digest}",
        )
    )


def check_forgotten(
    key: Annotated[str, typer.Argument(help="A learner_key or staff_key.")],
    canary: Annotated[
        list[str],
        typer.Option("--canary", help="A text of the person's, such as the name or a sentence; may be given again."),
    ],
    folder: Annotated[
        list[Path] | None,
        typer.Option("--also", help="Another folder to search, such as a backup's; may be given again."),
    ] = None,
) -> None:
    """Search every file of the home, and the log, for texts of a person: as they are and decoded. Ends with 3 where one is found.

    Decoded: packed files, Parquet, tables of SQLite and DuckDB, workbooks, PDF; and texts in UTF-8, UTF-16, GB18030, escapes of JSON,
    of URLs and of HTML, base64, hexadecimal. What is sealed is no finding: its key is gone, or it is another's.
    """
    workspace = Workspace(Settings.from_environment())
    short = [n for n, text in enumerate(canary, 1) if len(text.encode()) < searching.SHORTEST]
    if short:
        raise BadConfiguration(
            f"canary {short[0]} is too short to be told from chance: {searching.SHORTEST} bytes or more"
        )
    with closing(workspace.vault()) as vault:
        is_forgotten = vault.is_forgotten(key)
    if not is_forgotten:
        errors.print("[yellow]Warning:[/yellow] nobody of that key was forgotten; what is found is told all the same")
    places = searching.places_of(workspace, folder or ())
    found, searched = [], searching.Searched()
    for finding in searching.search(places, workspace.existing_log, canary, searched):
        found.append(finding)
    if found:
        table = Table(header_style="bold")
        for name in ("Where", "Canary", "As", "Within"):
            table.add_column(name, overflow="fold", no_wrap=name != "Where")
        for one in found:
            table.add_row(one.place, str(one.canary), one.form, one.within)
        output.print(table)
    output.print(
        f"{searched.files:,} files ({searched.size / 1e6:,.1f} MB, {searched.streams:,} streams with what is in them) and"
        f" {searched.records:,} records of the log searched for {len(canary):,} texts: {len(found):,} found",
        soft_wrap=True,
    )
    for place in searched.unread:
        errors.print(f"[yellow]Warning:[/yellow] searched raw only, it cannot be decoded: {place}", soft_wrap=True)
    if found:
        raise typer.Exit(3)


def redact(
    event: Annotated[str, typer.Argument(help="Id of an event or a statement, or PARTITION:OFFSET of a record.")],
    yes: _Yes = False,
) -> None:
    """Destroy the words of one record for good: of an event, a statement with its attachments, a document.

    The record stays, and what rules read of it; figures do not change.
    """
    if not yes:
        typer.confirm("Destroy the words of this record for good?", abort=True)
    count = forgetting.redact_event(Workspace(Settings.from_environment()), event)
    output.print(f"redacted: {count:,} sealed texts can be opened by nobody")


def redact_quarantined(
    record: Annotated[str, typer.Argument(help="PARTITION:OFFSET as `list` prints it.")], yes: _Yes = False
) -> None:
    """Destroy the bytes of one quarantined record for good; that it was there, and why it was set aside, stays."""
    partition, _, offset = record.partition(":")
    if not (partition.isdigit() and offset.isdigit()):
        raise BadConfiguration("RECORD is PARTITION:OFFSET; see: xueqing quarantine list")
    if not yes:
        typer.confirm("Destroy the bytes of this record for good?", abort=True)
    forgetting.redact(Workspace(Settings.from_environment()), int(partition), int(offset))
    output.print("redacted: the bytes can be opened by nobody")


def retain(
    until: Annotated[datetime, typer.Option("--until", formats=["%Y-%m-%d"], help="As of which day.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; destroy nothing.")] = False,
    yes: _Yes = False,
) -> None:
    """Destroy what was kept as long as the programmes' retention.csv say, by its keys.

    No record is rewritten: events, numbers and times stay, and so do figures and seals; the words behind them can be read no more.
    """
    workspace = Workspace(Settings.from_environment())
    with closing(workspace.vault()) as vault:
        endings = forgetting.due_periods(workspace, vault, until.date())
        table = Table(header_style="bold")
        for name in ("Programme", "Kind", "Kept for months", "Sealed in"):
            table.add_column(name)
        for ending in endings:
            table.add_row(ending.programme_id, ending.kind, str(ending.months_kept), ", ".join(ending.months))
        if not endings:
            output.print("nothing is due")
            return
        output.print(table)
        if dry_run:
            output.print("nothing was destroyed (--dry-run)")
            return
        if not yes:
            typer.confirm("Destroy these for good?", abort=True)
        forgetting.end_periods(workspace, vault, endings, until.date())
    output.print(
        f"destroyed: {sum(len(ending.periods) for ending in endings):,} keys; figures and seals stay as they are"
    )


def print_retired(workspace: Workspace, programme_id: str) -> None:
    """Say what a programme's figures can no longer be followed to."""
    for day, periods in read_retired(workspace.lake, programme_id):
        output.print(
            f"{periods:,} keys of words were destroyed as of {day}: the events are there with ids, numbers and times, and without words",
            soft_wrap=True,
        )
