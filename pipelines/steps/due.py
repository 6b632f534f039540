"""What is due by the packs' calendars: bulletins with the briefings of their dates, and the site that shows them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from rich.markup import escape

from ingest.programmes.rows import Bulletin
from pipelines.console import errors, until_interrupted
from pipelines.reading.calendar import calendar, has_learners
from pipelines.reading.marts import open_marts
from pipelines.reports.bulletin.sealing import read_sealed
from pipelines.reports.site import issued
from pipelines.steps.bulletins import issue_bulletin
from pipelines.steps.reports import write_briefings, write_pages_of_site
from pipelines.workspace import Workspace
from warehouse.errors import XueqingError

__all__ = ["HOUR", "due", "follow_due", "issue_due"]

#: The hour of the day of issue, in the programme's time zone, from which on a bulletin is due.
HOUR = 8
#: Seconds between two looks at whether there is a new build, at the clock, and between two writings of the site.
_LOOK_S, _CLOCK_S, _SITE_S = 2.0, 30.0, 15.0


def due(workspace: Workspace, programme_id: str, now: datetime) -> list[int]:
    """Numbers of the bulletins whose hour has come by the programme's clock, and that are not sealed."""
    if not workspace.warehouse.published.exists():
        return []
    here = now.astimezone(ZoneInfo(workspace.definitions.time_zone(programme_id)))
    with open_marts(workspace.warehouse.published) as con:
        if not has_learners(con, programme_id):
            return []
        issues = calendar(con, programme_id)
    return [
        issue.number
        for issue in issues
        if (issue.issued_on, HOUR) <= (here.date(), here.hour if issue.issued_on == here.date() else HOUR)
        and read_sealed(workspace.settings.bulletins, programme_id, issue.number) is None
    ]


def issue_due(workspace: Workspace, now: datetime | None = None) -> Iterator[tuple[str, int]]:
    """Issue what is due, and write the briefings of its date; gives each bulletin when it is there.

    Args:
        now: by default the programme's own time, the end of the newest day that the marts know: for a simulation that unfolds.
    """
    for programme_id in workspace.definitions.programmes:
        dates = {row.number: row.as_of_on for row in workspace.definitions.in_force(programme_id).rows(Bulletin)}
        moment = now or _newest(workspace, programme_id)
        for number in due(workspace, programme_id, moment) if dates and moment is not None else ():
            issue_bulletin(workspace, programme_id, number)
            write_briefings(workspace, programme_id, dates[number], formats=["html", "xlsx"])
            yield programme_id, number


def follow_due(workspace: Workspace, language: str, *, unfolds: bool) -> None:
    """Issue what is due whenever it is, and write the site anew after each build, until interrupted."""
    stopping, shown, site_at_s = threading.Event(), -1, -_SITE_S
    looked, looked_at_s = -1, -_CLOCK_S
    with until_interrupted(stopping.set):
        while not stopping.wait(_LOOK_S):
            published = workspace.warehouse.published
            if not published.exists():
                continue
            try:
                newest = published.stat().st_mtime_ns
                # A look reads every programme's calendar and seals: a build or the hour makes something due, and nothing else.
                if newest != looked or time.monotonic() - looked_at_s >= _CLOCK_S:
                    for programme_id, number in issue_due(workspace, None if unfolds else datetime.now(UTC)):
                        errors.print(f"Bulletin {number} of {escape(programme_id)} is issued.")
                        shown = -1
                    looked, looked_at_s = newest, time.monotonic()
                # Before the first bulletin there is nothing that the site could show.
                if newest != shown and time.monotonic() - site_at_s >= _SITE_S and issued(workspace.settings.bulletins):
                    page = write_pages_of_site(workspace, language)
                    errors.print(f"The site shows the newest build: {page}", soft_wrap=True)
                    shown, site_at_s = newest, time.monotonic()
            except XueqingError as error:  # told and tried again: what stops one look may be gone with the next build
                errors.print(f"[yellow]{escape(str(error))}[/yellow]")
                stopping.wait(_SITE_S)


def _newest(workspace: Workspace, programme_id: str) -> datetime | None:
    if not workspace.warehouse.published.exists():
        return None
    with open_marts(workspace.warehouse.published) as con:
        found = con.execute("select max(as_of_on) from dim_dates where programme_id = ?", [programme_id]).fetchone()
    on: date | None = found[0] if found else None
    zone = ZoneInfo(workspace.definitions.time_zone(programme_id))
    return None if on is None else datetime(on.year, on.month, on.day, 23, 59, tzinfo=zone)
