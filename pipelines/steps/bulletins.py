"""Issues bulletins: one, several side by side, or a draft that seals nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

from pipelines.console import progress
from pipelines.reading.bulletin import read_bulletin
from pipelines.reading.calendar import calendar
from pipelines.reading.marts import open_marts
from pipelines.reports.bulletin.compose import compose
from pipelines.reports.bulletin.editions import county_edition
from pipelines.reports.bulletin.model import Bulletin
from pipelines.reports.bulletin.sealing import Sealed, issue, read_sealed
from pipelines.reports.document import Notice
from pipelines.reports.document.files import FORMATS, write_file
from pipelines.reports.document.locking import check_lockable, locked
from pipelines.reports.document.names import file_part, folder_part
from pipelines.reports.people import Persons, marked
from pipelines.settings import Settings
from pipelines.steps.naming import Naming, name_enrolments
from pipelines.words import words_of
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration

__all__ = ["draft_bulletin", "issue_bulletin", "issue_bulletins", "unsealed", "write_named_bulletin"]

#: Bulletins side by side at most: each takes some 700 MB.
_WORKERS = 2


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
        with open_marts(workspace.warehouse.published) as con:
            bulletin = read_bulletin(con, programme_id, number)
    else:
        bulletin = sealed.bulletin
    return issue(
        root, bulletin, time_zone=workspace.definitions.time_zone(programme_id), smallest=smallest, sealed_at=datetime.now(UTC), report=report
    )  # fmt: skip


def write_named_bulletin(
    workspace: Workspace,
    programme_id: str,
    number: int,
    naming: Naming,
    *,
    counties: Sequence[str] = (),
    language: str,
    formats: Sequence[str],
) -> tuple[Path, list[Path]]:
    """Write the restricted editions of an issued bulletin with names; returns their folder and the files.

    The figures are the sealed ones. What is sealed has no names and stays as it is: these files are derived from it, and say so.

    Args:
        counties: only the editions of these (default: of the whole and of every county).

    Raises:
        BadConfiguration: the bulletin was not issued yet, has no such county, or a format that a password cannot be put on.
        IdentityError: names cannot be read, or their reading cannot be recorded.
    """
    if naming.password is not None:
        check_lockable(formats)
    sealed = read_sealed(workspace.settings.bulletins, programme_id, number)
    if sealed is None:
        raise BadConfiguration(
            f"bulletin {number} of {programme_id} was not issued yet; run: xueqing bulletin issue {number}"
        )
    known = {g.group_id: g.label for g in sealed.bulletin.counties if g.county_id}
    if unknown := [county for county in counties if county not in known]:
        raise BadConfiguration(
            f"{programme_id} has no county {', '.join(unknown)}; it has {', '.join(known) or 'none'}"
        )
    folder = workspace.settings.named / "bulletins" / folder_part(programme_id) / f"{number:03d}"
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    editions: list[str | None] = [*counties] if counties else [None, *known]
    for county in editions:
        cut = sealed.bulletin if county is None else county_edition(sealed.bulletin, county)
        scope = f"bulletin {number}" + ("" if county is None else f", {known[county].zh}")
        persons = _persons_in(workspace, cut, naming, scope)
        document = marked(compose(cut, language, sealed.seal.time_zone, persons), persons, is_sealed=True)
        for ending in formats:
            content = FORMATS[ending](document)
            if naming.password is not None:
                content = locked(content, ending, naming.password)
            file = folder / f"{file_part(county or 'all')}.restricted.{language}.{ending}"
            write_file(file, content, private=True)
            files.append(file)
    return folder, files


def _persons_in(workspace: Workspace, bulletin: Bulletin, naming: Naming, scope: str) -> Persons:
    """Names of those whom an edition lists."""
    enrolments = {x.enrolment_id for x in bulletin.learners}
    enrolments |= {f.enrolment_id for f in bulletin.featured if f.enrolment_id is not None}
    return name_enrolments(workspace, naming, bulletin.programme_id, scope, enrolments)


def draft_bulletin(
    workspace: Workspace,
    programme_id: str,
    number: int,
    *,
    county: str | None,
    language: str,
    ending: str,
    naming: Naming | None = None,
) -> Path:
    """Write one restricted edition of a bulletin as it would be now, sealing nothing; returns the file.

    Args:
        naming: writes it with names.

    Raises:
        BadConfiguration: there is no such bulletin or county, or a format that a password cannot be put on.
    """
    if naming is not None and naming.password is not None:
        check_lockable([ending])
    with open_marts(workspace.warehouse.published) as con:
        # A workbook has every row.
        bulletin = read_bulletin(con, programme_id, number, county_id=county, only_printed=ending != "xlsx")
    if county is not None:
        known = [g.county_id for g in bulletin.counties if g.county_id]
        if county not in known:
            raise BadConfiguration(f"{programme_id} has no county {county!r}; it has {', '.join(known) or 'none'}")
        bulletin = county_edition(bulletin, county)
    scope = f"draft of bulletin {number}" + ("" if county is None else f", {bulletin.counties[0].label.zh}")
    persons = None if naming is None else _persons_in(workspace, bulletin, naming, scope)
    document = compose(bulletin, language, workspace.definitions.time_zone(programme_id), persons)
    document = replace(document, blocks=[Notice(words_of("bulletin", language)["draft"]), *document.blocks])
    if persons is not None:
        document = marked(document, persons, is_sealed=False)
    folder = (workspace.settings.home / "reports" if naming is None else workspace.settings.named) / "drafts"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{file_part(programme_id)}.{number}.{file_part(county or 'all')}.{language}.{ending}"
    content = FORMATS[ending](document)
    if naming is not None and naming.password is not None:
        content = locked(content, ending, naming.password)
    write_file(file, content, private=True)
    return file


def unsealed(workspace: Workspace, programme_id: str, *, last: int | None = None) -> list[int]:
    """Numbers of the calendar's bulletins that were not issued yet, of the ``last`` so many of them."""
    with open_marts(workspace.warehouse.published) as con:
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
