"""A broker that is killed and comes back in the middle of an append."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest.log.kafka import KafkaLog
from ingest.log.port import NewRecord
from tests.conftest import lacking
from tests.kafka_broker import Broker, BrokerUnavailable, start_broker


@pytest.fixture
def own_broker(tmp_path: Path) -> Broker:
    """A broker that the test may kill."""
    try:
        return start_broker(tmp_path / "kafka")
    except BrokerUnavailable as error:
        lacking("kafka", error)


@pytest.mark.kafka
# kafka-python leaves the sockets of refused connections to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_append_is_retried_through_a_broker_that_was_killed(own_broker: Broker) -> None:
    broker = own_broker
    batches, size = 40, 500
    try:
        with KafkaLog([broker.address], "restart", fast=False) as log, ThreadPoolExecutor(1) as pool:

            def append() -> None:
                for batch in range(batches):
                    numbers = range(batch * size, (batch + 1) * size)
                    assert len(log.append([NewRecord(b"k%d" % (n % 97), b"%d" % n) for n in numbers])) == size

            appending = pool.submit(append)
            deadline = time.monotonic() + 60
            while sum(log.end_offsets().values()) < 3 * size and time.monotonic() < deadline:
                time.sleep(0.01)
            broker.process.kill()
            broker.process.wait()
            killed_in_the_middle = not appending.done()
            broker = start_broker(broker.folder, broker.port)
            appending.result(120)
            assert killed_in_the_middle
            found: Counter[int] = Counter()
            with log.reader(lambda p: 0) as reader:
                deadline = time.monotonic() + 60
                while sum(found.values()) < batches * size and time.monotonic() < deadline:
                    for piece in reader.poll(5_000, 1 << 24, 0.5):
                        found.update(int(v) for v in piece.values if v is not None)
                for _ in range(3):  # nothing more comes
                    assert reader.poll(5_000, 1 << 24, 0.2) == []
        assert set(found) == set(range(batches * size))
        assert max(found.values()) == 1
    finally:
        broker.stop()
