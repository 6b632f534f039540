"""A batch of records into rows of the lake, in columns."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.events import Envelope, Refusal, parse_time
from ingest.events.validation import MAX_RECORD_BYTES, payload_text, read_record, recording_times
from ingest.log.port import Slice
from ingest.sink.fast_check import ENVELOPE_FIELDS, canonical_sql
from warehouse.lake import ACCEPTED, QUARANTINED, RECORDS

__all__ = ["BatchParser", "ParsedBatch"]

_TIME = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class ParsedBatch:
    """Rows in the lake's schema, one a record, with their counts."""

    rows: pa.Table
    accepted: int
    quarantined: int


class BatchParser:
    """Parses batches on ``threads`` DuckDB connections of one thread each.

    One connection does not spread a query over an Arrow table of this size: 100,000 records
    took 0.53 s on it with two threads, 0.35 s on two of one thread.
    """

    def __init__(self, *, threads: int = 2) -> None:
        self._connections = [duckdb.connect(config={"threads": 1}) for _ in range(threads)]
        for con in self._connections:
            con.execute("set timezone = 'UTC'")
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="parse", initializer=_go_second)

    def close(self) -> None:
        """Release the connections."""
        self._pool.shutdown()
        for con in self._connections:
            con.close()

    def _surely(self, batch: pa.Table) -> pa.Table:
        """What the fast check finds in the records of ``batch`` that it is sure of, in their order; nothing where it fails."""
        share = -(-len(batch) // len(self._connections))
        parts = [batch.slice(start, share) for start in range(0, len(batch), share)]
        try:
            found = pa.concat_tables(self._pool.map(_check_part, self._connections, parts))
        except duckdb.Error:
            # No text is known to do that; were there one, each record would be looked at by itself.
            found = _check_part(self._connections[0], batch.slice(0, 0))
        is_sure = found["is_event"]
        return found if pc.all(is_sure).as_py() else found.filter(is_sure)

    def are_bare(self, values: Sequence[bytes], recorded_at: datetime) -> set[int]:
        """Which values are surely events with nothing in them but what rules read: no free text, and no member that is not the type's.

        The other ones may be so, too: :func:`ingest.sealed_records.sealed_record` looks at each.
        """
        count = len(values)
        found = self._surely(
            pa.table(
                {
                    "i": pa.array(np.arange(count, dtype=np.int32)),
                    "recorded_at": pa.repeat(pa.scalar(recorded_at, _TIME), count),
                    "value": _texts([None if b'"sealed"' in value else value for value in values]),
                }
            )
        )
        return set(found["i"].to_pylist())

    def parse(self, slices: Sequence[Slice]) -> ParsedBatch:
        """One row for every record of ``slices``, ordered by partition and offset."""
        slices = sorted(slices, key=lambda s: (s.partition, s.offsets[0]))
        values = list(chain.from_iterable(piece.values for piece in slices))
        told = list(chain.from_iterable(piece.recorded_at_us for piece in slices))
        sizes = [len(piece) for piece in slices]
        times = recording_times(datetime.now(UTC))
        # Where the log cannot have been so early or late, the record is set aside, as of the earliest time there is.
        recorded = [us if times[0] <= us <= times[1] else times[0] for us in told]
        base = pa.table(
            {
                "partition": pa.array(np.repeat(np.array([s.partition for s in slices], np.int32), sizes)),
                "offset": pa.chunked_array([pa.array(s.offsets, pa.int64()) for s in slices]),
                "recorded_at": pa.array(recorded, pa.int64()).cast(_TIME),
            }
        )
        texts = _texts([value if was == us else None for value, was, us in zip(values, told, recorded, strict=True)])
        found = self._surely(
            pa.table(
                {
                    "i": pa.array(np.arange(len(values), dtype=np.int32)),
                    "recorded_at": base["recorded_at"],
                    "value": texts,
                }
            )
        )
        unsure = _others(len(values), found)
        if not len(unsure):
            return ParsedBatch(_fast_rows(base, found), len(values), 0)
        slow = _slow_rows(base.take(unsure), [(values[i], told[i]) for i in unsure.tolist()], times)
        quarantined = pc.sum(pc.equal(slow["disposition"], QUARANTINED)).as_py() or 0
        rows = pa.concat_tables([_fast_rows(base.take(found["i"]), found), slow])
        rows = rows.sort_by([("partition", "ascending"), ("offset", "ascending")])
        return ParsedBatch(rows, len(rows) - quarantined, quarantined)


def _others(count: int, found: pa.Table) -> np.ndarray[Any, np.dtype[np.int32]]:
    """The places of the ``count`` records that are not among ``found``."""
    rest = np.ones(count, np.bool_)
    rest[found["i"].to_numpy()] = False
    return np.flatnonzero(rest).astype(np.int32)


def _go_second() -> None:
    # Where cores are few, the thread that polls goes first: on two, 7 % more from Kafka.
    if sys.platform == "linux":  # elsewhere a priority is the whole process's
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(os.getpriority(os.PRIO_PROCESS, 0) + 10, 19))


