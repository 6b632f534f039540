"""A log that was restored from an older copy, or made again under its name, is told: no event is passed over."""

from __future__ import annotations

import shutil
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kafka.admin import KafkaAdminClient, NewTopic

from ingest.events import catalogue
from ingest.log.continuity import check_continues, mark_of
from ingest.log.port import EventLog, NewRecord
from ingest.log.sqlite import SqliteLog
from ingest.lrs.index.sqlite import SqliteIndex
from ingest.lrs.writing.catching_up import catch_up
from ingest.sink import Sink, SinkOptions
from pipelines.collect.store import opened_store
from pipelines.reading.accounting import account
from pipelines.settings import Settings
from pipelines.workspace import Workspace, open_log
from tests import samples
from tests.command_line import xueqing
from tests.kafka_broker import Broker
from warehouse.build import Warehouse
from warehouse.errors import LogReplaced
from warehouse.lake import Covered, Lake
from warehouse.query import connect_lake

EVENT = samples.golden_event(catalogue()["video.watched", 2])


def records(count: int, first: int = 0) -> list[NewRecord]:
    values = [samples.encode(EVENT | {"event_id": str(uuid.UUID(int=first + i))}) for i in range(count)]
    return [NewRecord(b"k%d" % (i % 11), v if i % 20 else b"bad") for i, v in enumerate(values)]


def sink(log: EventLog, lake: Path) -> None:
    run = Sink(log, Lake(str(lake)), SinkOptions(group=str(uuid.uuid4())))
    try:
        run.run()
    finally:
        run.close()


def copy(log: Path, to: Path) -> None:
    with closing(sqlite3.connect(log)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)


