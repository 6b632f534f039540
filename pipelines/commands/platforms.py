"""Commands that bring in the logs of platforms: import moodle, import openedx, import caliper."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from ingest.sources.caliper import CALIPER, agent_of, read_caliper
from ingest.sources.mapped import read_map, read_mapped
from ingest.sources.moodle import MoodleSite, read_moodle
from ingest.sources.openedx import read_openedx
from ingest.sources.report import LINES, ImportReport
from pipelines.collect.platform_logs import ReadLines, agents_at, import_platform, over_lines, platform_of, site_address
from pipelines.commands.sources import import_app, print_report
from pipelines.console import errors, output
from pipelines.settings import Settings
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration

__all__ = ["register"]

#: Names of uncounted events that are printed; the table has all.
_MOST_NAMES = 12
_WHY = {
    "not_named": "no row of sources.csv names them",
    "no_enrolment": "of learners without an enrolment: bring in a roster, then import again",
    "not_told": "the line does not tell what such an event needs",
    "by_roster": "enrolments are the roster's; --open-enrolments follows the platform",
}
ProgrammeOption = Annotated[str, typer.Option("--programme", "-p", help="Programme that the log belongs to.")]
SiteOption = Annotated[str, typer.Option(help="The platform's address: it tells whose accounts these are.")]
OpenOption = Annotated[
    bool,
    typer.Option(
        "--open-enrolments/--no-open-enrolments",
        help="Enrol each learner in each course met, from the programme's first day on.",
    ),
]


class Dates(StrEnum):
    """The order of the numbers in a date."""

    DMY = "dmy"
    MDY = "mdy"
    YMD = "ymd"


def register() -> None:
    """Add the commands to those of ``xueqing import``."""
    import_app.command()(moodle)
    import_app.command()(openedx)
    import_app.command()(caliper)
    import_app.command()(log)


def moodle(
    files: Annotated[list[Path], typer.Argument(help="Log reports or dumps of logstore_standard_log (.gz too).")],
    programme: ProgrammeOption,
    site: SiteOption,
    course: Annotated[
        str, typer.Option(help="The course of lines that do not say theirs: its number in Moodle, or a name.")
    ] = "",
    dates: Annotated[Dates | None, typer.Option(help="Which of a date's numbers comes first.")] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="Zone of the times in the file; by default the programme's.")
    ] = None,
    open_enrolments: OpenOption = False,
) -> None:
    """Append the log of a Moodle: the log report as CSV or JSON, or the table logstore_standard_log as CSV, TSV or JSON.

    What each event counts as is told by the programme's sources.csv and the one that ships (docs/sources.md). An event that none names,
    or of somebody without an enrolment, is kept, and `rpt_uncounted_events` lists it. Run it again when a row or a roster has come.
    """
    workspace = Workspace(Settings.from_environment())
    zone = time_zone or workspace.definitions.time_zone(programme)
    try:
        place = MoodleSite(site_address(site), ZoneInfo(zone), dates.value if dates else None, course)
    except (KeyError, ValueError, OSError):
        raise BadConfiguration(f"--time-zone {zone!r} is none; expected one such as Asia/Shanghai") from None
    read = partial(read_moodle, site=place, needs_course=open_enrolments)
    _import(workspace, "moodle", place.address, programme, files, read, opens_enrolments=open_enrolments)


def openedx(
    files: Annotated[list[Path], typer.Argument(help="Tracking logs, one JSON object a line (.gz too); oldest first.")],
    programme: ProgrammeOption,
    site: SiteOption,
    open_enrolments: OpenOption = False,
) -> None:
    """Append the tracking logs of an Open edX.

    A session counts when it is first met; of a video, the stretches between play and pause, stop, seek or the end. What each event counts
    as is told by the programme's sources.csv and the one that ships (docs/sources.md); what none names is kept and listed in
    `rpt_uncounted_events`.
    """
    workspace, address = Workspace(Settings.from_environment()), site_address(site)
    read = partial(read_openedx, site=address)
    _import(workspace, "openedx", address, programme, files, read, opens_enrolments=open_enrolments)


def caliper(
    files: Annotated[list[Path], typer.Argument(help="Envelopes or events: JSON, a list, or one a line (.gz too).")],
    programme: ProgrammeOption,
    open_enrolments: OpenOption = False,
) -> None:
    """Append Caliper events (1EdTech) of a platform.

    What each event counts as is told by the programme's sources.csv and the one that ships (docs/sources.md), by type and action, such as
    `GradeEvent Graded`; what none names is kept and listed in `rpt_uncounted_events`.
    """
    workspace = Workspace(Settings.from_environment())
    place = platform_of(workspace, "caliper", CALIPER, programme, opens_enrolments=open_enrolments)
    _print(
        workspace, import_platform(workspace, place, files, over_lines(read_caliper, "caliper"), agent_of, "caliper")
    )


def log(
    files: Annotated[list[Path], typer.Argument(help="Tables with a row for each deed: CSV, TSV, XLSX, XLS, ODS.")],
    programme: ProgrammeOption,
    map_file: Annotated[Path, typer.Option("--map", help="What the columns are (docs/sources.md).")],
    open_enrolments: OpenOption = False,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day of a wide table, whose rows have no time: a grade export's."),
    ] = None,
) -> None:
    """Append the log of any other platform: a table with a row for each deed, or with a column for each, by a map of its columns.

    What each event counts as is told by the programme's sources.csv, for the platform that the map names; what none names is kept and
    listed in `rpt_uncounted_events`. A table of totals so far is no log.
    """
    workspace = Workspace(Settings.from_environment())
    try:
        log_map = read_map(map_file.read_text(encoding="utf-8"), map_file.name)
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{map_file} cannot be read as text in UTF-8 ({type(error).__name__})") from None
    zone = log_map.time_zone or workspace.definitions.time_zone(programme)
    if log_map.cells and "at" not in log_map.columns.values() and as_of is None:
        raise BadConfiguration(f"{map_file.name} has no column for the time: say the day of the export with --as-of")
    try:
        read = partial(read_mapped, log_map=log_map, zone=ZoneInfo(zone), as_of=None if as_of is None else as_of.date())
    except (KeyError, ValueError, OSError):
        raise BadConfiguration(f"{map_file.name}: no time zone {zone!r}; expected one such as Asia/Shanghai") from None
    host = log_map.home_page.partition("://")[2]
    source = f"{log_map.platform}:{host}" if host else log_map.platform
    place = platform_of(workspace, log_map.platform, source, programme, opens_enrolments=open_enrolments)
    # The reader gives people as the vault calls them.
    _print(workspace, import_platform(workspace, place, files, read, lambda account: {}, "log"))


def _import(
    workspace: Workspace, platform: str, address: str, programme: str, files: list[Path], read: ReadLines, *, opens_enrolments: bool
) -> None:  # fmt: skip
    source = f"{platform}:{address.partition('://')[2]}"
    place = platform_of(workspace, platform, source, programme, opens_enrolments=opens_enrolments)
    _print(
        workspace, import_platform(workspace, place, files, over_lines(read, platform), agents_at(address), platform)
    )


def _print(workspace: Workspace, report: ImportReport) -> None:
    if report.set_aside:
        report.warnings.append(f"lines that were set aside are kept in {workspace.settings.home / 'rejected'}")
    print_report(report)
    by_reason: dict[str, list[tuple[str, int]]] = {}
    for (name, reason), count in report.uncounted.most_common():
        by_reason.setdefault(reason, []).append((name, count))
    for reason, names in by_reason.items():
        total = sum(count for _, count in names)
        output.print(f"not counted, {_WHY[reason]}: {total:,}", soft_wrap=True)
        for name, count in names[:_MOST_NAMES]:
            output.print(f"  {count:,} {name}", soft_wrap=True, markup=False)
        if len(names) > _MOST_NAMES:
            output.print(f"  and {len(names) - _MOST_NAMES} more names (rpt_uncounted_events has all)")
    if report.used[LINES]:
        errors.print("next: xueqing sink")
