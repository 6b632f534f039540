"""The store of statements in a home: opened by a server, and by the commands that bring statements in and out."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from ingest.identity.sealing import Sealer
from ingest.log.port import EventLog
from ingest.lrs.index.port import SetAside, StatementIndex
from ingest.lrs.index.sqlite import SqliteIndex
from ingest.lrs.writing.catching_up import catch_up, check_log, records_behind
from ingest.lrs.writing.people import People
from ingest.lrs.writing.store import Store
from pipelines.console import errors, progress
from pipelines.continuity import check_lake
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration, IndexDamaged, LakeDamaged, StorageUnavailable

__all__ = ["IMPORTER", "REJECTED", "opened_store", "read_index", "rebuild_index", "rejecting", "set_aside"]

#: The authority of statements that were imported, not posted by a client.
IMPORTER: dict[str, Any] = {"objectType": "Agent", "account": {"homePage": "urn:xueqing", "name": "import"}}


#: As what a line that is no usable statement is sealed.
REJECTED = "line that was rejected"


def _index(workspace: Workspace) -> AbstractContextManager[StatementIndex]:
    url = workspace.settings.statement_index
    if url.startswith(("postgresql://", "postgres://")):
        from ingest.lrs.index.postgres import PostgresIndex  # most homes need no PostgreSQL

        return closing(PostgresIndex(url))
    index = SqliteIndex(index_file(url))
    if index.was_damaged:
        errors.print("[yellow]The index of statements was damaged; it is made again from the log.[/yellow]")
    return closing(index)


def index_file(url: str) -> Path:
    """The file of an index in SQLite.

    Raises:
        BadConfiguration: it is in no file.
    """
    if not url.startswith("sqlite:") or url == "sqlite:":
        raise BadConfiguration("XUEQING_STATEMENT_INDEX takes sqlite:PATH or postgresql://…")
    return Path(url.removeprefix("sqlite:")).expanduser()


def set_aside(workspace: Workspace) -> list[SetAside]:
    """The records of the log that the index could not take in, as it says at the moment: it is neither made nor brought up to date."""
    url = workspace.settings.statement_index
    if url.startswith(("postgresql://", "postgres://")):
        with _index(workspace) as index:
            return index.set_aside()
    file = index_file(url)
    if not file.is_file():
        return []
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as con:
        try:
            rows = con.execute('select partition, "offset", why from set_aside order by partition, "offset"').fetchall()
        except sqlite3.Error:  # of an earlier version, or damaged: whoever serves makes it anew, and says so
            return []
    return [SetAside(*row) for row in rows]


@contextmanager
def read_index(workspace: Workspace) -> Iterator[StatementIndex]:
    """The index, brought up to the log's end."""
    with ExitStack() as stack:
        yield _begun(stack, workspace, workspace.existing_log)


@contextmanager
def opened_store(workspace: Workspace) -> Iterator[Store]:
    """The store, its index caught up with the log; what was taken is written before it closes.

    Raises:
        BadConfiguration: the index cannot be opened.
        LogReplaced: the log does not hold what the index or the lake has read of it.
        LogUnavailable: the log cannot be reached.
    """
    with ExitStack() as stack:
        vault = stack.enter_context(closing(workspace.vault(create=True)))
        log = stack.enter_context(workspace.log)
        _check_lake(workspace, log)
        index = _begun(stack, workspace, log)
        yield stack.enter_context(closing(Store(log, index, People(vault))))


def rejecting(workspace: Workspace, name: str, sealer: Sealer, programme_id: str) -> Callable[[bytes, str], None]:
    """Keeps lines that are no usable statement, sealed, in a file of the home; `xueqing quarantine rejected` opens it."""
    path = workspace.settings.home / "rejected" / f"{name}.ndjson"

    def reject(line: bytes, why: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "wb") as out:
            text = sealer.seal(None, programme_id, "quarantine", REJECTED, line)
            out.write(json.dumps({"reason": why, "sealed": text}).encode() + b"\n")

    return reject


def rebuild_index(workspace: Workspace) -> int:
    """Make the index of statements and documents again from the log; returns how many records were read."""
    log = workspace.existing_log
    with _index(workspace) as index:
        index.bind(log.log_id)
        with index.exclusive():
            index.clear()
            return _catch_up(log, index)


def _check_lake(workspace: Workspace, log: EventLog) -> None:
    try:
        check_lake(workspace.lake, log)
    except (LakeDamaged, StorageUnavailable) as error:
        # Statements are accepted all the same: their records stay in the log until there is a lake.
        errors.print(f"[yellow]Warning:[/yellow] {error}", soft_wrap=True)


def _begun(stack: ExitStack, workspace: Workspace, log: EventLog) -> StatementIndex:
    """The index, brought up to the log's end, if it is the log that it was made from; one that is damaged is made anew."""
    with ExitStack() as first:
        try:
            return _begin(first, workspace, log, then=stack)
        except IndexDamaged:
            first.close()
    return _begin(stack, workspace, log, then=stack)


def _begin(own: ExitStack, workspace: Workspace, log: EventLog, *, then: ExitStack) -> StatementIndex:
    index = own.enter_context(_index(workspace))
    index.bind(log.log_id)
    check_log(log, index)
    _catch_up(log, index)
    if own is not then:
        then.push(own.pop_all())
    return index


def _catch_up(log: EventLog, index: StatementIndex) -> int:
    behind = records_behind(log, index)
    if not behind:
        return 0
    with progress() as bar:
        task = bar.add_task("Index of statements", total=behind)
        return catch_up(log, index, lambda records: bar.advance(task, records))
