"""Speed of the write side: ``python -m benchmarks.ingest [--records N] [--no-kafka] [--spark]``.

Every figure is the best of its rounds, all in one run on one machine and in turns, so that the
ratios hold even where the machine is shared. Prints a Markdown table. ``--spark`` adds Spark
Structured Streaming doing the same work; it needs ``pip install pyspark==4.1.1``, Java and Maven.
"""

from __future__ import annotations

import argparse
import gc
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
from ingest.programmes.folders import find_packs
from ingest.sink import Sink, SinkOptions
from ingest.sources.simulate import simulate
from tests.kafka_broker import Broker, start_broker
from warehouse.lake import Lake

ROUNDS = 3


def best(count: int, contenders: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Records a second of each one's fastest round; they take turns."""
    seconds: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            started = time.perf_counter()
            run()
            seconds.setdefault(name, []).append(time.perf_counter() - started)
    return {name: count / min(taken) for name, taken in seconds.items()}


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

    rates = best(len(records), {"append to the embedded log": append})
    path = next(folder.glob("*.sqlite"))
    with SqliteLog(path) as log:
        return rates | best(len(records), {"sink from the embedded log": lambda: sink_once(log, folder)})


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


BARE, SLOW, FAST = "bare kafka-python poll", "sink from Kafka, kafka-python", "sink from Kafka, extra `fast`"


def kafka(records: list[NewRecord], folder: Path, *, spark: bool) -> dict[str, float]:
    broker = start_broker(folder / "kafka")
    count = len(records)
    try:
        fill(broker, "bench", records)
        with (
            KafkaLog([broker.address], "bench", fast=False) as slow,
            KafkaLog([broker.address], "bench", fast=True) as fast,
        ):
            rates = best(
                count,
                {
                    BARE: lambda: bare_poll(broker, "bench", count),
                    SLOW: lambda: sink_once(slow, folder),
                    FAST: lambda: sink_once(fast, folder),
                },
            )
        if spark:
            from benchmarks.spark.stream import spark_rates

            found = spark_rates(broker.address, "bench", count, folder / "spark", ROUNDS)
            rates |= {f"Spark Structured Streaming, {batch:,} a batch": rate for batch, rate in found.items()}
    finally:
        broker.stop()
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--no-kafka", action="store_true")
    parser.add_argument("--spark", action="store_true")
    options = parser.parse_args()
    records: list[NewRecord] = []
    for part in simulate(find_packs()["tianshui-2017"], scale=options.records // 1_000_000 + 1):
        records += part.records
        if len(records) >= options.records:
            break
    records = records[: options.records]
    gc.freeze()  # these millions of objects are the benchmark's: no real sink has the collector walk them
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rates = embedded(records, folder)
        if not options.no_kafka:
            rates |= kafka(records, folder, spark=options.spark)
    size = sum(len(r.value) for r in records) / len(records)
    print(f"\n{len(records):,} simulated events of {size:.0f} bytes, best of {ROUNDS}; {describe()}\n")
    print("| | events/s |\n|---|---:|")
    for what, rate in rates.items():
        print(f"| {what} | {rate:,.0f} |")
    if BARE in rates:
        print(f"\nThe kafka-python sink reaches {rates[SLOW] / rates[BARE]:.2f} of the bare poll.")
    rivals = [rate for what, rate in rates.items() if what.startswith("Spark")]
    if rivals:
        print(f"With `fast` it is {rates[FAST] / max(rivals):.1f} times as fast as Spark at its best batch size.")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"Peak memory of the run, the records themselves included: {peak:,.0f} MB.")


if __name__ == "__main__":
    main()
