"""What every event log keeps: one suite, every adapter."""

from __future__ import annotations

import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.log.kafka import KafkaLog
from ingest.log.port import EventLog, LogReader, NewRecord, partition_for
from ingest.log.sqlite import SqliteLog
from tests import kafka_help
from tests.kafka_broker import Broker
from warehouse.errors import LogTruncated, NoLog

Opener = Callable[[], EventLog]


def read_all(reader: LogReader, expected: int) -> dict[int, list[tuple[int, bytes | None]]]:
    found: dict[int, list[tuple[int, bytes | None]]] = {}
    total = idle = 0
    while total < expected and idle < 200:
        slices = reader.poll(1000, 1 << 20, 0.2)
        idle = 0 if slices else idle + 1
        for piece in slices:
            found.setdefault(piece.partition, []).extend(zip(piece.offsets, piece.values, strict=True))
            assert len(piece.recorded_at_us) == len(piece)
            total += len(piece)
    return found


def records(count: int, keys: int = 7, size: int = 20) -> list[NewRecord]:
    return [NewRecord(b"key-%d" % (i % keys), b"%06d " % i + b"x" * size) for i in range(count)]


class EventLogContract(ABC):
    @pytest.fixture
    @abstractmethod
    def reopen(self) -> Iterator[Opener]:
        """Opens the same log, empty at first."""

    @pytest.fixture
    def log(self, reopen: Opener) -> Iterator[EventLog]:
        with reopen() as log:
            yield log

    def test_a_new_log_is_empty(self, log: EventLog) -> None:
        assert log.partition_count == 4
        assert log.end_offsets() == log.begin_offsets() == {0: 0, 1: 0, 2: 0, 3: 0}

    def test_a_poll_gives_what_there_is_and_waits_for_no_more(self, log: EventLog) -> None:
        log.append(records(3))
        found: list[int] = []

        def read() -> None:
            with log.reader(lambda p: 0) as reader:
                while sum(found) < 3:
                    found.extend(len(piece) for piece in reader.poll(1_000, 1 << 20, 600.0))

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        thread.join(60)
        assert sum(found) == 3

    def test_offsets_count_up_from_zero_in_each_partition(self, log: EventLog) -> None:
        placed = log.append(records(500))
        with log.reader(lambda p: 0) as reader:
            found = read_all(reader, 500)
        for rows in found.values():
            assert [o for o, _ in rows] == list(range(len(rows)))
        ends = {p: len(rows) for p, rows in found.items()}
        assert {p: o for p, o in log.end_offsets().items() if o} == ends
        # It was told where each stands.
        assert [dict(found[partition])[offset] for partition, offset, _ in placed] == [r.value for r in records(500)]

    def test_a_key_keeps_its_partition_and_order(self, log: EventLog) -> None:
        log.append(records(200))
        log.append(records(200))
        with log.reader(lambda p: 0) as reader:
            found = read_all(reader, 400)
        for key in range(7):
            partition = partition_for(b"key-%d" % key, 4)
            mine = [int(v[:6]) for _, v in found[partition] if v is not None and int(v[:6]) % 7 == key]
            expected = [i for i in range(200) if i % 7 == key]
            assert mine == expected + expected

    def test_reading_starts_where_it_is_told(self, log: EventLog) -> None:
        log.append(records(300))
        ends = log.end_offsets()
        with log.reader(lambda p: ends[p] // 2) as reader:
            found = read_all(reader, sum(e - e // 2 for e in ends.values()))
        assert {p: rows[0][0] for p, rows in found.items()} == {p: e // 2 for p, e in ends.items() if e}

    def test_one_record_is_read_where_it_stands(self, log: EventLog) -> None:
        some = records(60)
        for (partition, offset, recorded), record in list(zip(log.append(some), some, strict=True))[::9]:
            assert log.record_at(partition, offset) == (recorded, record.value)
        for partition, end in log.end_offsets().items():
            assert log.record_at(partition, end) is None
            assert log.record_at(partition, end + 1_000) is None

    def test_a_record_stands_in_the_partition_that_it_is_given(self, log: EventLog) -> None:
        placed = log.append([NewRecord(b"same", b"%d" % n, None, n % 4) for n in range(20)])
        assert [partition for partition, _, _ in placed] == [n % 4 for n in range(20)]

    def test_seek_leaves_the_other_partitions_where_they_are(self, log: EventLog) -> None:
        log.append(records(200))
        ends = log.end_offsets()
        busy, *others = sorted((p for p, end in ends.items() if end), key=lambda p: -ends[p])
        with log.reader(lambda p: ends[p] if p in others else 0) as reader:
            assert list(read_all(reader, ends[busy])) == [busy]
            reader.seek(busy, 0)
            assert list(read_all(reader, ends[busy])) == [busy]
            log.append(records(200))
            again = read_all(reader, 200)
        assert {p: rows[0][0] for p, rows in again.items()} == {p: end for p, end in ends.items() if end}

    def test_seek_goes_back(self, log: EventLog) -> None:
        log.append(records(50, keys=1))
        partition = partition_for(b"key-0", 4)
        with log.reader(lambda p: 0) as reader:
            read_all(reader, 50)
            reader.seek(partition, 45)
            assert [o for o, _ in read_all(reader, 5)[partition]] == [45, 46, 47, 48, 49]

    def test_new_records_appear_to_an_open_reader(self, log: EventLog) -> None:
        with log.reader(lambda p: 0) as reader:
            assert reader.poll(10, 1000, 0.1) == []
            log.append(records(10))
            assert sum(len(rows) for rows in read_all(reader, 10).values()) == 10

    def test_times_given_are_kept_and_others_are_now(self, log: EventLog) -> None:
        placed = [
            *log.append([NewRecord(b"a", b"1", 1_507_777_777_123_000)]),
            *log.append([NewRecord(b"a", b"2")]),
        ]
        with log.reader(lambda p: 0) as reader:
            times: list[int] = []
            while len(times) < 2:
                times += [t for s in reader.poll(10, 1000, 0.2) for t in s.recorded_at_us]
        assert times[0] == 1_507_777_777_123_000
        assert times[1] > 1_700_000_000_000_000
        assert [recorded for _, _, recorded in placed] == times

    def test_what_was_appended_survives_reopening(self, reopen: Opener) -> None:
        with reopen() as log:
            log.append(records(20))
            name, ends = log.log_id, log.end_offsets()
        with reopen() as log:
            assert (log.log_id, log.end_offsets()) == (name, ends)

    def test_large_and_odd_values_pass_unchanged(self, log: EventLog) -> None:
        odd = [b"\x00\xff", "学情".encode(), b"x" * 5_000_000]
        log.append([NewRecord(b"k", v) for v in odd])
        with log.reader(lambda p: 0) as reader:
            assert [v for _, v in read_all(reader, 3)[partition_for(b"k", 4)]] == odd

    def test_nothing_is_deleted_by_itself(self, log: EventLog) -> None:
        assert log.retention().is_unlimited

    def test_a_reader_has_every_partition(self, log: EventLog) -> None:
        with log.reader(lambda p: 0) as reader:
            assert reader.assignment == {0, 1, 2, 3}

    def test_a_group_reader_joins_however_short_its_polls(self, log: EventLog) -> None:
        log.append(records(100))
        deadline = time.monotonic() + 20
        seen = 0
        with log.reader(lambda p: 0, group=f"g-{uuid.uuid4()}") as reader:
            while seen < 100 and time.monotonic() < deadline:
                seen += sum(len(piece) for piece in reader.poll(1000, 1 << 20, 0.003))
        assert seen == 100

    def test_a_group_reader_gets_every_partition_when_alone(self, log: EventLog) -> None:
        log.append(records(100))
        with log.reader(lambda p: 0, group=f"g-{uuid.uuid4()}") as reader:
            found = read_all(reader, 100)
            reader.hint({p: len(rows) for p, rows in found.items()})
        assert sum(len(rows) for rows in found.values()) == 100


class TestSqliteLog(EventLogContract):
    def test_a_log_that_is_to_be_read_is_not_made(self, tmp_path: Path) -> None:
        for path in (tmp_path / "none" / "log.sqlite", tmp_path / "empty.sqlite"):
            if path.name.startswith("empty"):
                path.touch()
            with pytest.raises(NoLog, match="there is no log"):
                SqliteLog(path, create=False)
        assert not (tmp_path / "none").exists()

    @pytest.fixture
    def reopen(self, tmp_path: Path) -> Iterator[Opener]:
        return lambda: SqliteLog(tmp_path / "log.sqlite")

    def test_a_batch_appended_again_writes_nothing(self, log: EventLog) -> None:
        assert len(log.append(records(10), batch_id="b1")) == 10
        assert log.append(records(10), batch_id="b1") == []
        assert sum(log.end_offsets().values()) == 10

    def test_an_append_that_fails_writes_nothing(self, log: EventLog) -> None:
        with pytest.raises(AttributeError):
            log.append([*records(5), None], batch_id="b1")  # type: ignore[list-item]
        assert sum(log.end_offsets().values()) == 0
        assert len(log.append(records(5), batch_id="b1")) == 5

    def test_a_poll_stays_within_its_bytes(self, log: EventLog) -> None:
        log.append(records(20_000, size=1000))
        with log.reader(lambda p: 0) as reader:
            size = sum(len(v or b"") for s in reader.poll(100_000, 1_000_000, 0) for v in s.values)
        assert 1_000_000 <= size <= 2_100_000  # one fetch of 1,000 records beyond


class KafkaContract(EventLogContract):
    fast: bool

    def test_a_topic_that_is_to_be_read_is_not_made(self, broker: Broker) -> None:
        topic = f"none-{uuid.uuid4()}"
        for _ in range(2):
            with pytest.raises(NoLog, match="there is no log"):
                KafkaLog([broker.address], topic, fast=self.fast, create=False)

    @pytest.fixture
    def reopen(self, broker: Broker) -> Iterator[Opener]:
        topic = f"contract-{uuid.uuid4()}"
        return lambda: KafkaLog([broker.address], topic, fast=self.fast)

    @pytest.mark.parametrize("group", [None, "deleted"])
    def test_what_the_broker_deletes_under_a_reader_is_never_skipped(self, log: KafkaLog, group: str | None) -> None:
        log.append(records(100, keys=1))
        (partition,) = [p for p, end in log.end_offsets().items() if end]
        with log.reader(lambda p: 0, group=group and f"{group}-{uuid.uuid4()}") as reader:
            assert sum(len(rows) for rows in read_all(reader, 100).values()) == 100
            log.append(records(100, keys=1))
            kafka_help.delete_records(log, partition, 150)
            reader.seek(partition, 100)
            with pytest.raises(LogTruncated, match=f"partition {partition}"):
                read_all(reader, 100)
        assert log.begin_offsets()[partition] == 150
        assert log.record_at(partition, 149) is None
        assert log.record_at(partition, 150) is not None


@pytest.mark.kafka
class TestKafkaLog(KafkaContract):
    fast = False


@pytest.mark.kafka
class TestKafkaLogFast(KafkaContract):
    fast = True


del EventLogContract, KafkaContract  # pytest would collect them as tests of their own
