"""Bulletins by their packs' calendars, the briefings of their dates, evaluation reports, and the site that shows them all."""

# No postponed annotations: Dagster reads those of the context.

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster import AssetExecutionContext

from ingest.programmes.pack import Pack
from ingest.programmes.rows import Bulletin
from pipelines.defs.keys import PUBLISHED, RECORDS, SITE, briefings_key, bulletins_key, evaluation_key
from pipelines.defs.running import Open, step
from pipelines.steps import surveys
from pipelines.steps.bulletins import issue_bulletin, write_named_bulletin
from pipelines.steps.due import due
from pipelines.steps.naming import scheduled
from pipelines.steps.reports import write_briefings, write_evaluation, write_pages_of_site
from pipelines.survey.form import form_ids

__all__ = ["definitions"]

_SENSOR_S = 30
#: The language of what is written in one language, where none is set.
_LANGUAGE = "zh"


def _partition(number: int) -> str:
    return f"{number:03d}"


def _numbers(pack: Pack) -> list[int]:
    return sorted(row.number for row in pack.rows(Bulletin))


def _partitions(pack: Pack) -> dg.StaticPartitionsDefinition:
    return dg.StaticPartitionsDefinition([_partition(n) for n in _numbers(pack)])


def _bulletin_asset(open_workspace: Open, pack: Pack) -> dg.AssetsDefinition:
    programme = pack.programme_id

    @dg.asset(
        key=bulletins_key(programme), deps=[PUBLISHED], group_name="bulletins", kinds={"html", "pdf", "excel"},
        partitions_def=_partitions(pack),
        description=f"{pack.label_en} ({pack.label_zh}): every edition of a bulletin, sealed when it is issued.",
    )  # fmt: skip
    def bulletin(context: AssetExecutionContext) -> dg.MaterializeResult[None]:
        with step(context, open_workspace) as workspace:
            done, was_sealed = issue_bulletin(workspace, programme, int(context.partition_key))
            seal = done.seal
            named: dict[str, Any] = {}
            if naming := scheduled(workspace.settings, "bulletins"):
                number = int(context.partition_key)
                folder, files = write_named_bulletin(
                    workspace,
                    programme,
                    number,
                    naming,
                    language=workspace.settings.language or _LANGUAGE,
                    formats=["xlsx", "pdf"],
                )
                named = {"folder with names": dg.MetadataValue.path(folder), "files with names": len(files)}
            return dg.MaterializeResult(
                metadata={
                    "folder": dg.MetadataValue.path(done.folder), "as of": str(seal.as_of), "build": seal.build_id,
                    "sealed at": seal.sealed_at.isoformat(), "sealed before": was_sealed, "files": len(seal.files_sha256),
                    "data SHA-256": seal.data_sha256, **named,
                }
            )  # fmt: skip

    return bulletin


def _briefings_asset(open_workspace: Open, pack: Pack) -> dg.AssetsDefinition:
    programme = pack.programme_id

    @dg.asset(
        key=briefings_key(programme), deps=[PUBLISHED], group_name="briefings", kinds={"html", "pdf", "excel"},
        partitions_def=_partitions(pack),
        description=f"{pack.label_en} ({pack.label_zh}): class and subject briefings, county packs and staff, of a bulletin's date.",
    )  # fmt: skip
    def briefings(context: AssetExecutionContext) -> dg.MaterializeResult[None]:
        with step(context, open_workspace) as workspace:
            calendar_rows = workspace.definitions.in_force(programme).rows(Bulletin)
            as_of = {_partition(row.number): row.as_of_on for row in calendar_rows}
            folder, files = write_briefings(workspace, programme, as_of[context.partition_key])
            metadata: dict[str, Any] = {"folder": dg.MetadataValue.path(folder), "files": files}
            if naming := scheduled(workspace.settings, "briefings"):
                there, count = write_briefings(
                    workspace,
                    programme,
                    as_of[context.partition_key],
                    formats=["xlsx", "pdf"],
                    languages=[workspace.settings.language or _LANGUAGE],
                    naming=naming,
                )
                metadata |= {"folder with names": dg.MetadataValue.path(there), "files with names": count}
            return dg.MaterializeResult(metadata=metadata)

    return briefings


