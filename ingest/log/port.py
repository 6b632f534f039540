"""What an event log is: append-only, keyed, partitioned records with offsets. The only truth.

Two adapters keep this contract (``tests/contract/``): :mod:`ingest.log.sqlite` and
:mod:`ingest.log.kafka`.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple

from warehouse.errors import NoLog

__all__ = ["EventLog", "LogReader", "NewRecord", "Placed", "Retention", "Slice", "no_log", "partition_for"]

#: Where a record stands: its partition, its offset (-1 where the log cannot tell), and when it was recorded (microseconds since 1970).
Placed = tuple[int, int, int]


class NewRecord(NamedTuple):
    """A record to append.

    ``recorded_at_us`` (microseconds since 1970, UTC) is left out by everyone but the
    simulator, which stands in for the platform's own clock, those who copy records of a
    log, and imports of a past that say when it was recorded (``ingest.sources.recorded``). ``partition``: where a copy has to stand; otherwise the key tells.
    """

    key: bytes
    value: bytes
    recorded_at_us: int | None = None
    partition: int | None = None

    def partition_of(self, partitions: int) -> int:
        """Where it stands among so many partitions."""
        return partition_for(self.key, partitions) if self.partition is None else self.partition


@dataclass(slots=True)
class Slice:
    """Consecutive records of one partition, in columns of equal length."""

    partition: int
    offsets: list[int] = field(default_factory=list)
    recorded_at_us: list[int] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.offsets)


@dataclass(frozen=True, slots=True)
class Retention:
    """What the log deletes by itself: ``None`` where it keeps everything."""

    max_age_ms: int | None = None
    max_bytes: int | None = None

    @property
    def is_unlimited(self) -> bool:
        return self.max_age_ms is None and self.max_bytes is None


def no_log(where: str) -> NoLog:
    """The error where a log is to be read and there is none."""
    return NoLog(
        f"there is no log at {where}: name the right one with XUEQING_LOG (xueqing settings), put a copy of it back, "
        "or begin one with xueqing import, serve or demo"
    )


def partition_for(key: bytes, partitions: int) -> int:
    """The partition of ``key``; the same on every log and in every process."""
    return zlib.crc32(key) % partitions


class LogReader(ABC):
    """One consumer's cursor over the partitions that are its own."""

    @abstractmethod
    def poll(self, max_records: int, max_bytes: int, timeout_s: float) -> list[Slice]:
        """Up to about that many records (at least one where there is any), each partition in order.

        Waits at most ``timeout_s`` seconds for the first. ``max_bytes`` may be passed by one
        fetch of the log. Raises LogUnavailable.
        """

    @property
    @abstractmethod
    def assignment(self) -> frozenset[int]:
        """The partitions that are this reader's at the moment."""

    @abstractmethod
    def seek(self, partition: int, offset: int) -> None:
        """Read ``partition`` from ``offset`` next."""

    @abstractmethod
    def hint(self, positions: dict[int, int]) -> None:
        """Tell the log's own lag monitors how far the lake is. Correctness never rests on it."""

    @abstractmethod
    def close(self) -> None:
        """Leave; the partitions go to others."""

    def __enter__(self) -> LogReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


class EventLog(ABC):
    """An append-only log of records in numbered partitions."""

    @property
    @abstractmethod
    def log_id(self) -> str:
        """Names this log for ever; the lake refuses any other."""

    @property
    @abstractmethod
    def partition_count(self) -> int:
        """How many partitions there are, numbered from 0."""

    @abstractmethod
    def append(self, records: Sequence[NewRecord], *, batch_id: str | None = None) -> list[Placed]:
        """Append durably, in order within a key; returns where each stands.

        Durable when it returns. A retry inside never writes twice. Where the log can
        remember ``batch_id``, the same batch appended again writes nothing and returns nothing;
        elsewhere the repeated events are recognised by their ids in staging.

        Raises:
            LogUnavailable: nothing is known to be written; try again.
        """

    @abstractmethod
    def begin_offsets(self) -> dict[int, int]:
        """The first offset still held, for each partition."""

    @abstractmethod
    def end_offsets(self) -> dict[int, int]:
        """The offset that the next record will get, for each partition."""

    @abstractmethod
    def record_at(self, partition: int, offset: int) -> tuple[int, bytes | None] | None:
        """When a record was recorded (microseconds since 1970) and its value; None where the log holds none there.

        Raises LogUnavailable.
        """

    @abstractmethod
    def reader(
        self,
        position: Callable[[int], int],
        *,
        group: str | None = None,
        on_revoked: Callable[[Iterable[int]], None] | None = None,
    ) -> LogReader:
        """A reader that starts each partition it gets at ``position(partition)``.

        With ``group``, readers of the same group share the partitions where the log can;
        ``on_revoked`` is called before partitions go to another.
        """

    @abstractmethod
    def retention(self) -> Retention:
        """What the log deletes by itself."""

    @abstractmethod
    def close(self) -> None:
        """Release what is held."""

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
