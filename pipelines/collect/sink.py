"""Reads the log into the lake, with its progress shown."""

from __future__ import annotations

from ingest.log.port import EventLog
from ingest.sink import BatchReport, Sink, SinkOptions
from pipelines.console import progress, until_interrupted
from pipelines.continuity import check_lake
from pipelines.workspace import Workspace
from warehouse.lake import Lake

__all__ = ["run_sink", "sink_into"]


def run_sink(workspace: Workspace, options: SinkOptions | None = None, *, follow: bool = False) -> tuple[int, int]:
    """Sink what is behind; returns (accepted, quarantined).

    Raises:
        NoLog: there is none.
        LakeMismatch, LogReplaced: the log is not the one that the lake was made from.
    """
    lake, log = workspace.lake, workspace.existing_log
    check_lake(lake, log)
    return sink_into(lake, log, options, follow=follow)


def sink_into(
    lake: Lake, log: EventLog, options: SinkOptions | None, *, follow: bool = False, title: str = "Sink into the lake"
) -> tuple[int, int]:
    """The same for a lake and a log that were opened."""
    lake.bind(log.log_id)
    behind = sum(max(0, end - lake.next_offset(p)) for p, end in log.end_offsets().items())
    accepted = quarantined = 0
    with progress() as bar:
        task = bar.add_task(title, total=None if follow else behind)

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
