"""The lake and the warehouse made again from the log: looked at first, made beside, and put in place when whole."""

from __future__ import annotations

import shutil
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from ingest.log.continuity import check_continues
from ingest.log.port import EventLog
from ingest.sink import REMEDY, SinkOptions
from pipelines.collect.sink import sink_into
from pipelines.console import errors
from pipelines.continuity import check_lake
from pipelines.keeping.recovering import recover
from pipelines.settings import Settings
from pipelines.steps.build import build
from pipelines.workspace import Workspace
from warehouse.build import BuildOptions, BuildReport
from warehouse.errors import BadConfiguration, LakeDamaged, LakeMismatch, LogReplaced, WarehouseDamaged
from warehouse.lake import Covered, Lake
from warehouse.publish import read_info
from warehouse.renewal import FRESH, clear_leftovers, is_local, renewing, swap

__all__ = ["rebuild"]


def rebuild(
    settings: Settings, memory: str, *, with_recovery: bool = False, accept_loss: bool = False
) -> tuple[BuildReport, Path | None]:
    """Make the lake and the warehouse again; the old ones stay until the new lake is whole, the published file until the build is.

    Args:
        with_recovery: bring back into the log what only the lake has.
        accept_loss: go on though the log lacks what the lake has, or is another than it was made from.

    Returns:
        What was built, and where the old lake was kept: that of a log that is no more the same.

    Raises:
        BadConfiguration: the lake is in object storage.
        NoLog: there is no log.
        LogReplaced, LakeMismatch: the log is not the one that the lake was made from; nothing was changed.
        LakeBusy: a sink is running.
        BuildFailed: the lake is made again, the warehouse could not be; the published file stands.
    """
    if not is_local(settings.lake):
        raise BadConfiguration(
            "a lake in object storage cannot be put in another's place at once: give the new one another name "
            "(XUEQING_LAKE=s3://…), run xueqing sink and xueqing build, and delete the old one then"
        )
    workspace = Workspace(settings)
    log = workspace.existing_log
    with renewing(settings.lake):
        is_another = _look(workspace, log, is_loss_accepted=accept_loss, is_recovered=with_recovery)
        if is_another and with_recovery:
            count = recover(log, workspace.lake)
            errors.print(f"{count:,} records that only the lake had are in the log again.")
        clear_leftovers(settings.lake)
        _make(log, settings.lake)
        kept = swap(settings.lake, f"records.before-{datetime.now(UTC):%Y%m%dT%H%M%S}" if is_another else None)
    return build(Workspace(settings), BuildOptions(full=True, memory=memory)), kept


def _look(workspace: Workspace, log: EventLog, *, is_loss_accepted: bool, is_recovered: bool) -> bool:
    """Compare the log with what was read of it; whether it is another, which was asked for."""
    try:
        check_lake(workspace.lake, log)
        if not workspace.lake.exists:
            _check_published(workspace, log)
    except LakeDamaged as error:
        errors.print(f"[yellow]It cannot be compared with the log:[/yellow] {error}", soft_wrap=True)
        if is_recovered:
            raise
        _check_published(workspace, log)
    except (LakeMismatch, LogReplaced) as error:
        if is_loss_accepted or (is_recovered and isinstance(error, LogReplaced)):
            return True
        raise
    return False


def _check_published(workspace: Workspace, log: EventLog) -> None:
    """Without a lake to ask, the published file tells how far the log has been read."""
    with suppress(WarehouseDamaged):
        info = read_info(workspace.warehouse.published)
        if info is not None:
            read = {int(p): Covered(offset, None) for p, offset in info.next_offsets.items()}
            check_continues(log, read, "the warehouse", REMEDY)


def _make(log: EventLog, uri: str) -> None:
    """Read the whole log into a new table beside the old one; where that fails, nothing of it stays."""
    ends = log.end_offsets()
    fresh = Lake(uri, table=FRESH)
    try:
        # A consumer group of its own: sinks into other lakes keep their partitions.
        options = SinkOptions(group=f"xueqing-rebuild-{uuid.uuid4()}")
        sink_into(fresh, log, options, title="Read the log into a new lake")
        if any(fresh.next_offset(p) < end for p, end in ends.items()):
            raise KeyboardInterrupt  # it was told to stop before the end
    except BaseException:
        shutil.rmtree(Path(uri) / FRESH, ignore_errors=True)
        raise
