"""Reading Kafka through librdkafka (extra ``fast``): 2 to 2.5 times as fast as kafka-python."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from ingest.log.port import LogReader, Slice
from ingest.log.session import SESSION_MS, truncated
from warehouse.errors import LogUnavailable

__all__ = ["FastReader"]

#: Records asked for at once: 2,000 cost 0.56 µs each, 10,000 cost 0.78.
_CONSUME = 2_000


class FastReader(LogReader):
    """The same cursor as kafka-python's, on librdkafka's consumer."""

    def __init__(
        self,
        servers: list[str],
        topic: str,
        partition_count: int,
        position: Callable[[int], int],
        group: str | None,
        on_revoked: Callable[[Iterable[int]], None] | None,
    ) -> None:
        self._topic, self._group, self._position, self._on_revoked = topic, group, position, on_revoked
        self._failure: Exception | None = None
        #: The offset to read next, of each partition that is ours. librdkafka does not know it
        #: of a partition that has given nothing yet.
        self._next: dict[int, int] = {}
        self._consumer = Consumer(
            {
                "bootstrap.servers": ",".join(servers),
                "group.id": group or "xueqing-no-group",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",  # what the broker has deleted must be an error, never skipped
                "session.timeout.ms": SESSION_MS,
                "heartbeat.interval.ms": SESSION_MS // 4,
                # Bounds what is fetched ahead; 64 MB beside the two batches.
                "queued.max.messages.kbytes": 65_536,
                "queued.min.messages": 200_000,
                "fetch.message.max.bytes": 4 * 1024 * 1024,
                "log_level": 0,
            },
            logger=None,
        )
        if group is None:
            self._assign(range(partition_count))
        else:
            self._consumer.subscribe([topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked)

    def _assign(self, partitions: Iterable[int]) -> None:
        self._next = {p: self._position(p) for p in partitions}
        self._consumer.assign([TopicPartition(self._topic, p, o) for p, o in self._next.items()])

    def _assigned(self, consumer: Consumer, parts: list[TopicPartition]) -> None:
        try:
            self._assign(p.partition for p in parts)
        except Exception as error:  # raised again by poll: a callback's own would be lost
            self._failure = error

    def _revoked(self, consumer: Consumer, parts: list[TopicPartition]) -> None:
        try:
            if self._on_revoked is not None:
                self._on_revoked([p.partition for p in parts])
        except Exception as error:  # as above
            self._failure = error

    def poll(self, max_records: int, max_bytes: int, timeout_s: float) -> list[Slice]:
        most = max(1, min(max_records, _CONSUME))
        try:
            # It waits until it has as many as asked for: whoever has less to read would always wait for all of the time.
            messages = self._consumer.consume(most, 0) or self._consumer.consume(1, timeout_s)
            if len(messages) == 1 < most:
                messages += self._consumer.consume(most - 1, 0)
        except (KafkaException, RuntimeError) as error:
            raise LogUnavailable(
                f"Kafka cannot be read at the moment ({type(error).__name__}); is the broker up?"
            ) from error
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        slices: dict[int, Slice] = {}
        for m in messages:
            failed = m.error()
            if failed is not None:
                if failed.code() == KafkaError._PARTITION_EOF:
                    continue
                if failed.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
                    raise truncated(cast(int, m.partition()))
                raise LogUnavailable(f"Kafka cannot be read at the moment ({failed.name()}); is the broker up?")
            partition = cast(int, m.partition())
            piece = slices.get(partition)
            if piece is None:
                piece = slices[partition] = Slice(partition)
            piece.offsets.append(cast(int, m.offset()))
            piece.recorded_at_us.append(m.timestamp()[1] * 1000)
            piece.values.append(m.value())
        for piece in slices.values():
            self._next[piece.partition] = piece.offsets[-1] + 1
        return list(slices.values())

    @property
    def assignment(self) -> frozenset[int]:
        return frozenset(p.partition for p in self._consumer.assignment())

    def seek(self, partition: int, offset: int) -> None:
        self._next[partition] = offset
        # Assigning anew also drops what was fetched ahead.
        self._consumer.assign([TopicPartition(self._topic, p, o) for p, o in self._next.items()])

    def hint(self, positions: dict[int, int]) -> None:
        mine = self.assignment
        offsets = [TopicPartition(self._topic, p, o) for p, o in positions.items() if p in mine]
        if self._group is not None and offsets:
            self._consumer.commit(offsets=offsets, asynchronous=True)  # a hint: nobody waits for it

    def close(self) -> None:
        self._consumer.close()
