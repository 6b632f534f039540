"""Brings back into a log what it has lost and the lake still has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import msgspec

from ingest.events import Envelope, encode_raw, format_time
from ingest.log.port import EventLog, NewRecord
from pipelines.console import progress
from warehouse.lake import ACCEPTED, Lake
from warehouse.query import connect_lake

__all__ = ["recover"]

_BATCH = 10_000
_LOST = """
select "partition", "offset", epoch_us(recorded_at) as recorded_us, disposition, event_id, event_type, event_version,
    occurred_at, programme_id, learner_key, staff_key, source, replaces, payload, raw
from lake.records where "partition" = ? and "offset" >= ? order by "offset"
"""


def recover(log: EventLog, lake: Lake) -> int:
    """Append to the log, in their order and with the times at which they were recorded, the records that it lacks.

    An accepted record comes back as what the lake kept of it, which says the same; a quarantined one byte for byte. Run
    again after it was interrupted, it appends to an embedded log only what is missing still; Kafka may get some twice,
    which count once.

    Returns:
        How many were appended.
    """
    appended = 0
    lake.refresh()
    with connect_lake(lake) as con, progress() as bar:
        for partition, covered in lake.all_covered().items():
            first = _first_lost(con, log, partition, covered.next_offset)
            task = bar.add_task(f"Bring back partition {partition}", total=covered.next_offset - first)
            for batch in _batches(con, partition, first):
                name = f"recover/{log.log_id}/{partition}/{batch[0]['offset']}/{batch[-1]['recorded_us']}"
                appended += len(log.append([_record(row) for row in batch], batch_id=name))
                bar.advance(task, len(batch))
    return appended


def _first_lost(con: duckdb.DuckDBPyConnection, log: EventLog, partition: int, following: int) -> int:
    """The first offset at which the log does not hold what the lake does; before it all is the same, as an older copy is."""
    low, high = 0, following
    while low < high:
        middle = (low + high) // 2
        # Offsets may have gaps: the next record that the lake has tells.
        row = con.execute(
            'select min("offset"), arg_min(epoch_us(recorded_at), "offset") from lake.records'
            ' where "partition" = ? and "offset" >= ? and "offset" < ?',
            [partition, middle, high],
        ).fetchone()
        assert row is not None
        offset, recorded_us = row
        if offset is None:
            high = middle
            continue
        found = log.record_at(partition, offset)
        if found is not None and found[0] == recorded_us:
            low = offset + 1
        else:
            high = middle
    return low


def _batches(con: duckdb.DuckDBPyConnection, partition: int, first: int) -> Iterator[list[dict[str, Any]]]:
    answer = con.cursor().execute(_LOST, [partition, first])
    names = [column[0] for column in answer.description]
    while rows := answer.fetchmany(_BATCH):
        yield [dict(zip(names, row, strict=True)) for row in rows]


def _record(row: dict[str, Any]) -> NewRecord:
    if row["disposition"] != ACCEPTED:
        return NewRecord(b"", row["raw"] or b"", row["recorded_us"])
    envelope = Envelope(
        event_id=row["event_id"],
        event_type=row["event_type"],
        event_version=row["event_version"],
        occurred_at=format_time(row["occurred_at"]),
        programme_id=row["programme_id"],
        learner_key=row["learner_key"],
        staff_key=row["staff_key"],
        source=row["source"],
        replaces=row["replaces"],
        payload=msgspec.Raw(row["payload"].encode()),
    )
    key = envelope.learner_key or envelope.staff_key or envelope.event_id
    return NewRecord(key.encode(), encode_raw(envelope), row["recorded_us"])
