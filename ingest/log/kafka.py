"""The log on Kafka: kafka-python to write, and to read unless ``confluent-kafka`` is installed."""

from __future__ import annotations

import importlib.util
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from kafka.errors import KafkaError, OffsetOutOfRangeError, TopicAlreadyExistsError

from ingest.log.port import EventLog, LogReader, NewRecord, Placed, Retention, Slice, no_log
from ingest.log.session import SESSION_MS, truncated
from warehouse.errors import LogUnavailable

__all__ = ["KafkaLog", "fast_reader_available"]

# What goes wrong is raised; the library's own log lines repeat it, with hosts and record keys.
logging.getLogger("kafka").setLevel(logging.CRITICAL)

#: Never deleted, and roomy enough that an oversized record reaches the quarantine instead of
#: failing at its producer.
_TOPIC_CONFIG = {
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "cleanup.policy": "delete",
    "max.message.bytes": "8388608",
}
_MAX_REQUEST = 8_388_608
_REQUEST_MS = 30_000
#: kafka-python at 5,000: 108 k records/s, at its default 500: 80 k.
_POLL_RECORDS = 5_000


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except OffsetOutOfRangeError as error:
        raise truncated(min(tp.partition for tp in error.args[0])) from error
    except KafkaError as error:
        raise LogUnavailable(
            f"Kafka cannot {what} at the moment ({type(error).__name__}); is the broker up?"
        ) from error


def fast_reader_available() -> bool:
    """Whether the extra ``fast`` is installed."""
    return importlib.util.find_spec("confluent_kafka") is not None


class KafkaLog(EventLog):
    """An :class:`EventLog` on one topic, which is made with unlimited retention if absent.

    Args:
        servers: ``host:port`` of some brokers.
        partitions: how many a new topic gets; an existing one keeps its own.
        create: make the topic where there is none.
        fast: read through librdkafka; by default where it is installed.

    Raises:
        BadConfiguration: there is no such topic and none is to be made.
        LogUnavailable: no broker answers.
    """

    def __init__(
        self,
        servers: Sequence[str],
        topic: str,
        *,
        partitions: int = 4,
        replication: int = -1,
        create: bool = True,
        fast: bool | None = None,
    ) -> None:
        self.servers, self.topic = list(servers), topic
        self._fast = fast_reader_available() if fast is None else fast
        self._producer: KafkaProducer | None = None
        with _translated("be reached"):
            self._admin = KafkaAdminClient(bootstrap_servers=self.servers, request_timeout_ms=_REQUEST_MS)
            self._create(partitions, replication, create)
            # Metadata and offsets only; it never joins a group.
            self._offsets = KafkaConsumer(bootstrap_servers=self.servers, group_id=None, enable_auto_commit=False)
            found = self._await_partitions()
            self._log_id = f"kafka-{self._admin.describe_cluster()['cluster_id']}-{topic}"
        self._count = len(found)
        self._parts = [TopicPartition(topic, p) for p in range(self._count)]

    def _create(self, partitions: int, replication: int, may_create: bool) -> None:
        if self.topic in self._admin.list_topics():
            return
        if not may_create:
            self._admin.close()
            raise no_log(f"the topic {self.topic} of {','.join(self.servers)}")
        with suppress(TopicAlreadyExistsError):  # another process was first
            self._admin.create_topics([NewTopic(self.topic, partitions, replication, topic_configs=_TOPIC_CONFIG)])

    def _await_partitions(self) -> set[int]:
        deadline = time.monotonic() + 20
        while not (found := self._offsets.partitions_for_topic(self.topic)):
            if time.monotonic() > deadline:
                raise LogUnavailable(f"the topic {self.topic} has no partitions yet; try again")
            time.sleep(0.1)
        return set(found)

    @property
    def log_id(self) -> str:
        return self._log_id

    @property
    def partition_count(self) -> int:
        return self._count

    def append(self, records: Sequence[NewRecord], *, batch_id: str | None = None) -> list[Placed]:
        with _translated("take records"):
            if self._producer is None:
                self._producer = KafkaProducer(
                    bootstrap_servers=self.servers,
                    acks="all",
                    enable_idempotence=True,
                    compression_type="lz4",
                    linger_ms=20,
                    batch_size=262_144,
                    max_request_size=_MAX_REQUEST,
                    max_block_ms=_REQUEST_MS,
                )
            send, topic, count = self._producer.send, self.topic, self._count
            futures = [
                send(
                    topic,
                    value=r.value,
                    key=r.key,
                    partition=r.partition_of(count),
                    timestamp_ms=None if r.recorded_at_us is None else r.recorded_at_us // 1000,
                )
                for r in records
            ]
            self._producer.flush(timeout=120)
            done = [future.get(timeout=0) for future in futures]
        return [(one.partition, one.offset, one.timestamp * 1000) for one in done]

    def begin_offsets(self) -> dict[int, int]:
        with _translated("tell its offsets"):
            return {tp.partition: o for tp, o in self._offsets.beginning_offsets(self._parts).items()}

    def end_offsets(self) -> dict[int, int]:
        with _translated("tell its offsets"):
            return {tp.partition: o for tp, o in self._offsets.end_offsets(self._parts).items()}

    def record_at(self, partition: int, offset: int) -> tuple[int, bytes | None] | None:
        part = self._parts[partition]
        if not self.begin_offsets()[partition] <= offset < self.end_offsets()[partition]:
            return None
        with _translated("be read"):
            self._offsets.assign([part])
            try:
                self._offsets.seek(part, offset)
                ends = time.monotonic() + _REQUEST_MS / 1000
                while time.monotonic() < ends:
                    for record in self._offsets.poll(timeout_ms=500, max_records=1).get(part, ()):
                        # What was compacted away, or is a broker's own marker, is passed over.
                        return (record.timestamp * 1000, record.value) if record.offset == offset else None
                    if self._offsets.position(part) > offset:
                        return None
            finally:
                self._offsets.unsubscribe()
        raise LogUnavailable(f"Kafka gives no record of partition {partition} at the moment; is the broker up?")

    def reader(
        self,
        position: Callable[[int], int],
        *,
        group: str | None = None,
        on_revoked: Callable[[Iterable[int]], None] | None = None,
    ) -> LogReader:
        if self._fast:
            from ingest.log.kafka_fast import FastReader

            return FastReader(self.servers, self.topic, self._count, position, group, on_revoked)
        with _translated("be read"):
            return _Reader(self.servers, self._parts, position, group, on_revoked)

    def retention(self) -> Retention:
        resource = ConfigResource(ConfigResourceType.TOPIC, self.topic)
        with _translated("tell the topic's retention"):
            answer = self._admin.describe_configs([resource], config_filter="all")
        config = answer["topic"][self.topic]

        def limit(name: str) -> int | None:
            value = int(config[name]["value"])
            return None if value < 0 else value

        return Retention(limit("retention.ms"), limit("retention.bytes"))

    def close(self) -> None:
        if self._producer is not None:
            self._producer.close(timeout=10)
        self._offsets.close()
        self._admin.close()


