"""Whether a log is still the one that was read before.

A log's id survives a restore, and a Kafka topic that was deleted and made again has the id of the first. So whatever reads
a log keeps, of each partition, a mark of the last record that it has taken: :func:`mark_of` what the record says and when
it was recorded. A log that does not hold that record there has lost it, and all that it took since would be passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from ingest.log.port import EventLog, Slice
from warehouse.errors import LogReplaced
from warehouse.lake import Covered

__all__ = ["check_continues", "mark_of", "marks_of"]


def mark_of(recorded_at_us: int, value: bytes | None) -> int:
    """Names a record by what it says and when it was recorded: a whole number of 63 bits."""
    digest = sha256(recorded_at_us.to_bytes(8, "big", signed=True))
    if value is not None:
        digest.update(b"\1" + value)
    return int.from_bytes(digest.digest()[:8], "big") >> 1


def marks_of(slices: list[Slice]) -> dict[int, int]:
    """The mark of the last record of each partition; of several slices of one the last counts."""
    return {s.partition: mark_of(s.recorded_at_us[-1], s.values[-1]) for s in slices if s.offsets}


def check_continues(log: EventLog, covered: Mapping[int, Covered], whose: str, remedy: str) -> None:
    """That ``log`` holds what was read of it before.

    What the log's retention has deleted cannot be compared; whether that was read is told elsewhere.

    Args:
        covered: how far each partition was read.
        whose: who has read it, such as "the lake".
        remedy: what to do where the newer log is lost for good.

    Raises:
        LogReplaced: it ends before that, or the last record that was read is another now.
        LogUnavailable: it cannot be asked.
    """
    begin, end = log.begin_offsets(), log.end_offsets()
    for partition, (offset, mark) in sorted(covered.items()):
        if offset == 0:
            continue
        if end.get(partition, 0) < offset:
            found = (
                f"partition {partition} of the log ends at {end.get(partition, 0):,}, {whose} has read up to {offset:,}"
            )
        elif mark is None or begin.get(partition, 0) >= offset:
            continue
        else:
            record = log.record_at(partition, offset - 1)
            if record is not None and mark_of(*record) == mark:
                continue
            found = f"record {offset - 1:,} of partition {partition} of the log is not the one that {whose} has read"
        raise LogReplaced(
            f"{found}: the log was restored from an older copy, or made again under the same name. Nothing is read from it. "
            f"Put the newest copy of the log back; where it is lost: {remedy}"
        )
