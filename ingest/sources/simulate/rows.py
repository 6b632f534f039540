"""Collects simulated events and turns them into records in the log's order."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from ingest.events import Envelope, encode_raw, latest_version
from ingest.log.port import NewRecord
from ingest.sources.simulate.calendar import Micros

__all__ = ["Rows"]


class Rows:
    """Events gathered by type, in any order."""

    def __init__(self, rng: np.random.Generator, programme_id: str, source: str, prefix: str) -> None:
        self._rng = rng
        self._programme_id = programme_id
        self._source = source
        self.prefix = prefix
        self._groups: list[tuple[str, Micros, Sequence[str], bool, Sequence[msgspec.Struct]]] = []

    def add(
        self,
        event_type: str,
        at: Micros,
        keys: Sequence[str],
        payloads: Sequence[msgspec.Struct],
        *,
        staff: bool = False,
    ) -> None:
        """Events of one type: moments (µs), the actors' keys, the payloads; equal lengths."""
        if not len(at) == len(keys) == len(payloads):
            raise ValueError(f"{event_type}: {len(at)} moments, {len(keys)} keys, {len(payloads)} payloads")
        if payloads:
            self._groups.append((event_type, at, keys, staff, payloads))

    def records(self) -> list[NewRecord]:
        """Every event as a record, by the time at which the log takes it."""
        # A million live objects and no cycles: the collector would only walk them.
        enabled = gc.isenabled()
        gc.disable()
        try:
            return self._records()
        finally:
            if enabled:
                gc.enable()

    def _records(self) -> list[NewRecord]:
        moments = np.concatenate([group[1] for group in self._groups]) // 1000 * 1000
        total = len(moments)
        recorded = moments + self._rng.integers(50, 5_000, total) * 1000
        ids = self._rng.bytes(16 * total).hex()
        texts = np.datetime_as_string(moments.astype("datetime64[us]"), unit="ms").tolist()
        taken = recorded.tolist()
        records: list[NewRecord] = []
        i = 0
        for event_type, _, keys, staff, payloads in self._groups:
            version = latest_version(event_type)
            for key, payload in zip(keys, payloads, strict=True):
                h = ids[32 * i : 32 * i + 32]
                value = encode_raw(
                    Envelope(
                        event_id=f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}",
                        event_type=event_type,
                        event_version=version,
                        occurred_at=texts[i] + "Z",
                        programme_id=self._programme_id,
                        learner_key=None if staff else key,
                        staff_key=key if staff else None,
                        source=self._source,
                        payload=payload,
                    )
                )
                records.append(NewRecord(key.encode(), value, taken[i]))
                i += 1
        order: list[Any] = np.argsort(recorded, kind="stable").tolist()
        return [records[j] for j in order]
