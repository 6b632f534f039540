"""Runs importers into the log, with progress and a report."""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

from ingest.identity import Vault
from ingest.log.port import EventLog, NewRecord
from ingest.lrs.loading import load_statements
from ingest.sources.ndjson import read_ndjson
from ingest.sources.oulad import read_oulad
from ingest.sources.report import ImportReport
from pipelines.console import progress
from pipelines.statements import IMPORTER, opened_store, rejecting
from pipelines.steps import APPEND_BATCH
from pipelines.workspace import Workspace
from warehouse.errors import BadSource

__all__ = ["import_ndjson", "import_oulad", "import_xapi"]


def _append(log: EventLog, records: Iterable[NewRecord], advance: Callable[[int], None]) -> int:
    source, written = iter(records), 0
    while batch := list(islice(source, APPEND_BATCH)):
        written += len(log.append(batch))
        advance(len(batch))
    return written


@contextmanager
def _lines(file: Path) -> Iterator[Iterable[bytes]]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    try:
        opened = cast(BinaryIO, gzip.open(file, "rb")) if file.suffix == ".gz" else file.open("rb")  # noqa: SIM115
    except OSError as error:
        raise BadSource(f"{file} cannot be read: {error.strerror}") from error
    with opened:
        yield io.BufferedReader(opened) if isinstance(opened, io.RawIOBase) else opened


def _resolver(vault: Vault, prefix: str) -> Callable[[Iterable[str]], dict[str, str]]:
    def resolve(accounts: Iterable[str]) -> dict[str, str]:
        found = vault.resolve((prefix + account, {"account": account}) for account in accounts)
        return {account.removeprefix(prefix): key for account, key in found.items()}

    return resolve


def import_ndjson(workspace: Workspace, file: Path) -> int:
    """Append our own events; returns how many lines."""
    with _lines(file) as lines, progress() as bar:
        task = bar.add_task(f"Import {file.name or 'standard input'}", total=None)
        return _append(workspace.log, read_ndjson(lines), lambda n: bar.advance(task, n))


def import_oulad(workspace: Workspace, folder: Path) -> ImportReport:
    """Append the Open University's dataset."""
    report = ImportReport()
    vault = workspace.vault(create=True)
    with progress() as bar:
        task = bar.add_task("Import the Open University's data", total=None)
        _append(workspace.log, read_oulad(folder, _resolver(vault, "oulad:"), report), lambda n: bar.advance(task, n))
    vault.close()
    return report


def import_xapi(workspace: Workspace, file: Path, programme_id: str, *, open_enrolments: bool) -> ImportReport:
    """Append xAPI statements; unusable lines go to a file of the home that only its owner may read."""
    report = ImportReport()
    with _lines(file) as lines, opened_store(workspace) as store, progress() as bar:
        task = bar.add_task(f"Import {file.name}", total=None)
        load_statements(
            store, programme_id, lines, IMPORTER, report, rejecting(workspace, file.name), opens_enrolments=open_enrolments,
            advance=lambda: bar.advance(task),
        )  # fmt: skip
    return report
