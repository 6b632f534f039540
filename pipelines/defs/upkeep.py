"""What looks after the runs: those whose process has died, and telling people of those that failed."""

from __future__ import annotations

import dagster as dg

from pipelines.alerts import Alert, send
from pipelines.defs.running import Open, forget_run, is_lost

__all__ = ["alert_of", "definitions"]

_SENSOR_S = 30
_UNDER_WAY = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def alert_of(context: dg.RunFailureSensorContext) -> Alert:
    """What is told of a failed run: what its failed steps said, which quotes no data (see :func:`step`)."""
    run = context.dagster_run
    reasons = []
    for event in context.get_step_failure_events():
        data = event.step_failure_data
        told = data.user_failure_data.description if data.user_failure_data else None
        reasons.append(f"{event.step_key}: {told or (data.error.cls_name if data.error else 'failed')}")
    return Alert(run.job_name, run.tags.get("dagster/partition"), run.run_id, reasons or ["the run's process has died"])


def definitions(open_workspace: Open) -> dg.Definitions:
    """Sensors over all jobs."""

    @dg.sensor(minimum_interval_seconds=_SENSOR_S, default_status=dg.DefaultSensorStatus.RUNNING)
    def runs_whose_process_died(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        """Says that they have failed; Dagster then runs them again (run_retries in dagster.yaml)."""
        home = open_workspace().settings.home
        lost = []
        for run in context.instance.get_runs(dg.RunsFilter(statuses=_UNDER_WAY)):
            if is_lost(home, run.run_id):
                context.instance.report_run_failed(run, "The process of this run has died.")
                lost.append(run.run_id)
        for file in (home / "runs").glob("*.alive"):
            known = context.instance.get_run_by_id(file.stem)
            if known is None or known.is_finished:
                forget_run(home, file.stem)
        return dg.SkipReason(f"lost: {', '.join(lost)}" if lost else "none was lost")

    @dg.run_failure_sensor(default_status=dg.DefaultSensorStatus.RUNNING)
    def tell_of_failures(context: dg.RunFailureSensorContext) -> None:
        """By webhook and mail, where the settings name them."""
        send(open_workspace().settings, alert_of(context))

    return dg.Definitions(sensors=[runs_whose_process_died, tell_of_failures])
