"""Runs importers into the log, with progress and a report."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

from ingest.identity import Vault
from ingest.log.port import EventLog, NewRecord
from ingest.sources.ndjson import read_ndjson
from ingest.sources.oulad import read_oulad
from ingest.sources.report import ImportReport
from ingest.sources.xapi import read_xapi
from pipelines.console import progress
from pipelines.steps import APPEND_BATCH
from pipelines.workspace import Workspace
from warehouse.errors import BadSource

__all__ = ["import_ndjson", "import_oulad", "import_xapi"]


def _append(log: EventLog, records: Iterable[NewRecord], advance: Callable[[int], None]) -> int:
    source, written = iter(records), 0
    while batch := list(islice(source, APPEND_BATCH)):
        written += log.append(batch)
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
    vault = workspace.vault(create=True)
    rejected = workspace.settings.home / "rejected" / f"{file.name}.ndjson"

    def reject(line: bytes, why: str) -> None:
        rejected.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(rejected, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(json.dumps({"reason": why, "line": line.decode("utf-8", "backslashreplace")}).encode() + b"\n")

    with _lines(file) as lines, progress() as bar:
        task = bar.add_task(f"Import {file.name}", total=None)
        records = read_xapi(
            lines, programme_id, _resolver(vault, "xapi:"), report, reject, open_enrolments=open_enrolments
        )
        _append(workspace.log, records, lambda n: bar.advance(task, n))
    vault.close()
    if rejected.exists() and report.set_aside:
        report.warnings.append(f"lines that are no usable statements are kept in {rejected}")
    return report
