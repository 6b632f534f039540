"""A log's records in another log."""

from __future__ import annotations

from contextlib import closing

from ingest.log.port import EventLog, NewRecord
from pipelines.console import progress
from pipelines.workspace import open_log
from warehouse.errors import BadConfiguration, LogUnavailable

__all__ = ["copy_records"]

_POLL_RECORDS, _POLL_BYTES, _POLL_S = 10_000, 1 << 25, 5.0
#: Polls in a row that give nothing although there is something.
_PATIENCE = 12


def copy_records(log: EventLog, to: str) -> int:
    """Append to the log that ``to`` names what it lacks of ``log``; returns how many records.

    Each stands in the same partition, in the same order: as many as are there have been copied before. Kafka keeps times to
    the millisecond.

    Raises:
        BadConfiguration: ``to`` is the same log, has another number of partitions, or holds more than ``log`` does.
        LogUnavailable: one of them cannot be reached; run it again.
    """
    with closing(open_log(to, log.partition_count)) as target:
        if target.log_id == log.log_id:
            raise BadConfiguration(f"{to} is the log itself, or a copy of its file; name a new one")
        if target.partition_count != log.partition_count:
            raise BadConfiguration(
                f"{to} has {target.partition_count} partitions, the log {log.partition_count}: a key would change its partition"
            )
        begins, ends, done = log.begin_offsets(), log.end_offsets(), target.end_offsets()
        if any(done[p] > end - begins[p] for p, end in ends.items()):
            raise BadConfiguration(f"{to} holds more than the log does; name a new one")
        return _copy(log, target, begins, ends, done)


def _copy(log: EventLog, target: EventLog, begins: dict[int, int], ends: dict[int, int], done: dict[int, int]) -> int:
    # Offsets may have gaps: what is there already is counted, not looked up.
    skipped, position = dict.fromkeys(ends, 0), dict(begins)
    copied = idle = 0
    with log.reader(lambda partition: begins[partition]) as reader, progress() as bar:
        task = bar.add_task("Copy the log", total=sum(end - begins[p] for p, end in ends.items()))
        while any(position[p] < end for p, end in ends.items()):
            slices = reader.poll(_POLL_RECORDS, _POLL_BYTES, _POLL_S)
            idle = 0 if slices else idle + 1
            if idle > _PATIENCE:
                raise LogUnavailable("the log gives no more records, although there are some; run it again")
            for piece in slices:
                p = piece.partition
                keep = sum(offset < ends[p] for offset in piece.offsets)
                skip = min(keep, done[p] - skipped[p])
                skipped[p] += skip
                rows = zip(piece.values[skip:keep], piece.recorded_at_us[skip:keep], strict=True)
                copied += len(target.append([NewRecord(b"", value or b"", at, p) for value, at in rows]))
                position[p] = piece.offsets[-1] + 1
                bar.advance(task, keep)
    return copied
