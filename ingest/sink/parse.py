"""A batch of records into rows of the lake, in columns."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.events import Envelope, Refusal, parse_time, validate
from ingest.events.validation import MAX_RECORD_BYTES
from ingest.log.port import Slice
from ingest.sink.fast_check import ENVELOPE_FIELDS, canonical_sql, extraction_sql
from warehouse.lake import ACCEPTED, QUARANTINED, RECORDS

__all__ = ["BatchParser", "ParsedBatch"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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

    def _extract(self, batch: pa.Table, sql: str) -> pa.Table:
        """What ``sql`` finds in the records of ``batch`` that it is sure of, in their order."""
        share = -(-len(batch) // len(self._connections))
        parts = [batch.slice(start, share) for start in range(0, len(batch), share)]
        found = pa.concat_tables(self._pool.map(_extract_part, self._connections, parts, [sql] * len(parts)))
        is_sure = found["is_event"]
        return found if pc.all(is_sure).as_py() else found.filter(is_sure)

    def parse(self, slices: Sequence[Slice]) -> ParsedBatch:
        """One row for every record of ``slices``, ordered by partition and offset."""
        slices = sorted(slices, key=lambda s: (s.partition, s.offsets[0]))
        values = list(chain.from_iterable(piece.values for piece in slices))
        sizes = [len(piece) for piece in slices]
        base = pa.table(
            {
                "partition": pa.array(np.repeat(np.array([s.partition for s in slices], np.int32), sizes)),
                "offset": pa.chunked_array([pa.array(s.offsets, pa.int64()) for s in slices]),
                "recorded_at": pa.chunked_array([pa.array(s.recorded_at_us, pa.int64()) for s in slices]).cast(_TIME),
            }
        )
        whole = pa.table(
            {
                "i": pa.array(np.arange(len(values), dtype=np.int32)),
                "recorded_at": base["recorded_at"],
                "value": _texts(values),
            }
        )
        found = self._extract(whole, canonical_sql())
        unsure = _others(len(whole), found)
        if not len(unsure):
            return ParsedBatch(_fast_rows(base, found), len(whole), 0)
        found = pa.concat_tables([found, self._extract(whole.take(unsure), extraction_sql())])
        unsure = _others(len(whole), found)
        slow = _slow_rows(base.take(unsure), [values[i] for i in unsure.tolist()])
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


def _extract_part(con: duckdb.DuckDBPyConnection, batch: pa.Table, sql: str) -> pa.Table:
    return con.execute(sql).to_arrow_table()  # reads `batch` by its name


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


def _slow_rows(base: pa.Table, values: list[bytes | None]) -> pa.Table:
    recorded = base["recorded_at"].cast(pa.int64()).to_pylist()
    rows = []
    for place, value, recorded_us in zip(base.to_pylist(), values, recorded, strict=True):
        verdict = validate(value, _EPOCH + timedelta(microseconds=recorded_us))
        rows.append(place | (_refused(verdict, value) if isinstance(verdict, Refusal) else _accepted(verdict)))
    return pa.Table.from_pylist(rows, schema=RECORDS)


def _refused(refusal: Refusal, value: bytes | None) -> dict[str, object]:
    return {
        "disposition": QUARANTINED,
        "reason": refusal.reason.value,
        "field": refusal.field,
        "detail": refusal.detail,
        "raw": value if value is not None else b"",
    }


def _accepted(envelope: Envelope) -> dict[str, object]:
    return {name: getattr(envelope, name) for name in ENVELOPE_FIELDS} | {
        "disposition": ACCEPTED,
        "event_version": envelope.event_version,
        "occurred_at": parse_time(envelope.occurred_at),
        "enrolment_id": envelope.payload.get("enrolment_id"),
        "payload": msgspec.json.encode(envelope.payload).decode(),
    }
