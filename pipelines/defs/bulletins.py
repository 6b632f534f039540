"""Bulletins by their packs' calendars, and the site that shows them."""

# No postponed annotations: Dagster reads those of the context.

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
from dagster import AssetExecutionContext

from ingest.packs import Pack
from pipelines import steps
from pipelines.defs.keys import PUBLISHED, RECORDS, SITE, bulletins_key
from pipelines.defs.running import Open, step
from pipelines.reports.bulletin.read import calendar, has_learners
from pipelines.reports.bulletin.sealing import read_sealed
from pipelines.workspace import Workspace
from warehouse.query import connect

__all__ = ["definitions", "due"]

#: The hour of the day of issue, in the programme's time zone, from which on a bulletin is due.
HOUR = 8
_SENSOR_S = 30


def _partition(number: int) -> str:
    return f"{number:03d}"


def _bulletin_asset(open_workspace: Open, pack: Pack) -> dg.AssetsDefinition:
    programme = pack.programme_id
    numbers = sorted(int(row["number"]) for row in pack.tables["bulletins"])

    @dg.asset(
        key=bulletins_key(programme), deps=[PUBLISHED], group_name="bulletins", kinds={"html", "pdf", "excel"},
        partitions_def=dg.StaticPartitionsDefinition([_partition(n) for n in numbers]),
        description=f"{pack.label_en} ({pack.label_zh}): every edition of a bulletin, sealed when it is issued.",
    )  # fmt: skip
    def bulletin(context: AssetExecutionContext) -> dg.MaterializeResult[None]:
        with step(context, open_workspace) as workspace:
            done, was_sealed = steps.issue_bulletin(workspace, programme, int(context.partition_key))
            seal = done.seal
            return dg.MaterializeResult(
                metadata={
                    "folder": dg.MetadataValue.path(done.folder), "as of": str(seal.as_of), "build": seal.build_id,
                    "sealed at": seal.sealed_at.isoformat(), "sealed before": was_sealed, "files": len(seal.files_sha256),
                    "data SHA-256": seal.data_sha256,
                }
            )  # fmt: skip

    return bulletin


def _job(pack: Pack) -> Any:  # Dagster does not export the type
    return dg.define_asset_job(
        f"issue_{pack.programme_id.replace('-', '_')}",
        # All that it rests on is brought up to date in the same run, so that a check that fails keeps it back.
        dg.AssetSelection.assets(RECORDS, bulletins_key(pack.programme_id), SITE) | dg.AssetSelection.groups("staging", "intermediate", "marts", "warehouse"),
        description=f"Sink, build and issue a bulletin of {pack.label_en}, and write the site.",
    )  # fmt: skip


def due(workspace: Workspace, pack: Pack, now: datetime) -> list[int]:
    """Numbers of the bulletins whose hour has come by the programme's clock, and that are not sealed."""
    if not workspace.warehouse.published.exists():
        return []
    here = now.astimezone(ZoneInfo(pack.timezone))
    with connect(workspace.warehouse.published) as con:
        if not has_learners(con, pack.programme_id):
            return []
        issues = calendar(con, pack.programme_id)
    return [
        issue.number
        for issue in issues
        if (issue.issued_on, HOUR) <= (here.date(), here.hour if issue.issued_on == here.date() else HOUR)
        and read_sealed(workspace.settings.bulletins, pack.programme_id, issue.number) is None
    ]


def definitions(open_workspace: Open, packs: Sequence[Pack]) -> dg.Definitions:
    """A programme's bulletins are one asset, each number a partition of it, issued when the calendar says so."""
    packs = [p for p in packs if p.tables.get("bulletins")]
    jobs = {pack.programme_id: _job(pack) for pack in packs}

    @dg.asset(
        key=SITE, deps=[bulletins_key(p.programme_id) for p in packs], group_name="reports", kinds={"html"},
        description="All issued reports (public editions) as a static site.",
    )  # fmt: skip
    def site(context: AssetExecutionContext) -> dg.MaterializeResult[None]:
        with step(context, open_workspace) as workspace:
            start = steps.write_pages_of_site(workspace, "zh")
            return dg.MaterializeResult(metadata={"start page": dg.MetadataValue.path(start)})

    @dg.sensor(
        jobs=list(jobs.values()), minimum_interval_seconds=_SENSOR_S, default_status=dg.DefaultSensorStatus.RUNNING
    )
    def bulletins_due(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
        """Asks for each bulletin whose hour has come, once; what came while nobody ran is made up for."""
        workspace = open_workspace()
        for pack in packs:
            for number in due(workspace, pack, datetime.now(UTC)):
                yield dg.RunRequest(
                    run_key=f"{pack.programme_id}/{number}", job_name=jobs[pack.programme_id].name,
                    partition_key=_partition(number),
                )  # fmt: skip

    return dg.Definitions(
        assets=[*(_bulletin_asset(open_workspace, p) for p in packs), site],
        jobs=list(jobs.values()),
        sensors=[bulletins_due],
    )
