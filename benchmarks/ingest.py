"""Speed of the write side: ``python -m benchmarks.ingest [--records N] [--no-kafka]``.

Every figure is the best of its rounds, all in one run on one machine, so that the ratios hold
even where the machine is shared. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from benchmarks.machine import describe
from ingest.log.kafka import KafkaLog
from ingest.log.port import EventLog, NewRecord, partition_for
from ingest.log.sqlite import SqliteLog
from ingest.packs import find_packs
from ingest.sink import Sink, SinkOptions
from ingest.sources.simulate import simulate
from tests.kafka_broker import Broker, start_broker
from warehouse.lake import Lake

ROUNDS = 3


def best(count: int, run: Callable[[], None]) -> float:
    """Records a second of the fastest round."""
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return count / min(seconds)


def sink_once(log: EventLog, folder: Path) -> None:
    lake = folder / f"lake-{uuid.uuid4()}"
    sink = Sink(log, Lake(str(lake)), SinkOptions(group=f"bench-{uuid.uuid4()}"))
    sink.run()
    sink.close()
    shutil.rmtree(lake)


def embedded(records: list[NewRecord], folder: Path) -> dict[str, float]:
    def append() -> None:
        with SqliteLog(folder / f"{uuid.uuid4()}.sqlite") as log:
            for start in range(0, len(records), 10_000):
                log.append(records[start : start + 10_000])

    rates = {"append to the embedded log": best(len(records), append)}
    path = next(folder.glob("*.sqlite"))
    with SqliteLog(path) as log:
        rates["sink from the embedded log"] = best(len(records), lambda: sink_once(log, folder))
    return rates


def fill(broker: Broker, topic: str, records: list[NewRecord]) -> None:
    from confluent_kafka import Producer

    with KafkaLog([broker.address], topic):
        producer = Producer(
            {
                "bootstrap.servers": broker.address,
                "compression.type": "lz4",
                "linger.ms": 50,
                "queue.buffering.max.messages": 500_000,
            }
        )
        for r in records:
            producer.produce(topic, r.value, r.key, partition_for(r.key, 4))
            producer.poll(0)
        producer.flush()


def bare_poll(broker: Broker, topic: str, count: int) -> None:
    """What kafka-python gives with nothing done to the records, settings as the sink's."""
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(
        bootstrap_servers=broker.address, group_id=None, enable_auto_commit=False, max_poll_records=5_000, check_crcs=False,
        fetch_max_bytes=50 * 1024 * 1024, max_partition_fetch_bytes=4 * 1024 * 1024,
    )  # fmt: skip
    parts = [TopicPartition(topic, p) for p in range(4)]
    consumer.assign(parts)
    consumer.seek_to_beginning(*parts)
    seen = 0
    while seen < count:
        seen += sum(len(found) for found in consumer.poll(timeout_ms=500).values())
    consumer.close()


def kafka(records: list[NewRecord], folder: Path) -> dict[str, float]:
    broker = start_broker(folder / "kafka")
    try:
        fill(broker, "bench", records)
        count = len(records)
        rates = {"bare kafka-python poll": best(count, lambda: bare_poll(broker, "bench", count))}
        for fast, name in ((False, "sink from Kafka, kafka-python"), (True, "sink from Kafka, extra `fast`")):
            with KafkaLog([broker.address], "bench", fast=fast) as log:
                rates[name] = best(count, lambda log=log: sink_once(log, folder))  # type: ignore[misc]
    finally:
        broker.stop()
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--no-kafka", action="store_true")
    options = parser.parse_args()
    records: list[NewRecord] = []
    for part in simulate(find_packs()["tianshui-2017"], scale=options.records // 1_000_000 + 1):
        records += part.records
        if len(records) >= options.records:
            break
    records = records[: options.records]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rates = embedded(records, folder)
        if not options.no_kafka:
            rates |= kafka(records, folder)
    size = sum(len(r.value) for r in records) / len(records)
    print(f"\n{len(records):,} simulated events of {size:.0f} bytes, best of {ROUNDS}; {describe()}\n")
    print("| | events/s |\n|---|---:|")
    for what, rate in rates.items():
        print(f"| {what} | {rate:,.0f} |")
    if "bare kafka-python poll" in rates:
        ratio = rates["sink from Kafka, kafka-python"] / rates["bare kafka-python poll"]
        print(f"\nThe kafka-python sink reaches {ratio:.2f} of the bare poll.")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"Peak memory of the run, the records themselves included: {peak:,.0f} MB.")


if __name__ == "__main__":
    main()
