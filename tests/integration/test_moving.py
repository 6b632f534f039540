"""A log's records in another log: each in its partition, in its order, once."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from ingest.events import catalogue
from ingest.log.port import NewRecord
from ingest.log.sqlite import SqliteLog
from pipelines.keeping import moving
from pipelines.workspace import open_log
from tests import samples
from tests.command_line import xueqing
from tests.kafka_broker import Broker
from warehouse.errors import BadConfiguration, LogUnavailable

OPENED = samples.golden_event(catalogue()["enrolment.opened", 1])


def records(first: int, count: int) -> list[NewRecord]:
    return [
        NewRecord(b"k%d" % (n % 7), samples.encode(OPENED | {"event_id": str(uuid.UUID(int=n))}))
        for n in range(first, first + count)
    ]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    with SqliteLog(home / "log.sqlite") as log:
        log.append(records(0, 300))
        log.append([NewRecord(b"k", b"not an event")])
    return home


def values_of(log: SqliteLog) -> dict[int, list[tuple[int, bytes | None]]]:
    found: dict[int, list[tuple[int, bytes | None]]] = {}
    with log.reader(lambda p: 0) as reader:
        while slices := reader.poll(1_000, 1 << 20, 0):
            for piece in slices:
                found.setdefault(piece.partition, []).extend(zip(piece.recorded_at_us, piece.values, strict=True))
    return found


def test_a_log_is_copied_into_another_and_goes_on_where_it_was(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = f"sqlite:{tmp_path / 'new.sqlite'}"
    with SqliteLog(home / "log.sqlite") as log:
        monkeypatch.setattr(moving, "_POLL_RECORDS", 40)
        real, calls = SqliteLog.append, []

        def failing(self: SqliteLog, *args: object, **options: object) -> object:
            calls.append(1)
            if len(calls) == 4:
                raise LogUnavailable("away")
            return real(self, *args, **options)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(SqliteLog, "append", failing)
            with pytest.raises(LogUnavailable):
                moving.copy_records(log, target)
        log.append(records(500, 10))
        moving.copy_records(log, target)
        assert moving.copy_records(log, target) == 0
        with SqliteLog(tmp_path / "new.sqlite") as copy:
            assert values_of(copy) == values_of(log)
            assert copy.log_id != log.log_id
            copy.append(records(900, 1))
        with pytest.raises(BadConfiguration, match="holds more"):
            moving.copy_records(log, target)
        with pytest.raises(BadConfiguration, match="the log itself"):
            moving.copy_records(log, f"sqlite:{home / 'log.sqlite'}")


@pytest.mark.kafka
def test_a_home_moves_to_kafka_and_back(broker: Broker, home: Path, tmp_path: Path) -> None:
    url = f"kafka://{broker.address}/moved-{uuid.uuid4()}"
    with SqliteLog(home / "log.sqlite") as log:
        assert moving.copy_records(log, url) == 301
        with open_log(url, 4) as there:
            assert moving.copy_records(there, f"sqlite:{tmp_path / 'back.sqlite'}") == 301
        with SqliteLog(tmp_path / "back.sqlite") as back:
            assert {p: [v for _, v in rows] for p, rows in values_of(back).items()} == {
                p: [v for _, v in rows] for p, rows in values_of(log).items()
            }
            assert {p: [at // 1000 for at, _ in rows] for p, rows in values_of(back).items()} == {
                p: [at // 1000 for at, _ in rows] for p, rows in values_of(log).items()
            }


def test_a_home_goes_on_with_the_log_that_it_was_moved_to(home: Path, tmp_path: Path) -> None:
    assert xueqing(home, "sink").returncode == 0
    to = f"sqlite:{tmp_path / 'new.sqlite'}"
    done = xueqing(home, "copy-log", to)
    assert done.returncode == 0, done.stderr
    assert "301 records copied" in done.stdout
    refused = xueqing(home, "sink", XUEQING_LOG=to)
    assert refused.returncode == 1
    assert "covers the log" in " ".join(refused.stderr.split())
    done = xueqing(home, "rebuild", "--yes", "--accept-loss", XUEQING_LOG=to)
    assert done.returncode == 0, done.stderr
    account = xueqing(home, "status", XUEQING_LOG=to)
    assert account.returncode == 0, account.stderr
    assert "300 accepted = " in account.stdout
