"""Whether the lake was made from the log as it is."""

from __future__ import annotations

from ingest.log.continuity import check_continues
from ingest.log.port import EventLog
from ingest.sink import REMEDY
from warehouse.lake import Lake

__all__ = ["check_lake"]


def check_lake(lake: Lake, log: EventLog) -> None:
    """That ``lake``, where there is one, was made from ``log`` as it is.

    Raises:
        LakeMismatch: it was made from another.
        LogReplaced: the log does not hold what the lake has covered.
        LogUnavailable: the log cannot be asked.
    """
    if lake.exists:
        lake.bind(log.log_id)
        lake.refresh()
        check_continues(log, lake.all_covered(), "the lake", REMEDY)
