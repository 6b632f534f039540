"""The steps that commands are made of, each with its progress shown."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa

from ingest.definitions import reference_tables
from ingest.sink import BatchReport, Sink, SinkOptions
from ingest.sources.simulate import simulate
from ingest.sources.simulate.names import invented_people
from pipelines.console import progress, until_interrupted
from pipelines.programmes import read_history, warn_of_changed_packs
from pipelines.quality import QualityGate
from pipelines.reminders import due, read_sent, sent_events, write_due
from pipelines.reports.briefing import files as briefings
from pipelines.reports.briefing.read import read_standing
from pipelines.reports.bulletin.compose import compose
from pipelines.reports.bulletin.editions import county_edition
from pipelines.reports.bulletin.model import Label
from pipelines.reports.bulletin.read import calendar, read_bulletin
from pipelines.reports.bulletin.sealing import Sealed, issue, read_sealed
from pipelines.reports.bulletin.words import WORDS
from pipelines.reports.document import Notice
from pipelines.reports.document.files import FORMATS, file_part, write_file
from pipelines.reports.evaluation.compose import compose_evaluation, read_evaluation
from pipelines.reports.page import write_pages
from pipelines.reports.site import issued, write_site
from pipelines.reports.status import StatusReport, read_status
from pipelines.settings import Settings
from pipelines.workspace import Workspace
from warehouse.build import BuildOptions, BuildReport
from warehouse.dbt import Node
from warehouse.errors import BadConfiguration
from warehouse.publish import SURVEY_ESTIMATES
from warehouse.query import connect

__all__ = [
    "build",
    "data_docs",
    "draft_bulletin",
    "is_simulation_unfinished",
    "issue_bulletin",
    "issue_bulletins",
    "published",
    "record_reminders",
    "run_simulation",
    "run_sink",
    "status_pages",
    "status_report",
    "unsealed",
    "write_briefings",
    "write_evaluation",
    "write_pages_of_site",
    "write_reminders",
    "write_status_pages",
]

#: Events a commit of the embedded log.
APPEND_BATCH = 10_000
_UNFINISHED = "simulation-unfinished"
#: Bulletins side by side at most: each takes some 700 MB.
_WORKERS = 2


def run_simulation(
    workspace: Workspace, programme_id: str, *, seed: int, scale: int, faults: bool, fraction: float = 1.0
) -> int:
    """Simulate a programme into the log; what an earlier run of the same kind wrote is not written again.

    Until all of it is written, a file in the home says so: see :func:`is_simulation_unfinished`.
    """
    pack = workspace.pack(programme_id)
    log = workspace.log
    vault = workspace.vault(create=True)
    name = f"simulate/{programme_id}/{pack.digest[:12]}/{seed}/{fraction}/{'faults' if faults else 'clean'}"
    written = 0
    unfinished = workspace.settings.home / _UNFINISHED
    unfinished.write_text(f"{name}\n", encoding="utf-8")
    with progress() as bar:
        for replica, simulation in enumerate(simulate(pack, seed=seed, scale=scale, faults=faults, fraction=fraction)):
            cohort, records = simulation.cohort, simulation.records
            vault.put(invented_people(seed, [*cohort.learner_keys, *cohort.tutor_keys, *cohort.expert_keys]))
            task = bar.add_task(f"Append simulated events {replica + 1}/{scale}", total=len(records))
            for start in range(0, len(records), APPEND_BATCH):
                batch = records[start : start + APPEND_BATCH]
                written += len(log.append(batch, batch_id=f"{name}/{replica}/{start}"))
                bar.advance(task, len(batch))
    vault.close()
    unfinished.unlink()
    return written


def is_simulation_unfinished(workspace: Workspace) -> bool:
    """Whether a simulation was interrupted before it had written everything."""
    return (workspace.settings.home / _UNFINISHED).exists()


def run_sink(workspace: Workspace, options: SinkOptions | None = None, *, follow: bool = False) -> tuple[int, int]:
    """Sink what is behind; returns (accepted, quarantined)."""
    log, lake = workspace.log, workspace.lake
    lake.bind(log.log_id)
    lake.refresh()
    behind = sum(max(0, end - lake.next_offset(p)) for p, end in log.end_offsets().items())
    accepted = quarantined = 0
    with progress() as bar:
        task = bar.add_task("Sink into the lake", total=None if follow else behind)

        def report(batch: BatchReport) -> None:
            nonlocal accepted, quarantined
            accepted += batch.accepted
            quarantined += batch.quarantined
            bar.advance(task, batch.accepted + batch.quarantined)

        sink = Sink(log, lake, options, report=report)
        try:
            with until_interrupted(sink.stop.set):
                sink.run(follow=follow)
        finally:
            sink.close()
    return accepted, quarantined


def build(workspace: Workspace, options: BuildOptions, gate: QualityGate | None = None) -> BuildReport:
    """Build and publish; with ``options.recorded_before``, the edition of what was known before that instant.

    Args:
        gate: the quality checks, for a caller who wants their findings.
    """
    gate = gate or QualityGate(data_docs(workspace))
    history = read_history(workspace.lake, options.recorded_before)
    warn_of_changed_packs(workspace.packs, history)
    reference = reference_tables(workspace.packs, history)
    warehouse, title = workspace.warehouse, "Build and test the warehouse"
    if options.recorded_before is not None:
        warehouse = warehouse.edition(options.recorded_before)
        title = f"Build as known by {options.recorded_before:%Y-%m-%d %H:%M} UTC"
    with progress() as bar:
        task = bar.add_task(title, total=None)

        def report(node: Node) -> None:
            bar.update(task, total=node.total, completed=node.index)

        result = warehouse.build(
            workspace.lake, reference, options, report, gate, lambda marts: _estimates(marts, workspace)
        )
        done = max((n.total for n in result.nodes), default=1)
        bar.update(task, total=done, completed=done)
    return result


def _estimates(marts: Path, workspace: Workspace) -> pa.Table:
    with connect(marts) as con:
        if not con.execute("select 1 from fct_survey_answers limit 1").fetchone():
            return SURVEY_ESTIMATES.empty_table()
    # Its statistics take longer to import than most commands to run.
    from pipelines.survey.estimates import survey_estimates

    return survey_estimates(marts, workspace.packs)


def issue_bulletin(workspace: Workspace, programme_id: str, number: int, smallest: int = 10) -> tuple[Sealed, bool]:
    """Issue a bulletin with all its editions; returns it, and whether it had been sealed before."""
    was_sealed = read_sealed(workspace.settings.bulletins, programme_id, number) is not None
    with progress() as bar:
        task = bar.add_task(f"Bulletin {number}", total=None)
        done = _issue(workspace, programme_id, number, smallest, lambda file: bar.advance(task))
        files = len(done.seal.files_sha256)
        bar.update(task, total=files, completed=files)
    return done, was_sealed


def _issue(
    workspace: Workspace, programme_id: str, number: int, smallest: int, report: Callable[[str], None]
) -> Sealed:
    root = workspace.settings.bulletins
    sealed = read_sealed(root, programme_id, number)
    if sealed is None:
        with connect(workspace.warehouse.published) as con:
            bulletin = read_bulletin(con, programme_id, number)
    else:
        bulletin = sealed.bulletin
    return issue(
        root, bulletin, time_zone=workspace.time_zone(programme_id), smallest=smallest, sealed_at=datetime.now(UTC), report=report
    )  # fmt: skip


def draft_bulletin(
    workspace: Workspace, programme_id: str, number: int, *, county: str | None, language: str, ending: str
) -> Path:
    """Write one restricted edition of a bulletin as it would be now, sealing nothing; returns the file.

    Raises:
        BadConfiguration: there is no such bulletin or county.
    """
    with connect(workspace.warehouse.published) as con:
        # A workbook has every row.
        bulletin = read_bulletin(con, programme_id, number, county_id=county, only_printed=ending != "xlsx")
    if county is not None:
        known = [g.county_id for g in bulletin.counties if g.county_id]
        if county not in known:
            raise BadConfiguration(f"{programme_id} has no county {county!r}; it has {', '.join(known) or 'none'}")
        bulletin = county_edition(bulletin, county)
    document = compose(bulletin, language, workspace.time_zone(programme_id))
    document = replace(document, blocks=[Notice(WORDS[language]["draft"]), *document.blocks])
    folder = workspace.settings.home / "reports" / "drafts"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{file_part(programme_id)}.{number}.{file_part(county or 'all')}.{language}.{ending}"
    write_file(file, FORMATS[ending](document), private=True)
    return file


def unsealed(workspace: Workspace, programme_id: str, *, last: int | None = None) -> list[int]:
    """Numbers of the calendar's bulletins that were not issued yet, of the ``last`` so many of them."""
    with connect(workspace.warehouse.published) as con:
        numbers = [one.number for one in calendar(con, programme_id)]
    root = workspace.settings.bulletins
    return [n for n in numbers[-last if last else 0 :] if read_sealed(root, programme_id, n) is None]