def _check_part(con: duckdb.DuckDBPyConnection, batch: pa.Table) -> pa.Table:
    return con.execute(canonical_sql()).to_arrow_table()  # reads `batch` by its name


def _texts(values: list[bytes | None]) -> pa.Array:
    """The values as text; null where a value is no text or too large to be one."""
    raw = pa.array(values, pa.binary())
    longest = pc.max(pc.binary_length(raw)).as_py() or 0
    try:
        if longest <= MAX_RECORD_BYTES:
            return raw.cast(pa.string())
    except pa.ArrowInvalid:  # some value is not UTF-8
        pass
    return pa.array([_decoded(v) if v is None or len(v) <= MAX_RECORD_BYTES else None for v in values], pa.string())


def _decoded(value: bytes | None) -> str | None:
    if value is None:
        return None
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _fast_rows(base: pa.Table, found: pa.Table) -> pa.Table:
    count = len(base)
    columns: dict[str, pa.Array | pa.ChunkedArray] = {name: base[name] for name in base.column_names}
    columns["disposition"] = pa.repeat(ACCEPTED, count)
    for name in (*ENVELOPE_FIELDS, "event_version", "occurred_at", "enrolment_id", "payload"):
        columns[name] = found[name]
    return _as_records(columns, count)


def _as_records(columns: dict[str, pa.Array | pa.ChunkedArray], count: int) -> pa.Table:
    return pa.table(
        [columns[f.name].cast(f.type) if f.name in columns else pa.nulls(count, f.type) for f in RECORDS],
        schema=RECORDS,
    )


def _slow_rows(base: pa.Table, records: list[tuple[bytes | None, int]], times: tuple[int, int]) -> pa.Table:
    """The rows of records (their bytes, and when the log says that it took them) that the fast check is unsure of, one by one."""
    rows = []
    for value, recorded_us in records:
        verdict = read_record(value, recorded_us, times)
        rows.append(_refused(verdict, value) if isinstance(verdict, Refusal) else _accepted(verdict))
    made = {
        name: pa.array(column, RECORDS.field(name).type)
        for name, column in zip(_TOLD, zip(*rows, strict=True), strict=True)
    }
    return _as_records({name: base[name] for name in base.column_names} | made, len(records))


#: Columns that a record's bytes tell.
_TOLD = (
    "disposition", *ENVELOPE_FIELDS, "event_version", "occurred_at", "enrolment_id", "payload", "reason", "field", "detail", "raw",
)  # fmt: skip
_NOTHING_TOLD = (None,) * (len(ENVELOPE_FIELDS) + 4)


def _refused(refusal: Refusal, value: bytes | None) -> tuple[object, ...]:
    return (QUARANTINED, *_NOTHING_TOLD, refusal.reason.value, refusal.field, refusal.detail, value or b"")


def _accepted(event: Envelope) -> tuple[object, ...]:
    return (
        ACCEPTED, event.event_id, event.event_type, event.programme_id, event.learner_key, event.staff_key, event.source, event.replaces,
        event.event_version, parse_time(event.occurred_at), event.payload.get("enrolment_id"), payload_text(event), None, None, None, None,
    )  # fmt: skip
