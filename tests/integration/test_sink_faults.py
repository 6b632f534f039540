"""Kill the sink at every step: nothing lost, nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.events import catalogue
from ingest.log.kafka import KafkaLog
from ingest.log.port import EventLog, NewRecord
from ingest.sink import STEPS, Sink, SinkOptions
from pipelines.reading.accounting import account
from pipelines.workspace import open_log
from tests import kafka_help, samples
from tests.integration import sink_process
from tests.kafka_broker import Broker
from warehouse.build import Warehouse
from warehouse.errors import LakeMismatch, LogTruncated
from warehouse.lake import Lake
from warehouse.query import connect_lake
from warehouse.warm import Forked, fork, prepare

EVENT = samples.golden_event(catalogue()["video.watched", 2])
ALL_STEPS = (*STEPS, "during-commit")


def fill(log: EventLog, count: int) -> None:
    values = [samples.encode(EVENT | {"event_id": str(uuid.UUID(int=i))}) if i % 50 else b"bad" for i in range(count)]
    log.append([NewRecord(b"k%d" % (i % 97), v) for i, v in enumerate(values)])


def run_sink(url: str, lake: str, step: str = "never", nth: int = 1, **env: str) -> Forked:
    prepare(sink_process.__name__)
    arguments = (url, lake, step, str(nth))
    return fork(f"{sink_process.__name__}:run", arguments, cwd=Path.cwd(), env=os.environ | env, files=(0, 1, 2))


def rows(lake: str) -> Counter[tuple[int, int]]:
    with connect_lake(Lake(lake)) as con:
        return Counter(con.execute('select "partition", "offset" from lake.records').fetchall())


def assert_exactly_once(url: str, lake: str) -> None:
    with open_log(url, 4) as log:
        expected = {(p, o) for p, end in log.end_offsets().items() for o in range(end)}
    found = rows(lake)
    assert set(found) == expected
    assert max(found.values()) == 1


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:{tmp_path / 'log.sqlite'}"
    else:
        broker: Broker = request.getfixturevalue("broker")
        yield f"kafka://{broker.address}/faults-{uuid.uuid4()}"


@pytest.mark.parametrize("step", ALL_STEPS)
def test_killed_at_any_step_nothing_is_lost_or_doubled(url: str, step: str, tmp_path: Path) -> None:
    lake = str(tmp_path / "lake")
    with open_log(url, 4) as log:
        fill(log, 1500)
    # In the second batch, so that there is a commit before it.
    first = run_sink(url, lake, step, 2)
    assert first.wait(120) == -signal.SIGKILL
    assert run_sink(url, lake).wait(120) == 0
    assert_exactly_once(url, lake)


def test_sigterm_ends_cleanly_and_the_next_sink_goes_on(url: str, tmp_path: Path) -> None:
    lake = str(tmp_path / "lake")
    with open_log(url, 4) as log:
        fill(log, 1500)
    follower = run_sink(url, lake, SINK_FOLLOW="1")
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and not (Lake(lake).exists and Lake(lake).snapshot().next_offsets):
        time.sleep(0.2)
    follower.terminate()
    assert follower.wait(60) == 0
    assert run_sink(url, lake).wait(120) == 0
    assert_exactly_once(url, lake)


def test_a_second_sink_with_an_older_view_is_refused(tmp_path: Path) -> None:
    """Both have read the same records; only one commit may stand."""
    url, lake = f"sqlite:{tmp_path / 'log.sqlite'}", str(tmp_path / "lake")
    with open_log(url, 4) as log:
        fill(log, 300)
        zombie_lake = Lake(lake)
        racing = []

        def meanwhile(step: str) -> None:
            if step == "committing" and not racing:
                racing.append(True)
                Sink(log, Lake(lake), SinkOptions(max_records=100)).run()

        Sink(log, zombie_lake, SinkOptions(max_records=100), probe=meanwhile).run()
    assert racing
    assert_exactly_once(url, lake)


def test_a_lake_refuses_another_log(tmp_path: Path) -> None:
    lake = str(tmp_path / "lake")
    for name in ("one", "two"):
        with open_log(f"sqlite:{tmp_path / name}", 4) as log:
            fill(log, 10)
            sink = Sink(log, Lake(lake))
            if name == "one":
                sink.run()
            else:
                with pytest.raises(LakeMismatch):
                    sink.run()


@pytest.mark.kafka
@pytest.mark.parametrize("fast", [False, True])
def test_sinks_of_a_group_share_the_partitions_through_rebalances(broker: Broker, tmp_path: Path, fast: bool) -> None:
    url, lake = f"kafka://{broker.address}/shared-{uuid.uuid4()}", str(tmp_path / "lake")
    env = {"SINK_GROUP": f"g-{uuid.uuid4()}", "SINK_FOLLOW": "1", "XUEQING_TEST_SLOW_READER": "" if fast else "1"}
    with open_log(url, 4) as log:
        fill(log, 2000)
        one = run_sink(url, lake, **env)
        two = run_sink(url, lake, "committed", 2, **env)  # dies in the middle; its share goes back to the first
        try:
            deadline = time.monotonic() + 120
            written = 2000
            while time.monotonic() < deadline:
                if written < 8000:
                    fill(log, 500)
                    written += 500
                covered = sum(Lake(lake).snapshot().next_offsets.values()) if Lake(lake).exists else 0
                if covered == written == 8000:
                    break
                time.sleep(0.3)
        finally:
            for process in (one, two):
                process.terminate()
            one.wait(60)
            two.wait(60)
    assert run_sink(url, lake).wait(120) == 0
    assert_exactly_once(url, lake)


def test_memory_is_bounded_whatever_the_backlog(tmp_path: Path) -> None:
    """Twice the backlog takes the same memory: three batches and no more."""
    peaks = []
    for count in (60_000, 240_000):
        url, lake = f"sqlite:{tmp_path / f'{count}.sqlite'}", str(tmp_path / f"lake-{count}")
        with open_log(url, 4) as log:
            for start in range(0, count, 20_000):
                fill_range(log, start, 20_000)
        code = (
            "import resource\nfrom ingest.sink import Sink, SinkOptions\nfrom pipelines.workspace import open_log\n"
            "from warehouse.lake import Lake\n"
            f"Sink(open_log({url!r}, 4), Lake({lake!r}), SinkOptions(max_records=10_000)).run()\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        peaks.append(int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout))
    assert peaks[1] < peaks[0] * 1.35


def fill_range(log: EventLog, start: int, count: int) -> None:
    text = samples.encode(EVENT)
    old = str(EVENT["event_id"]).encode()
    log.append(
        [
            NewRecord(b"k%d" % (i % 97), text.replace(old, str(uuid.UUID(int=i)).encode()))
            for i in range(start, start + count)
        ]
    )


@pytest.mark.kafka
def test_what_a_broker_deletes_before_the_sink_has_it_is_told(broker: Broker, tmp_path: Path) -> None:
    url, lake = f"kafka://{broker.address}/retention-{uuid.uuid4()}", Lake(str(tmp_path / "lake"))
    warehouse = Warehouse(tmp_path / "warehouse")
    with open_log(url, 4) as log:
        assert isinstance(log, KafkaLog)
        fill(log, 400)
        Sink(log, lake, SinkOptions(group=str(uuid.uuid4()))).run()
        fill_range(log, 400, 400)
        assert account(log, lake, warehouse).warnings == []
        kafka_help.set_retention(log, retention_ms="86400000")
        (warning,) = account(log, lake, warehouse).warnings
        assert "older than 24.0 hours" in warning
        assert "400 are not in the lake yet" in warning

        partition, end = max(log.end_offsets().items(), key=lambda item: item[1])
        kafka_help.delete_records(log, partition, end - 10)
        lost = end - 10 - lake.next_offset(partition)
        assert lost > 0
        assert f"the log has deleted {lost:,} records" in account(log, lake, warehouse).warnings[0]
        with pytest.raises(LogTruncated, match=f"{lost} records are lost"):
            Sink(log, lake, SinkOptions(group=str(uuid.uuid4()))).run()