def put_back(kept: Path, log: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        log.with_name(log.name + ending).unlink(missing_ok=True)
    shutil.copyfile(kept, log)


@pytest.mark.parametrize("more", [0, 100, 1_500])
def test_a_log_restored_from_an_older_copy_is_refused_however_far_it_has_grown(tmp_path: Path, more: int) -> None:
    file, kept, lake = tmp_path / "log.sqlite", tmp_path / "kept.sqlite", tmp_path / "lake"
    with SqliteLog(file) as log:
        log.append(records(200))
        copy(file, kept)
        log.append(records(600, 200))
        sink(log, lake)
        with closing(SqliteIndex(tmp_path / "index.sqlite")) as index:
            index.bind(log.log_id)
            catch_up(log, index)
    put_back(kept, file)
    with SqliteLog(file) as log, closing(SqliteIndex(tmp_path / "index.sqlite")) as index:
        if more:
            log.append(records(more, 10_000))
        before = Lake(str(lake)).snapshot().next_offsets
        with pytest.raises(LogReplaced, match=r"restored from an older copy.*--recover"):
            sink(log, lake)
        assert Lake(str(lake)).snapshot().next_offsets == before
        assert "restored" in " ".join(account(log, Lake(str(lake)), Warehouse(tmp_path / "warehouse")).problems)
        with pytest.raises(LogReplaced, match=r"index of statements.*serve --rebuild"):
            catch_up(log, index)
        with index.exclusive():
            index.clear()
        assert catch_up(log, index) == 200 + more


def test_the_newer_log_put_back_is_taken_again(tmp_path: Path) -> None:
    file, kept, lake = tmp_path / "log.sqlite", tmp_path / "kept.sqlite", tmp_path / "lake"
    with SqliteLog(file) as log:
        log.append(records(100))
        sink(log, lake)
        log.append(records(100, 100))
        copy(file, kept)
    put_back(kept, file)
    with SqliteLog(file) as log:
        sink(log, lake)
        assert sum(Lake(str(lake)).snapshot().next_offsets.values()) == 200


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(read=st.integers(0, 30), kept=st.integers(0, 30), more=st.integers(0, 60))
def test_a_log_goes_on_where_it_lost_nothing_that_was_read(
    tmp_path_factory: pytest.TempPathFactory, read: int, kept: int, more: int
) -> None:
    """Read so far, restored to an earlier length, grown again: told exactly where something read is no more there."""
    now = iter(range(1, 1_000))
    with SqliteLog(
        tmp_path_factory.mktemp("log") / "log.sqlite", partitions=1, clock_us=lambda: next(now)
    ) as first, SqliteLog(
        tmp_path_factory.mktemp("log") / "log.sqlite", partitions=1, clock_us=lambda: next(now)
    ) as second:  # fmt: skip
        values = [NewRecord(b"k", b"same", at) for at in range(1_000, 1_000 + read)]
        first.append(values)
        second.append(values[: min(kept, read)])
        second.append([NewRecord(b"k", b"same")] * more)
        last = first.record_at(0, read - 1)
        covered = {0: Covered(read, mark_of(*last) if last is not None else None)}
        check_continues(first, covered, "it", "nothing")
        if kept >= read:
            check_continues(second, covered, "it", "nothing")
        else:
            with pytest.raises(LogReplaced):
                check_continues(second, covered, "it", "nothing")


@pytest.fixture
def remade(broker: Broker) -> tuple[str, Callable[[], None]]:
    topic = f"remade-{uuid.uuid4()}"

    def again() -> None:
        admin = KafkaAdminClient(bootstrap_servers=[broker.address])
        try:
            admin.delete_topics([topic])
            while topic in admin.list_topics():
                pass
            admin.create_topics([NewTopic(topic, 4, 1)])
        finally:
            admin.close()

    return f"kafka://{broker.address}/{topic}", again


@pytest.mark.kafka
@pytest.mark.parametrize("more", [50, 900])
def test_a_topic_made_again_under_its_name_is_refused(
    remade: tuple[str, Callable[[], None]], tmp_path: Path, more: int
) -> None:
    url, again = remade
    with open_log(url, 4) as log:
        log.append(records(300))
        name = log.log_id
        sink(log, tmp_path / "lake")
    again()
    with open_log(url, 4) as log:
        assert log.log_id == name
        log.append(records(more, 10_000))
        with pytest.raises(LogReplaced):
            sink(log, tmp_path / "lake")
        assert account(log, Lake(str(tmp_path / "lake")), Warehouse(tmp_path / "warehouse")).problems


@pytest.fixture(scope="module")
def kept_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose log was put back from an older copy and has taken more since."""
    home = tmp_path_factory.mktemp("home")
    lines = [samples.encode(EVENT | {"event_id": str(uuid.UUID(int=i))}) for i in range(120)]
    assert xueqing(home, "import", "ndjson", "-", stdin=b"\n".join(lines[:30])).returncode == 0
    copy(home / "log.sqlite", home / "kept.sqlite")
    assert xueqing(home, "import", "ndjson", "-", stdin=b"\n".join([*lines[30:60], b"not json"])).returncode == 0
    assert xueqing(home, "sink").returncode == 0
    assert xueqing(home, "build").returncode == 0
    put_back(home / "kept.sqlite", home / "log.sqlite")
    assert xueqing(home, "import", "ndjson", "-", stdin=b"\n".join(lines[60:])).returncode == 0
    return home


@pytest.fixture
def replaced(kept_home: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(kept_home, tmp_path / "home"))


def ids(home: Path) -> set[str]:
    with connect_lake(Lake(str(home / "lake"))) as con:
        return {row[0] for row in con.execute("select event_id from lake.accepted").fetchall()}


def test_every_command_says_so_and_changes_nothing(replaced: Path) -> None:
    published = replaced / "warehouse" / "xueqing.duckdb"
    before, stamp = ids(replaced), published.stat().st_mtime_ns
    for command in (("sink",), ("status",), ("build",), ("rebuild", "--yes")):
        done = xueqing(replaced, *command)
        assert done.returncode in (1, 3), command
        assert "Traceback" not in done.stderr
        assert "restored from an older copy" in done.stderr.replace("\n", " "), command
        assert "xueqing rebuild" in done.stderr.replace("\n", " ")
    workspace = Workspace(Settings.from_environment({"XUEQING_HOME": str(replaced)}))
    with pytest.raises(LogReplaced), opened_store(workspace):
        pass
    assert (ids(replaced), published.stat().st_mtime_ns) == (before, stamp)


def test_recovery_brings_back_what_only_the_lake_has_once(replaced: Path) -> None:
    done = xueqing(replaced, "rebuild", "--yes", "--recover")
    assert done.returncode == 0, done.stderr
    assert "31 records that only the lake had" in done.stderr.replace("\n", " ")
    assert len(ids(replaced)) == 120
    account = xueqing(replaced, "status")
    assert account.returncode == 0, account.stderr
    assert "120 accepted = " in account.stdout
    assert xueqing(replaced, "sink").stdout.startswith("0 accepted")


def test_an_accepted_loss_keeps_the_old_lake_beside(replaced: Path) -> None:
    before = ids(replaced)
    done = xueqing(replaced, "rebuild", "--yes", "--accept-loss")
    assert done.returncode == 0, done.stderr
    assert len(ids(replaced)) == 90
    (kept,) = (replaced / "lake").glob("records.before-*")
    assert ids_of(kept) == before
    assert xueqing(replaced, "status").returncode == 0


def ids_of(table: Path) -> set[str]:
    with connect_lake(Lake(str(table.parent), table=table.name)) as con:
        return {row[0] for row in con.execute("select event_id from lake.accepted").fetchall()}


def test_a_build_does_not_go_on_from_what_another_lake_said(replaced: Path) -> None:
    """The lake is taken away by hand and made from the log as it is: as far as before, and farther, but with other records."""
    shutil.rmtree(replaced / "lake")
    assert xueqing(replaced, "sink").returncode == 0
    built = xueqing(replaced, "build")
    assert built.returncode == 0, built.stderr
    assert "full build" in built.stdout
    account = xueqing(replaced, "status")
    assert account.returncode == 0, account.stderr
    assert "90 accepted = " in account.stdout
