"""From the log to the lake: the sink, its account, and the lake's maintenance."""

# No postponed annotations: Dagster reads those of the context.

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
from dagster import AssetExecutionContext, OpExecutionContext

from pipelines.collect.sink import run_sink
from pipelines.defs.keys import LOG, RECORDS
from pipelines.defs.running import Open, step
from pipelines.reading.accounting import account

__all__ = ["definitions", "sink_asset"]


def sink_asset(open_workspace: Open) -> dg.AssetsDefinition:
    """The lake's records, as far as the log goes."""
    claim = dg.AssetCheckSpec(
        "records_account_for_every_offset", asset=RECORDS, blocking=True,
        description="What was accepted and what was quarantined are all the offsets covered, and the build has read all it says.",
    )  # fmt: skip

    records = dg.AssetSpec(
        RECORDS, deps=[LOG], group_name="lake", kinds={"deltalake"},
        description="Every record of the log, accepted or quarantined, exactly once.",
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=6), warn_window=timedelta(hours=1)),
    )  # fmt: skip

    @dg.multi_asset(
        name="sink",
        specs=[records],
        check_specs=[claim],
    )
    def sink(context: AssetExecutionContext) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        with step(context, open_workspace) as workspace:
            accepted, quarantined = run_sink(workspace)
            yield dg.MaterializeResult(RECORDS, metadata={"accepted": accepted, "quarantined": quarantined})
            found = account(workspace.existing_log, workspace.lake, workspace.warehouse)
            yield dg.AssetCheckResult(
                passed=not found.problems, asset_key=RECORDS, check_name=claim.name,
                metadata={"problems": found.problems, "warnings": found.warnings},
            )  # fmt: skip

    return sink


def definitions(open_workspace: Open) -> dg.Definitions:
    """The sink every five minutes, maintenance every night."""

    @dg.op
    def maintain_lake(context: OpExecutionContext) -> None:
        """Join the lake's small files and delete those that no recent reader needs."""
        with step(context, open_workspace) as workspace:
            if workspace.lake.exists:
                done = workspace.lake.maintain()
                context.log.info(f"{done.files_before} files became {done.files_after}; {done.files_deleted} deleted")

    @dg.job
    def maintain() -> None:
        """Keep the lake quick to read."""
        maintain_lake()

    sink = dg.define_asset_job(
        "sink_log", dg.AssetSelection.assets(RECORDS), description="Move what is new in the log to the lake."
    )
    running = dg.DefaultScheduleStatus.RUNNING
    return dg.Definitions(
        assets=[
            dg.AssetSpec(LOG, group_name="log", description="Learner events as they came, in order; the only truth."),
            sink_asset(open_workspace),
        ],
        jobs=[sink, maintain],
        schedules=[
            dg.ScheduleDefinition(
                name="sink_every_five_minutes", job=sink, cron_schedule="*/5 * * * *", default_status=running
            ),
            dg.ScheduleDefinition(
                name="maintain_every_night", job=maintain, cron_schedule="30 3 * * *", default_status=running
            ),
        ],
    )
