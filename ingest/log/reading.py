"""Reads a part of a log once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ingest.log.port import EventLog

__all__ = ["ReadRecord", "records_between"]

_POLL_RECORDS, _POLL_BYTES, _POLL_S = 10_000, 1 << 26, 5.0


class ReadRecord(NamedTuple):
    """A record as it stands in a log; ``recorded_us`` in microseconds since 1970."""

    partition: int
    offset: int
    recorded_us: int
    value: bytes | None


def records_between(log: EventLog, starts: Mapping[int, int], ends: Mapping[int, int]) -> Iterator[ReadRecord]:
    """The records of each partition from its start, by default 0, to before its end.

    Raises:
        LogUnavailable: the log cannot be read.
    """
    position = {p: starts.get(p, 0) for p in ends}
    if all(position[p] >= end for p, end in ends.items()):
        return
    with log.reader(lambda partition: min(position[partition], ends[partition])) as reader:
        while any(position[p] < end for p, end in ends.items()):
            for piece in reader.poll(_POLL_RECORDS, _POLL_BYTES, _POLL_S):
                position[piece.partition] = piece.offsets[-1] + 1
                for placed in zip(piece.offsets, piece.recorded_at_us, piece.values, strict=True):
                    if placed[0] < ends[piece.partition]:
                        yield ReadRecord(piece.partition, *placed)