class _Reader(LogReader):
    """Through kafka-python: the whole assignment, or a group's share of it."""

    def __init__(
        self,
        servers: list[str],
        parts: list[TopicPartition],
        position: Callable[[int], int],
        group: str | None,
        on_revoked: Callable[[Iterable[int]], None] | None,
    ) -> None:
        self._topic = parts[0].topic
        self._group = group
        self._consumer = KafkaConsumer(
            bootstrap_servers=servers,
            group_id=group,
            enable_auto_commit=False,
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=SESSION_MS // 4,
            auto_offset_reset="none",  # what the broker has deleted must be an error, never skipped
            max_poll_records=_POLL_RECORDS,
            fetch_max_bytes=50 * 1024 * 1024,
            max_partition_fetch_bytes=4 * 1024 * 1024,
            check_crcs=False,  # TCP and the broker check already; 8 % of the reading
        )
        if group is None:
            self._consumer.assign(parts)
            for part in parts:
                self._consumer.seek(part, position(part.partition))
        else:
            self._consumer.subscribe([self._topic], listener=_Listener(self._consumer, position, on_revoked))

    def _keep_joining(self) -> None:
        # kafka-python 3.0: where a poll's time is up between the answers to JoinGroup and to
        # SyncGroup of a rejoin that new metadata asked for, need_rejoin() has become false and
        # nobody takes the second answer: the consumer would stay without partitions for ever.
        coordinator = self._consumer._coordinator
        if self._group is not None and coordinator.rejoining and not coordinator.need_rejoin():
            coordinator.request_rejoin()

    def poll(self, max_records: int, max_bytes: int, timeout_s: float) -> list[Slice]:
        with _translated("be read"):
            self._keep_joining()
            found = self._consumer.poll(
                timeout_ms=int(timeout_s * 1000), max_records=max(1, min(max_records, _POLL_RECORDS))
            )
        return [
            Slice(
                part.partition,
                [r.offset for r in records],
                [r.timestamp * 1000 for r in records],
                [r.value for r in records],
            )
            for part, records in found.items()
            if records
        ]

    @property
    def assignment(self) -> frozenset[int]:
        return frozenset(tp.partition for tp in self._consumer.assignment())

    def seek(self, partition: int, offset: int) -> None:
        self._consumer.seek(TopicPartition(self._topic, partition), offset)

    def hint(self, positions: dict[int, int]) -> None:
        if self._group is None:
            return
        from kafka.structs import OffsetAndMetadata

        mine = self.assignment
        offsets = {
            TopicPartition(self._topic, p): OffsetAndMetadata(o, "", -1) for p, o in positions.items() if p in mine
        }
        if offsets:
            self._consumer.commit_async(offsets)  # a hint: nobody waits for it

    def close(self) -> None:
        self._consumer.close()


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(
        self,
        consumer: KafkaConsumer,
        position: Callable[[int], int],
        on_revoked: Callable[[Iterable[int]], None] | None,
    ) -> None:
        self._consumer, self._position, self._on_revoked = consumer, position, on_revoked

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        if self._on_revoked is not None:
            self._on_revoked([tp.partition for tp in revoked])

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        for part in assigned:
            self._consumer.seek(part, self._position(part.partition))
