"""Brings the index up to where the log ends."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from ingest.log.continuity import check_continues, mark_of
from ingest.log.port import EventLog, LogReader
from ingest.lrs.index.port import Record, SetAside, StatementIndex
from ingest.lrs.writing.projection import record_of

__all__ = [
    "REMEMBERED_DAYS",
    "catch_up",
    "check_log",
    "follow",
    "records_behind",
    "remembered_since",
    "retry_set_aside",
]

#: Days for which the index remembers an event's id, so that a repeat over HTTP is told from a new event.
REMEMBERED_DAYS = 7
_POLL_RECORDS, _POLL_BYTES = 5_000, 1 << 26
#: Records that were set aside and are read again at a start, at most; and seconds that each may take.
_RETRIED, _PATIENCE_S = 1_000, 10.0


def catch_up(log: EventLog, index: StatementIndex, report: Callable[[int], None] = lambda records: None) -> int:
    """Apply all records that the index has not seen; returns how many there were.

    Args:
        report: called with the size of each batch that was applied.

    Raises:
        LogReplaced: the log does not hold what the index has applied.
    """
    check_log(log, index)
    with index.exclusive(), log.reader(lambda partition: index.positions().get(partition, 0)) as reader:
        return follow(log, index, reader, report)


def follow(
    log: EventLog, index: StatementIndex, reader: LogReader, report: Callable[[int], None] = lambda records: None,
    aside: list[SetAside] | None = None,
) -> int:  # fmt: skip
    """Apply what ``reader`` gives, up to where the log ends now; returns how many records there were.

    Args:
        aside: takes the records that the index cannot take in.
    """
    applied, ends = 0, log.end_offsets()
    while any(index.positions().get(p, 0) < end for p, end in ends.items()):
        since = remembered_since()
        slices = reader.poll(_POLL_RECORDS, _POLL_BYTES, 5.0)
        records = []
        for piece in slices:
            rows = zip(piece.offsets, piece.values, piece.recorded_at_us, strict=True)
            records += [record_of(piece.partition, *row, since) for row in rows]
            mark = mark_of(piece.recorded_at_us[-1], piece.values[-1])
            records[-1] = msgspec.structs.replace(records[-1], mark=mark)
        found = index.apply(records)
        if aside is not None:
            aside += found
        applied += len(records)
        report(len(records))
    return applied


def retry_set_aside(log: EventLog, index: StatementIndex) -> list[SetAside]:
    """Read again up to :data:`_RETRIED` records that were set aside; returns those that the index still cannot take in."""
    waiting = index.set_aside()[:_RETRIED]
    if not waiting:
        return []
    records: list[Record] = []
    with index.exclusive(), log.reader(lambda partition: 0) as reader:
        for partition, offset, _ in waiting:
            reader.seek(partition, offset)
            records += _one_of(reader, partition, offset)
        return index.apply_again(records)


def _one_of(reader: LogReader, partition: int, offset: int) -> list[Record]:
    """The record at an offset, to which ``reader`` was set; none where the log no longer holds it."""
    ends = time.monotonic() + _PATIENCE_S
    while time.monotonic() < ends:
        for piece in reader.poll(1, 1, 1.0):
            if piece.partition == partition and piece.offsets[0] >= offset:
                if piece.offsets[0] != offset:
                    return []
                return [record_of(partition, offset, piece.values[0], piece.recorded_at_us[0], remembered_since())]
    return []


def check_log(log: EventLog, index: StatementIndex) -> None:
    """Check that the log holds what the index has applied; raises LogReplaced where it does not."""
    with index.exclusive():
        covered = index.covered()
    check_continues(
        log, covered, "the index of statements",
        "`xueqing serve --rebuild` makes the index again from this log, without what it lacks",
    )  # fmt: skip


def records_behind(log: EventLog, index: StatementIndex) -> int:
    """How many records of the log the index has not seen; raises LogUnavailable."""
    done = index.positions()
    return sum(max(0, end - done.get(p, 0)) for p, end in log.end_offsets().items())


def remembered_since() -> int:
    """Events recorded before this time, in microseconds since 1970, are not remembered."""
    return time.time_ns() // 1000 - REMEMBERED_DAYS * 86_400_000_000
