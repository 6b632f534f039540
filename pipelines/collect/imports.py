"""Runs importers into the log, with progress and a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TypeVar

import msgspec

from ingest.identity import Vault
from ingest.log.port import EventLog, NewRecord
from ingest.lrs.writing.loading import load_statements
from ingest.sealed_records import sealed_record
from ingest.sink.parse import BatchParser
from ingest.sources.json_elements import json_texts
from ingest.sources.kinds import Form
from ingest.sources.ndjson import read_ndjson
from ingest.sources.oulad import read_oulad
from ingest.sources.recorded import RecordedTimes
from ingest.sources.report import ImportReport
from pipelines.collect.door import Opened, check_release, opened
from pipelines.collect.simulation import APPEND_BATCH
from pipelines.collect.store import IMPORTER, opened_store, rejecting
from pipelines.console import progress
from pipelines.workspace import Workspace
from warehouse.errors import BadSource

__all__ = ["already_told", "batches", "import_ndjson", "import_oulad", "import_xapi"]


T = TypeVar("T")


class _Programme(msgspec.Struct):
    programme_id: str = ""


_programme = msgspec.json.Decoder(_Programme)


def _append(
    log: EventLog, records: Iterable[NewRecord], advance: Callable[[int], None],
    sealed: Callable[[list[NewRecord]], list[NewRecord]] = lambda batch: batch,
) -> int:  # fmt: skip
    written = 0
    try:
        for batch in batches(records):
            written += len(log.append(sealed(batch)))
            advance(len(batch))
    except BadSource as error:
        raise BadSource(f"{error}. {already_told(written, 'records')}") from error
    return written


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    """A source's items by the batch of APPEND_BATCH; those before a BadSource that it raises come first."""
    source = iter(items)
    while True:
        batch: list[T] = []
        broken = None
        try:
            batch.extend(islice(source, APPEND_BATCH))
        except BadSource as error:
            broken = error
        if batch:
            yield batch
        if broken is not None:
            raise broken
        if not batch:
            return


def already_told(count: int, what: str) -> str:
    """What stands in the log of a file that could not be read to its end, and what to do."""
    return f"{count:,} {what} from before that are in the log; give it again once it is whole: what is there already counts once"


@contextmanager
def sealing(workspace: Workspace) -> Iterator[Callable[[list[NewRecord]], list[NewRecord]]]:
    """Seals the words in batches of records as they came; the vault is opened with the first record that has any."""
    with closing(BatchParser()) as parser, workspace.sealing(create=True) as sealer:

        def sealed(batch: list[NewRecord]) -> list[NewRecord]:
            bare = parser.are_bare([record.value for record in batch], datetime.now(UTC))
            return [
                record if n in bare else record._replace(value=sealed_record(sealer, record.value))
                for n, record in enumerate(batch)
            ]

        yield sealed


def _objects(source: Opened, name: str) -> Iterable[bytes]:
    """The JSON objects of a file, each as it is written: its lines, or the elements of a list."""
    return source if source.kind.form is Form.JSON_LINES else json_texts(source, name)


def _resolver(vault: Vault, prefix: str) -> Callable[[Iterable[str]], dict[str, str]]:
    def resolve(accounts: Iterable[str]) -> dict[str, str]:
        found = vault.resolve((prefix + account, {"account": account}) for account in accounts)
        return {account.removeprefix(prefix): key for account, key in found.items()}

    return resolve


#: What the report of our own events counts.
_EVENTS = "events"


def import_ndjson(workspace: Workspace, file: Path, recorded_at: str | None = None) -> ImportReport:
    """Append our own events.

    Args:
        recorded_at: the field that says when each was first recorded; lines whose claim makes no sense are set aside. None: they are
            recorded now.
    """
    report = ImportReport()
    recorded = None if recorded_at is None else RecordedTimes(recorded_at, "occurred_at", datetime.now(UTC))
    with opened(file, "ndjson") as source, progress() as bar:
        task = bar.add_task(f"Import {file.name or 'standard input'}", total=None)
        with sealing(workspace) as sealed, workspace.sealing(create=True) as sealer:

            def aside(line: bytes, why: str) -> None:
                report.rows[_EVENTS] += 1
                report.set_aside[_EVENTS, why] += 1
                rejecting(workspace, file.name if str(file) != "-" else "stdin", sealer(), _programme_of(line))(
                    line, why
                )

            records = read_ndjson(_objects(source, file.name), recorded, aside)
            report.used[_EVENTS] = _append(workspace.log, records, lambda n: bar.advance(task, n), sealed)
    report.rows[_EVENTS] += report.used[_EVENTS]
    report.claims = [] if recorded is None else recorded.told()
    return report


def _programme_of(line: bytes) -> str:
    """The programme that a line names; none where it does not tell."""
    try:
        found = _programme.decode(line).programme_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return found


def import_oulad(workspace: Workspace, folder: Path) -> ImportReport:
    """Append the Open University's dataset.

    Raises:
        BadSource: the folder is none, or a file of the release is missing or damaged.
    """
    check_release(folder)
    report = ImportReport()
    vault = workspace.vault(create=True)
    with progress() as bar:
        task = bar.add_task("Import the Open University's data", total=None)
        _append(workspace.log, read_oulad(folder, _resolver(vault, "oulad:"), report), lambda n: bar.advance(task, n))
    vault.close()
    return report


def import_xapi(
    workspace: Workspace, file: Path, programme_id: str, *, open_enrolments: bool, recorded_at: str | None = None
) -> ImportReport:
    """Append xAPI statements; unusable lines go to a file of the home that only its owner may read.

    Args:
        recorded_at: as :func:`import_ndjson` has it.
    """
    report = ImportReport()
    recorded = None if recorded_at is None else RecordedTimes(recorded_at, "timestamp", datetime.now(UTC))
    with opened(file, "xapi") as source, opened_store(workspace) as store, progress() as bar:
        task = bar.add_task(f"Import {file.name}", total=None)
        try:
            load_statements(
                store, programme_id, _objects(source, file.name), IMPORTER, report, rejecting(workspace, file.name, store.people.sealer, programme_id), opens_enrolments=open_enrolments,
                advance=lambda: bar.advance(task), recorded=recorded,
            )  # fmt: skip
        except BadSource as error:
            raise BadSource(f"{error}. {already_told(report.rows['statements'], 'lines')}") from error
    report.claims = [] if recorded is None else recorded.told()
    return report
