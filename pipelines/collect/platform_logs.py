"""Runs the importers of platforms' logs: streams files into the log, and accounts for every line."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, time
from hashlib import blake2b
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ingest.events import format_time
from ingest.identity.sealing import Sealer
from ingest.log.port import NewRecord
from ingest.lrs.standard.agents import account_of
from ingest.programmes.pack import Pack
from ingest.sources.counting import Counting
from ingest.sources.entries import LogEntry
from ingest.sources.platforms import Platform, PlatformLog
from ingest.sources.report import LINES, ImportReport, SetAside
from pipelines.collect.door import check, opened
from pipelines.collect.imports import already_told, batches
from pipelines.collect.store import read_index, rejecting
from pipelines.console import progress
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration, BadSource

__all__ = [
    "AgentOf",
    "ReadFile",
    "ReadLines",
    "agents_at",
    "first_instant",
    "import_platform",
    "over_lines",
    "platform_of",
    "site_address",
]

#: Gives the entries of a file; of its lines, which are named as the file is.
ReadFile = Callable[[Path, SetAside], Generator[LogEntry, None, None]]
ReadLines = Callable[[Iterable[bytes], str, SetAside], Iterator[LogEntry]]
#: Gives the agent of xAPI that an account is.
AgentOf = Callable[[str], Mapping[str, Any]]


def over_lines(read: ReadLines, command: str) -> ReadFile:
    """Reads files, packed ones and standard input too, by their lines.

    Args:
        command: of ``xueqing import``, which says what standard input may be.
    """

    def read_file(file: Path, aside: SetAside) -> Generator[LogEntry, None, None]:
        # Files were looked at before the first of them was read.
        with opened(file, command if str(file) == "-" else None) as lines:
            yield from read(lines, file.name, aside)

    return read_file


def site_address(text: str) -> str:
    """The address of a platform, without a slash at its end.

    Raises:
        BadConfiguration: it is no address.
    """
    address = text.strip().rstrip("/")
    scheme, _, host = address.partition("://")
    if scheme not in ("http", "https") or not host or not host.isprintable() or len(address) > 100:
        raise BadConfiguration("--site is the platform's address, such as https://moodle.example.org")
    return address


def import_platform(
    workspace: Workspace,
    platform: Platform,
    files: Sequence[Path],
    read: ReadFile,
    agent_of: AgentOf,
    command: str,
) -> ImportReport:
    """Append what a platform recorded, as its programme's ``sources.csv`` and the shipped one count it.

    Args:
        agent_of: the agent of xAPI that an account is: the vault keeps it as that, so that a log and statements of one platform name the
            same people.
        command: of ``xueqing import``; files that it does not take are refused before anything is written.

    Raises:
        BadConfiguration: there is no such programme.
        BadSource: a file is not what the command takes; or cannot be read on, and what was read before is in the log.
    """
    check(files, command)
    report = ImportReport()
    pack = workspace.definitions.in_force(platform.programme_id)
    log = workspace.log
    with (
        closing(workspace.vault(create=True)) as vault,
        read_index(workspace) as index,
        progress() as bar,
        _collector_paused(),
    ):

        def learner_keys(accounts: Iterable[str]) -> dict[str, str]:
            named = {account: account_of(agent_of(account)) or account for account in accounts}
            found = vault.resolve((text, {"account": text}) for text in named.values())
            return {account: found[text] for account, text in named.items()}

        platform_log = PlatformLog(
            platform,
            Counting(platform.name, pack.tables["sources"]),
            learner_keys,
            lambda keys: index.enrolments(platform.programme_id, keys),
            report,
        )
        sealer = Sealer(vault)
        for file in files:
            task = bar.add_task(f"Import {file.name or 'standard input'}", total=None)
            before = report.rows[LINES]
            reject = rejecting(workspace, file.name, sealer, platform.programme_id)
            with closing(read(file, SetAside(report, reject))) as entries:
                try:
                    for batch in batches(entries):
                        events, uncounted = report.events.copy(), report.uncounted.copy()
                        opened, records = platform_log.records(batch)
                        if opened:
                            log.append(opened)
                        counts = Counter(entry.of for entry in batch)
                        if not records or log.append(records, batch_id=_batch_id(records)):
                            report.used += counts
                        else:
                            report.repeated += counts
                            report.events, report.uncounted = events, uncounted
                        bar.advance(task, len(batch))
                        gc.collect(1)
                except BadSource as error:
                    count = report.rows[LINES] - before
                    raise BadSource(f"{error}. {already_told(count, 'lines')}" if count else str(error)) from error
    return report


def platform_of(workspace: Workspace, name: str, source: str, programme_id: str, *, opens_enrolments: bool) -> Platform:
    """A platform of a programme; enrolments that it opens begin on the programme's first day.

    Raises:
        BadConfiguration: there is no such programme.
    """
    pack = workspace.definitions.in_force(programme_id)
    return Platform(name, source, programme_id, first_instant(pack) if opens_enrolments else None)


def agents_at(site: str) -> AgentOf:
    """Accounts of one platform as agents."""
    return lambda account: {"account": {"homePage": site, "name": account}}


def first_instant(pack: Pack) -> str:
    """When the programme's first day begins, RFC 3339."""
    return format_time(datetime.combine(pack.starts_on, time(), ZoneInfo(pack.timezone)))


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Entries and records make no cycles: the garbage collector would only walk them, for a fifth of the time that they take.

    What else does is collected once a batch.
    """
    is_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_enabled:
            gc.enable()


def _batch_id(records: Sequence[NewRecord]) -> str:
    """The same for the same records: where the log remembers batches, a file that is imported again is told to be a repeat."""
    digest = blake2b(b"\n".join(record.value for record in records), digest_size=16)
    return f"platform/{digest.hexdigest()}"
