"""A rebuild looks first, makes the new beside the old, and swaps: whatever dies, the one or the other is there, whole."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.events import catalogue
from ingest.log.port import NewRecord
from ingest.log.sqlite import SqliteLog
from ingest.sink import Sink
from pipelines.settings import Settings
from pipelines.steps import rebuilding
from tests import samples
from tests.command_line import xueqing
from warehouse.errors import BadConfiguration, LakeBusy, LakeMismatch, LogReplaced, LogUnavailable, NoLog, XueqingError
from warehouse.lake import Lake
from warehouse.query import connect_lake
from warehouse.renewal import renewing

OPENED = samples.golden_event(catalogue()["enrolment.opened", 1])
KILLS = int(os.environ.get("XUEQING_KILLS", "1"))
Rows = list[tuple[object, ...]]


def records(first: int, count: int) -> list[NewRecord]:
    return [
        NewRecord(b"k%d" % (n % 7), samples.encode(OPENED | {"event_id": str(uuid.UUID(int=n))}))
        for n in range(first, first + count)
    ]


def rows(home: Path) -> Rows:
    with connect_lake(Lake(str(home / "lake"))) as con:
        return con.execute(
            'select "partition", "offset", recorded_at, event_id from lake.records order by all'
        ).fetchall()


def settings_of(home: Path, **more: str) -> Settings:
    return Settings.from_environment({"XUEQING_HOME": str(home)} | more)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a lake of three commits that covers its log, and something in the place of a published file."""
    home = tmp_path / "home"
    with SqliteLog(home / "log.sqlite") as log:
        for first in (0, 100, 200):
            log.append(records(first, 100))
            Sink(log, Lake(str(home / "lake"))).run()
    (home / "warehouse").mkdir()
    return home


