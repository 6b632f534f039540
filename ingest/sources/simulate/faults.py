"""What a real platform also sends: late arrivals, repeats, and a pinch of bad records."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from ingest.log.port import NewRecord

__all__ = ["with_faults"]

_BAD = (
    b"not json at all",
    b'{"event_id": "broken',
    b"\xff\xfe\x00bad bytes",
    b"[]",
    b'{"event_id":"00000000-0000-0000-0000-000000000000"}',
)


def with_faults(rng: np.random.Generator, records: list[NewRecord], late_by: timedelta) -> list[NewRecord]:
    """``records`` with 1 % late, 0.5 % sent twice and 0.02 % bad ones added, in the log's order."""
    total = len(records)
    late = set(rng.choice(total, total // 100, replace=False).tolist())
    delays = rng.integers(3_600_000_000, int(late_by.total_seconds() * 1_000_000), total)
    out = []
    for i, record in enumerate(records):
        taken = record.recorded_at_us or 0
        out.append(NewRecord(record.key, record.value, taken + (int(delays[i]) if i in late else 0)))
    for i in rng.choice(total, total // 200, replace=False).tolist():
        again = out[i]
        out.append(NewRecord(again.key, again.value, (again.recorded_at_us or 0) + 2_000_000))
    for i in rng.choice(total, max(len(_BAD), total // 5_000), replace=False).tolist():
        out.append(NewRecord(out[i].key, _BAD[i % len(_BAD)], out[i].recorded_at_us))
    out.sort(key=lambda r: r.recorded_at_us or 0)
    return out