def issue_bulletins(
    workspace: Workspace, programme_id: str, numbers: Sequence[int], smallest: int = 10
) -> list[tuple[Sealed, bool]]:
    """As :func:`issue_bulletin` for several, side by side in processes of their own."""
    if len(numbers) < 2:
        return [issue_bulletin(workspace, programme_id, n, smallest) for n in numbers]
    root = workspace.settings.bulletins
    before = {n for n in numbers if read_sealed(root, programme_id, n) is not None}
    # A calendar's worth of charts and pages is a minute of one core.
    with (
        get_context("spawn").Pool(min(os.cpu_count() or 1, len(numbers), _WORKERS), _ignore_interrupts) as pool,
        progress() as bar,
    ):
        task = bar.add_task("Bulletins", total=len(numbers))
        work = [(workspace.settings, programme_id, n, smallest) for n in numbers]
        for _ in pool.imap_unordered(_issue_apart, work):
            bar.advance(task)
    found = [(read_sealed(root, programme_id, n), n in before) for n in numbers]
    return [(sealed, was) for sealed, was in found if sealed is not None]


def _ignore_interrupts() -> None:
    """Ctrl-C ends the pool, and the pool its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _issue_apart(work: tuple[Settings, str, int, int]) -> None:
    settings, programme_id, number, smallest = work
    _issue(Workspace(settings), programme_id, number, smallest, lambda file: None)


def write_briefings(
    workspace: Workspace,
    programme_id: str,
    as_of: date | None,
    *,
    kinds: Collection[str] = briefings.KINDS,
    ids: Collection[str] = (),
    audiences: Collection[str] = ("public", "restricted"),
    formats: Collection[str] = tuple(FORMATS),
    smallest: int = 10,
) -> tuple[Path, int]:
    """Write briefings and packs; returns their folder and how many files were written."""
    with connect(workspace.warehouse.published) as con:
        standing = read_standing(con, programme_id, as_of)
    full = standing.bulletin
    groups = {"class": full.classes, "subject": full.subjects, "county": full.counties, "staff": [full.whole]}
    total = sum(len(ids) or len(groups[kind]) for kind in kinds) * len(audiences)
    with progress() as bar:
        task = bar.add_task("Briefings", total=total)
        folder, entries = briefings.write_briefings(
            workspace.settings.briefings, standing, time_zone=workspace.time_zone(programme_id), kinds=kinds, ids=ids,
            audiences=audiences, formats=formats, smallest=smallest, report=lambda name: bar.advance(task),
        )  # fmt: skip
        bar.update(task, completed=total)
    return folder, briefings.count_files(entries)


def write_evaluation(
    workspace: Workspace,
    programme_id: str,
    as_of: date | None,
    *,
    formats: Collection[str] = tuple(FORMATS),
    smallest: int = 10,
) -> tuple[Path, int]:
    """Write the evaluation report; returns its folder and how many files were written."""
    pack = workspace.pack(programme_id)
    with progress() as bar:
        task = bar.add_task("Evaluation report", total=1)
        with connect(workspace.warehouse.published) as con:
            evaluation = read_evaluation(con, pack, as_of, smallest=smallest)
        public = evaluation.bulletin
        index = briefings.Index(
            programme_id=programme_id, programme=public.programme, as_of=public.as_of, is_simulated=public.is_simulated, entries=[]
        )  # fmt: skip

        def made() -> Iterator[tuple[str, str, Label, str, briefings.Make]]:
            label = Label("自评报告", "Evaluation report")
            yield "evaluation", "", label, "public", lambda code: compose_evaluation(evaluation, code, pack.timezone)

        folder = workspace.settings.briefings / programme_id / public.as_of.isoformat()
        entries = briefings.write_documents(folder, index, made(), formats=formats)
        bar.advance(task)
    return folder, briefings.count_files(entries)


def write_reminders(
    workspace: Workspace, programme_id: str, as_of: date | None, file: Path, language: str, *, rule: str | None, phones: bool
) -> tuple[int, int]:  # fmt: skip
    """Write the file for a gateway; returns how many reminders it holds and how many learners have no phone."""
    with connect(workspace.warehouse.published) as con:
        reminders = due(con, programme_id, as_of, language, rule)
    if not phones:
        return write_due(file, reminders, None)
    vault = workspace.vault()
    try:
        return write_due(file, reminders, vault.show)
    finally:
        vault.close()


def record_reminders(workspace: Workspace, file: Path) -> int:
    """Append what a file says was sent; returns how many reminders."""
    records = sent_events(read_sent(file), datetime.now(UTC))
    return len(workspace.log.append(records, batch_id=f"reminders/{sha256(file.read_bytes()).hexdigest()[:32]}"))


def write_pages_of_site(workspace: Workspace, language: str, *, restricted: bool = False) -> Path:
    """Write all issued reports and the status pages of their programmes as a site; returns its start page."""
    bulletins = issued(workspace.settings.bulletins)
    status = {
        name: status_pages(workspace, name, None) for name in dict.fromkeys(b.bulletin.programme_id for b in bulletins)
    }
    return write_site(
        workspace.settings.home / "site", bulletins, status, language=language, restricted=restricted,
        briefings=workspace.settings.briefings,
    )  # fmt: skip


def data_docs(workspace: Workspace) -> Path:
    """The folder of the quality checks' pages (Data Docs), those of the newest build."""
    return workspace.settings.home / "reports" / "quality"


def published(workspace: Workspace, recorded_before: datetime | None) -> Path:
    """The published file; the one of what was known before an instant is built where it is not there yet."""
    if recorded_before is None:
        return workspace.warehouse.published
    build(workspace, BuildOptions(recorded_before=recorded_before))
    return workspace.warehouse.edition(recorded_before).published


def status_report(
    workspace: Workspace,
    programme_id: str,
    as_of: date | None,
    language: str,
    recorded_before: datetime | None = None,
) -> StatusReport:
    """The status from the published file."""
    with connect(published(workspace, recorded_before)) as con:
        return read_status(con, programme_id, as_of, language=language)


def write_status_pages(workspace: Workspace, programme_id: str, as_of: date | None, language: str) -> Path:
    """Write the status page in both languages; returns the one in ``language``."""
    return status_pages(workspace, programme_id, as_of)[language]


def status_pages(workspace: Workspace, programme_id: str, as_of: date | None) -> dict[str, Path]:
    """Write the status page; the files by language."""
    reports = {code: status_report(workspace, programme_id, as_of, code) for code in ("en", "zh")}
    return write_pages(reports, workspace.settings.home / "reports")