def _evaluation_asset(open_workspace: Open, pack: Pack) -> dg.AssetsDefinition:
    @dg.asset(
        key=evaluation_key(pack.programme_id), deps=[PUBLISHED], group_name="evaluation", kinds={"html", "pdf", "excel"},
        description=f"{pack.label_en} ({pack.label_zh}): the evaluation and survey reports as of the programme's report day.",
    )  # fmt: skip
    def evaluation(context: AssetExecutionContext) -> dg.MaterializeResult[None]:
        with step(context, open_workspace) as workspace:
            folder, files = write_evaluation(workspace, pack.programme_id, None)
            forms = form_ids(workspace.definitions.in_force(pack.programme_id))
            files += sum(surveys.write_survey(workspace, pack.programme_id, None, form_id=name)[1] for name in forms)
            return dg.MaterializeResult(metadata={"folder": dg.MetadataValue.path(folder), "files": files})

    return evaluation


def _job(pack: Pack) -> Any:  # Dagster does not export the type
    return dg.define_asset_job(
        f"issue_{pack.programme_id.replace('-', '_')}",
        # All that it rests on is brought up to date in the same run, so that a check that fails keeps it back.
        dg.AssetSelection.assets(RECORDS, bulletins_key(pack.programme_id), briefings_key(pack.programme_id), evaluation_key(pack.programme_id), SITE) | dg.AssetSelection.groups("staging", "intermediate", "marts", "warehouse"),
        description=f"Sink, build, issue a bulletin of {pack.label_en} with the briefings of its date, and write the evaluation report and the site.",
    )  # fmt: skip


def definitions(open_workspace: Open, packs: Sequence[Pack]) -> dg.Definitions:
    """A programme's bulletins are one asset, each number a partition of it, issued when the calendar says so."""
    packs = [p for p in packs if p.tables["bulletins"]]
    jobs = {pack.programme_id: _job(pack) for pack in packs}
    evaluations = [
        dg.define_asset_job(
            f"evaluate_{p.programme_id.replace('-', '_')}", dg.AssetSelection.assets(evaluation_key(p.programme_id), SITE),
            description=f"Write the evaluation report of {p.label_en}, and the site.",
        )
        for p in packs
    ]  # fmt: skip

    @dg.asset(
        key=SITE, deps=[key(p.programme_id) for p in packs for key in (bulletins_key, briefings_key, evaluation_key)], group_name="reports", kinds={"html"},
        description="All issued reports (public editions) as a static site.",
    )  # fmt: skip
    def site(context: AssetExecutionContext) -> dg.MaterializeResult[None]:
        with step(context, open_workspace) as workspace:
            start = write_pages_of_site(workspace, workspace.settings.language or _LANGUAGE)
            return dg.MaterializeResult(metadata={"start page": dg.MetadataValue.path(start)})

    @dg.sensor(
        jobs=list(jobs.values()), minimum_interval_seconds=_SENSOR_S, default_status=dg.DefaultSensorStatus.RUNNING
    )
    def bulletins_due(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
        """Asks for each bulletin whose hour has come, once; what came while nobody ran is made up for."""
        workspace = open_workspace()
        for pack in packs:
            known = _numbers(pack)
            for number in due(workspace, pack.programme_id, datetime.now(UTC)):
                if number not in known:  # it would fail the sensor for everybody
                    context.log.warning(
                        f"{pack.programme_id}: bulletin {number} came with a pack loaded later; reload the definitions"
                    )
                    continue
                yield dg.RunRequest(
                    run_key=f"{pack.programme_id}/{number}", job_name=jobs[pack.programme_id].name,
                    partition_key=_partition(number),
                )  # fmt: skip

    return dg.Definitions(
        assets=[
            *(
                make(open_workspace, p)
                for p in packs
                for make in (_bulletin_asset, _briefings_asset, _evaluation_asset)
            ),
            site,
        ],
        jobs=[*jobs.values(), *evaluations],
        sensors=[bulletins_due],
    )
