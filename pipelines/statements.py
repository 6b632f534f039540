"""The store of statements in a home: opened by a server, and by the commands that bring statements in and out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from ingest.lrs.index import StatementIndex
from ingest.lrs.index_sqlite import SqliteIndex
from ingest.lrs.people import People
from ingest.lrs.store import Store, catch_up, records_behind
from pipelines.console import progress
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration

__all__ = ["IMPORTER", "opened_store", "read_index", "rebuild_index", "rejecting"]

#: Who vouches for statements that no client has posted.
IMPORTER: dict[str, Any] = {"objectType": "Agent", "account": {"homePage": "urn:xueqing", "name": "import"}}


def _index(workspace: Workspace) -> AbstractContextManager[StatementIndex]:
    url = workspace.settings.statement_index
    if url.startswith(("postgresql://", "postgres://")):
        from ingest.lrs.index_postgres import PostgresIndex  # most homes need no PostgreSQL

        return closing(PostgresIndex(url))
    return closing(SqliteIndex(index_file(url)))


def index_file(url: str) -> Path:
    """The file of an index in SQLite.

    Raises:
        BadConfiguration: it is in no file.
    """
    if not url.startswith("sqlite:") or url == "sqlite:":
        raise BadConfiguration("XUEQING_STATEMENT_INDEX takes sqlite:PATH or postgresql://…")
    return Path(url.removeprefix("sqlite:")).expanduser()


@contextmanager
def read_index(workspace: Workspace) -> Iterator[StatementIndex]:
    """The index, brought up to the log's end."""
    with _index(workspace) as index:
        index.bind(workspace.log.log_id)
        _catch_up(workspace, index)
        yield index


@contextmanager
def opened_store(workspace: Workspace) -> Iterator[Store]:
    """The store, its index caught up with the log; what was taken is written before it closes.

    Raises:
        BadConfiguration: the index cannot be opened.
        LogUnavailable: the log cannot be reached.
    """
    with ExitStack() as stack:
        vault = stack.enter_context(closing(workspace.vault(create=True)))
        index = stack.enter_context(_index(workspace))
        log = stack.enter_context(workspace.log)
        index.bind(log.log_id)
        _catch_up(workspace, index)
        yield stack.enter_context(closing(Store(log, index, People(vault))))


def rejecting(workspace: Workspace, name: str) -> Callable[[bytes, str], None]:
    """Keeps lines that are no usable statement in a file of the home that only its owner may read."""
    path = workspace.settings.home / "rejected" / f"{name}.ndjson"

    def reject(line: bytes, why: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(json.dumps({"reason": why, "line": line.decode("utf-8", "backslashreplace")}).encode() + b"\n")

    return reject


def rebuild_index(workspace: Workspace) -> int:
    """Make the index of statements and documents again from the log; returns how many records were read."""
    with _index(workspace) as index:
        index.bind(workspace.log.log_id)
        with index.exclusive():
            index.clear()
            return _catch_up(workspace, index)


def _catch_up(workspace: Workspace, index: StatementIndex) -> int:
    behind = records_behind(workspace.log, index)
    if not behind:
        return 0
    with progress() as bar:
        task = bar.add_task("Index of statements", total=behind)
        return catch_up(workspace.log, index, lambda records: bar.advance(task, records))
