"""Writes reports other than bulletins: briefings, the evaluation report, status pages, the site."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime
from pathlib import Path

from pipelines.console import progress
from pipelines.reading.evaluation import read_evaluation
from pipelines.reading.marts import open_marts
from pipelines.reading.standing import read_standing
from pipelines.reading.status import read_status
from pipelines.reports.briefing import files as briefings
from pipelines.reports.briefing.model import Standing
from pipelines.reports.document.files import FORMATS
from pipelines.reports.document.locking import check_lockable
from pipelines.reports.document.names import folder_part
from pipelines.reports.evaluation.compose import compose_evaluation
from pipelines.reports.page import write_pages
from pipelines.reports.people import Persons
from pipelines.reports.site import issued, write_site
from pipelines.reports.status import StatusReport
from pipelines.steps.build import published
from pipelines.steps.naming import Naming, name_enrolments
from pipelines.words import LANGUAGES, Label, label_of
from pipelines.workspace import Workspace

__all__ = [
    "status_pages",
    "status_report",
    "write_briefings",
    "write_evaluation",
    "write_pages_of_site",
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