@pytest.fixture
def unbuilt(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Rebuilds make no warehouse; the list says that they came so far."""
    built: list[str] = []
    monkeypatch.setattr(rebuilding, "build", lambda *args: built.append("built"))
    return built


# -- it looks first


def damaged_page(home: Path) -> dict[str, str]:
    file = home / "log.sqlite"
    content = bytearray(file.read_bytes())
    for page in range(4, len(content) // 4096):
        content[page * 4096 : page * 4096 + 300] = b"\xff" * 300
    file.write_bytes(content)
    return {}


def mistyped(home: Path) -> dict[str, str]:
    return {"XUEQING_LOG": f"sqlite:{home / 'lgo.sqlite'}"}


def another(home: Path) -> dict[str, str]:
    with SqliteLog(home.parent / "other.sqlite") as log:
        log.append(records(0, 900))
    return {"XUEQING_LOG": f"sqlite:{home.parent / 'other.sqlite'}"}


def shorter(home: Path) -> dict[str, str]:
    with SqliteLog(home / "log.sqlite") as log:
        log._con.execute("delete from records where offset >= 20")
        log._con.execute("update partitions set next_offset = min(next_offset, 20)")
    return {}


def shorter_and_no_lake(home: Path) -> dict[str, str]:
    import duckdb

    shorter(home)
    shutil.rmtree(home / "lake" / "records")
    with duckdb.connect(str(home / "warehouse" / "xueqing.duckdb")) as con:
        con.execute("create schema marts")
        con.execute(
            "create table marts.build_info as select 'b' as build_id, now() as built_at, 1::bigint as lake_version,"
            " '{\"0\": 60}' as next_offsets, 'd' as definitions"
        )
    return {}


def object_storage(home: Path) -> dict[str, str]:
    return {"XUEQING_LAKE": "s3://bucket/lake"}


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        (damaged_page, XueqingError, "log"), (mistyped, NoLog, "there is no log at"), (another, LakeMismatch, "covers the log"),
        (shorter, LogReplaced, "restored from an older copy"), (shorter_and_no_lake, LogReplaced, "the warehouse has read"),
        (object_storage, BadConfiguration, "another name"),
    ],
)  # fmt: skip
def test_where_the_log_is_not_right_nothing_is_touched(
    home: Path, unbuilt: list[str], wrong: Callable[[Path], dict[str, str]], error: type[Exception], says: str
) -> None:
    env = wrong(home)
    files = {
        p: p.read_bytes() for folder in ("lake", "warehouse") for p in sorted((home / folder).rglob("*")) if p.is_file()
    }
    with pytest.raises(error, match=says):
        rebuilding.rebuild(settings_of(home, **env), "1GB")
    assert unbuilt == []
    after = {
        p: p.read_bytes() for folder in ("lake", "warehouse") for p in sorted((home / folder).rglob("*")) if p.is_file()
    }
    assert {p: c for p, c in after.items() if p.name != "lock"} == {p: c for p, c in files.items() if p.name != "lock"}
    assert not (home / "lgo.sqlite").exists()


def test_a_log_that_goes_away_in_the_middle_leaves_the_old_lake(
    home: Path, unbuilt: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, polls = rows(home), []
    from ingest.log import sqlite

    real = sqlite._SqliteReader.poll

    def away(self: object, *args: object) -> object:
        polls.append(1)
        if len(polls) > 1:
            raise LogUnavailable("the log cannot be reached")
        return real(self, 50, *args[1:])  # type: ignore[arg-type]

    monkeypatch.setattr(sqlite._SqliteReader, "poll", away)
    with pytest.raises(LogUnavailable):
        rebuilding.rebuild(settings_of(home), "1GB")
    assert rows(home) == before
    assert not (home / "lake" / "records.new").exists()
    assert unbuilt == []


def test_a_rebuild_that_is_told_to_stop_changes_nothing(
    home: Path, unbuilt: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(home)
    monkeypatch.setattr(rebuilding, "sink_into", lambda lake, log, *args, **options: lake.bind(log.log_id))
    with pytest.raises(KeyboardInterrupt):
        rebuilding.rebuild(settings_of(home), "1GB")
    assert rows(home) == before
    assert unbuilt == []


def test_nobody_sinks_meanwhile_and_nobody_who_sinks_is_undercut(home: Path, unbuilt: list[str]) -> None:
    lake = Lake(str(home / "lake"))
    with SqliteLog(home / "log.sqlite") as log:
        with renewing(lake.uri):
            for use in (Sink(log, lake).run, lake.maintain):
                with pytest.raises(LakeBusy, match="made again"):
                    use()
        with lake.writing(), pytest.raises(LakeBusy, match="sink"):
            rebuilding.rebuild(settings_of(home), "1GB")
        log.append(records(300, 50))
        rebuilding.rebuild(settings_of(home), "1GB")
    assert unbuilt == ["built"]
    assert len(rows(home)) == 350


@pytest.mark.parametrize("command", [("sink",), ("status",), ("build",), ("rebuild", "--yes"), ("import", "ndjson", "-"), ("quarantine", "replay", os.devnull)])  # fmt: skip
def test_a_mistyped_log_is_never_made(home: Path, command: tuple[str, ...]) -> None:
    done = xueqing(home, *command, stdin=b"{}", XUEQING_LOG=f"sqlite:{home / 'lgo.sqlite'}")
    assert done.returncode == 1
    assert "there is no log at" in " ".join(done.stderr.split())
    assert not (home / "lgo.sqlite").exists()


# -- whatever dies

DYING = """
import os, signal, sys
from pathlib import Path
from pipelines.steps import rebuilding
from pipelines.settings import Settings
from warehouse import renewal
from warehouse.lake import Lake
where, nth = sys.argv[1], int(sys.argv[2])
seen = 0
def die(): os.kill(os.getpid(), signal.SIGKILL)
def dying(real, after=False):
    def call(*args, **options):
        global seen
        seen += 1
        if seen == nth and not after: die()
        found = real(*args, **options)
        if seen == nth: die()
        return found
    return call
if where == "append": Lake.append = dying(Lake.append, after=True)
if where == "swap": rebuilding.swap = dying(rebuilding.swap)
if where == "rename":
    real_swap = rebuilding.swap
    def swap(*args):
        Path.rename = dying(Path.rename, after=True)
        Path.unlink = dying(Path.unlink)
        return real_swap(*args)
    rebuilding.swap = swap
if where == "build": rebuilding.build = dying(rebuilding.build)
rebuilding.rebuild(Settings.from_environment(), "1GB")
"""


@pytest.mark.parametrize("time", range(KILLS))
@pytest.mark.parametrize(
    ("where", "nth"), [("append", 1), ("swap", 1), ("rename", 1), ("rename", 2), ("rename", 3), ("build", 1)]
)
def test_killed_at_any_step_the_lake_is_whole_and_the_next_goes_on(
    home: Path, unbuilt: list[str], where: str, nth: int, time: int
) -> None:
    before = rows(home)
    with SqliteLog(home / "log.sqlite") as log:
        log.append(records(300, 60))
    command = [sys.executable, "-c", DYING, where, str(nth)]
    env = os.environ | {"XUEQING_HOME": str(home)}
    done = subprocess.run(command, env=env, capture_output=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    found = rows(home)
    assert found == before or (len(found) == 360 and set(before) < set(found))
    assert (found == before) == (where in ("append", "swap"))
    with SqliteLog(home / "log.sqlite") as log:
        Sink(log, Lake(str(home / "lake"))).run()
    assert len(rows(home)) == 360
    rebuilding.rebuild(settings_of(home), "1GB")
    assert unbuilt == ["built"]
    assert len(rows(home)) == 360
    assert sorted(p.name for p in (home / "lake").iterdir()) == ["lock", "records"]
