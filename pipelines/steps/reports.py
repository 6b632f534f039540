"""Writes reports other than bulletins: briefings, the evaluation report, status pages, the site."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import date, datetime
from pathlib import Path

from ingest.sealed_records import opened_record
from pipelines.console import progress
from pipelines.reading.evaluation import read_evaluation
from pipelines.reading.marts import open_marts
from pipelines.reading.source_account import read_source_account, sources_of
from pipelines.reading.standing import read_standing
from pipelines.reading.status import read_status
from pipelines.reports.briefing import files as briefings
from pipelines.reports.briefing.model import Standing
from pipelines.reports.document.files import FORMATS, write_document
from pipelines.reports.document.locking import check_lockable
from pipelines.reports.document.names import file_part, folder_part
from pipelines.reports.evaluation.compose import compose_evaluation
from pipelines.reports.page import write_pages
from pipelines.reports.people import Persons
from pipelines.reports.site import issued, write_site
from pipelines.reports.source import compose_source
from pipelines.reports.status import StatusReport
from pipelines.steps.build import published
from pipelines.steps.naming import Naming, name_enrolments
from pipelines.words import LANGUAGES, Label, label_of
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration

__all__ = [
    "status_pages",
    "status_report",
    "write_briefings",
    "write_evaluation",
    "write_pages_of_site",
    "write_source_account",
    "write_status_pages",
]


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
    languages: Collection[str] = LANGUAGES,
    naming: Naming | None = None,
) -> tuple[Path, int]:
    """Write briefings and packs; returns their folder and how many files were written.

    Args:
        naming: writes the restricted editions with names, into the folder of such files.

    Raises:
        BadConfiguration: there is no such group, or a format that a password cannot be put on.
    """
    root = workspace.settings.briefings
    if naming is not None:
        root, audiences = workspace.settings.named / "briefings", ["restricted"]
        if naming.password is not None:
            check_lockable(formats)
    with open_marts(workspace.warehouse.published) as con:
        standing = read_standing(con, programme_id, as_of)
    persons_of = None if naming is None else _persons_of(workspace, programme_id, standing, naming)
    full = standing.bulletin
    groups = {"class": full.classes, "subject": full.subjects, "county": full.counties}
    total = sum(len(ids) or len(groups.get(kind, [full.whole])) for kind in kinds) * len(audiences)
    with progress() as bar:
        task = bar.add_task("Briefings", total=total)
        folder, entries = briefings.write_briefings(
            root, standing, time_zone=workspace.definitions.time_zone(programme_id), kinds=kinds, ids=ids, audiences=audiences,
            formats=formats, languages=languages, smallest=smallest, persons_of=persons_of,
            password=naming.password if naming else None, report=lambda name: bar.advance(task),
        )  # fmt: skip
        bar.update(task, completed=total)
    return folder, briefings.count_files(entries)


def _persons_of(workspace: Workspace, programme_id: str, standing: Standing, naming: Naming) -> briefings.PersonsOf:
    def persons_of(kind: str, label: Label, enrolments: Collection[str], staff: Collection[str]) -> Persons:
        scope = f"{kind} {label.zh}, {standing.bulletin.as_of}"
        return name_enrolments(workspace, naming, programme_id, scope, enrolments, staff)

    return persons_of


def write_evaluation(
    workspace: Workspace,
    programme_id: str,
    as_of: date | None,
    *,
    formats: Collection[str] = tuple(FORMATS),
    smallest: int = 10,
) -> tuple[Path, int]:
    """Write the evaluation report; returns its folder and how many files were written."""
    pack = workspace.definitions.in_force(programme_id, as_of)
    with progress() as bar:
        task = bar.add_task("Evaluation report", total=1)
        with open_marts(workspace.warehouse.published) as con:
            evaluation = read_evaluation(con, pack, as_of, smallest=smallest)
        public = evaluation.bulletin
        index = briefings.Index(
            programme_id=programme_id, programme=public.programme, as_of=public.as_of, is_simulated=public.is_simulated, entries=[]
        )  # fmt: skip

        def made() -> Iterator[tuple[str, str, Label, str, briefings.Make]]:
            label = label_of("evaluation", "what")
            yield "evaluation", "", label, "public", lambda code: compose_evaluation(evaluation, code, pack.timezone)

        folder = workspace.settings.briefings / folder_part(programme_id) / public.as_of.isoformat()
        entries = briefings.write_documents(folder, index, made(), formats=formats)
        bar.advance(task)
    return folder, briefings.count_files(entries)


def write_source_account(
    workspace: Workspace, programme_id: str, source: str, *, formats: Collection[str] = tuple(FORMATS),
    languages: Collection[str] = LANGUAGES,
) -> list[Path]:  # fmt: skip
    """Write the statement of account to a source; returns the files.

    Raises:
        BadConfiguration: nothing of the programme came from such a source.
        IdentityError: quarantined records are sealed, and their key is not here.
    """
    pack = workspace.definitions.in_force(programme_id)
    with open_marts(workspace.warehouse.published, workspace.lake) as con, workspace.sealing() as sealer:

        def opened(raw: bytes) -> bytes | None:
            return opened_record(sealer(), raw) if b'"sealed"' in raw else raw

        label = {"zh": pack.label_zh, "en": pack.label_en}
        account = read_source_account(con, programme_id, source, label, pack.timezone, opened)
        if not account.came and not any(one.kind == "quarantined" for one in account.findings):
            known = ", ".join(f"{name} ({count:,})" for name, count in sources_of(con, programme_id)) or "none"
            raise BadConfiguration(f"{programme_id} has no records of the source {source!r}; its sources: {known}")
    folder = workspace.settings.briefings / folder_part(programme_id) / "sources"
    folder.mkdir(parents=True, exist_ok=True)
    # An address in a source's name stays readable; the digits tell sources apart that are then written alike.
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", source)[:60]
    name = source if file_part(source) == source else f"{plain}-{file_part(source)[:8]}"
    files = []
    for language in languages:
        document = compose_source(account, language)
        for ending in formats:
            files.append(folder / f"{name}.{language}.{ending}")
            write_document(files[-1], document, private=False)
    return files


def write_pages_of_site(workspace: Workspace, language: str, *, restricted: bool = False) -> Path:
    """Write all issued reports and the status pages of their programmes as a site; returns its start page."""
    bulletins = issued(workspace.settings.bulletins)
    status = {
        name: status_pages(workspace, name, None) for name in dict.fromkeys(b.bulletin.programme_id for b in bulletins)
    }
    return write_site(
        workspace.settings.home / ("site-restricted" if restricted else "site"), bulletins, status, language=language, restricted=restricted,
        briefings=workspace.settings.briefings,
    )  # fmt: skip


def status_report(
    workspace: Workspace,
    programme_id: str,
    as_of: date | None,
    language: str,
    recorded_before: datetime | None = None,
) -> StatusReport:
    """The status from the published file."""
    with open_marts(published(workspace, recorded_before)) as con:
        return read_status(con, programme_id, as_of, language=language)


def write_status_pages(workspace: Workspace, programme_id: str, as_of: date | None, language: str) -> Path:
    """Write the status page in both languages; returns the one in ``language``."""
    return status_pages(workspace, programme_id, as_of)[language]


def status_pages(workspace: Workspace, programme_id: str, as_of: date | None) -> dict[str, Path]:
    """Write the status page; the files by language."""
    reports = {code: status_report(workspace, programme_id, as_of, code) for code in LANGUAGES}
    return write_pages(reports, workspace.settings.home / "reports")
