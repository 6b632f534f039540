"""What is damaged is told in a line with the remedy; what can be made again is made again by the command that needs it."""

from __future__ import annotations

import errno
import gzip
import os
import random
import shutil
import sqlite3
import sys
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess

import duckdb
import pytest

from ingest.events import catalogue
from ingest.log.port import NewRecord
from ingest.log.sqlite import SqliteLog
from ingest.lrs.access.keys import Keys
from ingest.lrs.index.sqlite import SqliteIndex
from ingest.lrs.writing.catching_up import catch_up
from ingest.sink import Sink
from ingest.sources.ids import stable_id
from pipelines import cli
from pipelines.collect.store import opened_store, read_index
from pipelines.reading.accounting import account
from pipelines.reports.bulletin.sealing import read_sealed
from pipelines.settings import Settings
from pipelines.workspace import Workspace
from tests import samples
from tests.command_line import xueqing
from tests.warehouse_help import marts
from warehouse import lake as lake_module
from warehouse.build import BuildOptions, Warehouse
from warehouse.damage import damage_of
from warehouse.errors import (
    BadConfiguration,
    IndexDamaged,
    LakeDamaged,
    SealBroken,
    StorageUnavailable,
    WarehouseDamaged,
)
from warehouse.lake import Lake
from warehouse.publish import read_info

MAP = 'platform = "x"\nevent = "study"\n[account]\nhome_page = "https://x.example"\n[columns]\n"a" = "at"\n"b" = "account"\n'
OPENED = samples.golden_event(catalogue()["enrolment.opened", 1])
Damage = Callable[[Path], None]


def events(first: int, count: int) -> bytes:
    lines = []
    for n in range(first, first + count):
        about = {
            "event_id": str(uuid.UUID(int=n)),
            "learner_key": f"Llearner{n:05}",
            "payload": OPENED["payload"] | {"enrolment_id": f"e{n}"},
        }
        lines.append(samples.encode(OPENED | about))
    return b"\n".join(lines)


def cut_off(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def emptied(file: Path) -> None:
    os.truncate(file, 0)


def noise(file: Path) -> None:
    file.write_bytes(random.Random(1).randbytes(file.stat().st_size))


def flipped(file: Path) -> None:
    content, dice = bytearray(file.read_bytes()), random.Random(2)
    # Past the headers: what is wrong there only shows when it is read.
    for _ in range(2_000):
        content[dice.randrange(12_288, len(content))] ^= 1 << dice.randrange(8)
    file.write_bytes(content)


def removed(file: Path) -> None:
    file.unlink()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two commits in its lake, built twice: there are a private file and a spare one."""
    home = tmp_path_factory.mktemp("built")
    for first in (0, 20):
        assert xueqing(home, "import", "ndjson", "-", stdin=events(first, 20) + b"\nnot json").returncode == 0
        assert xueqing(home, "sink").returncode == 0
        done = xueqing(home, "build")
        assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def home(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "home"))


def told(done: CompletedProcess[str], *says: str, status: int = 1) -> None:
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) < 6, done.stderr
    for text in says:
        assert text in " ".join(done.stderr.split())


# -- the warehouse


@pytest.mark.parametrize("damage", [cut_off, emptied, noise, flipped])
def test_a_damaged_published_file_is_told(home: Path, damage: Damage) -> None:
    published = home / "warehouse" / "xueqing.duckdb"
    damage(published)

    def read() -> None:
        read_info(published)
        marts(published)  # what was asked for first may stand in the half that is there

    with pytest.raises((WarehouseDamaged, duckdb.Error)) as raised:
        read()
    if not isinstance(raised.value, WarehouseDamaged):
        assert isinstance(damage_of(raised.value), WarehouseDamaged)


def test_a_damaged_published_file_is_published_anew_by_the_next_build(home: Path) -> None:
    published = home / "warehouse" / "xueqing.duckdb"
    before = marts(published)
    flipped(published)
    told(xueqing(home, "status"), "the published file is damaged", "run: xueqing build")
    told(xueqing(home, "sql", "from rpt_status"), "the published file is damaged", "run: xueqing build")
    done = xueqing(home, "build")
    assert done.returncode == 0, done.stderr
    assert marts(published) == before
    assert xueqing(home, "status").returncode == 0
    assert "nothing new" in xueqing(home, "build").stdout


def test_a_block_that_nobody_has_read_is_not_carried_from_build_to_build(home: Path) -> None:
    """The damage stands where a build's own look at the file does not fall."""
    published = home / "warehouse" / "xueqing.duckdb"
    content = bytearray(published.read_bytes())
    content[-5_000] ^= 1
    published.write_bytes(content)
    assert read_info(published) is not None
    assert "nothing new" not in xueqing(home, "build").stdout
    assert marts(published)


def test_damaged_private_files_cost_a_full_build(home: Path) -> None:
    for name in ("private", "spare"):
        flipped(home / "warehouse" / "build" / f"{name}.duckdb")
    (home / "warehouse" / "build" / "candidate.duckdb").write_bytes(b"left over")
    (home / "warehouse" / "xueqing.publishing").write_bytes(b"left over")
    assert xueqing(home, "import", "ndjson", "-", stdin=events(40, 20)).returncode == 0
    assert xueqing(home, "sink").returncode == 0
    done = xueqing(home, "build")
    assert done.returncode == 0, done.stderr
    assert "60 accepted = 60 counted" in xueqing(home, "status").stdout


# -- the lake

_FIRST, _SECOND = (f"_delta_log/0000000000000000000{n}.json" for n in range(2))


@pytest.mark.parametrize(
    ("piece", "damage"),
    [
        ("*.parquet", cut_off), ("*.parquet", removed), ("*.parquet", emptied), ("*.parquet", noise), (_SECOND, cut_off), (_SECOND, noise),
        (_SECOND, removed), (_FIRST, removed), (_FIRST, cut_off),
    ],
)  # fmt: skip
def test_a_damaged_lake_is_told_wherever_it_is_read(home: Path, piece: str, damage: Damage) -> None:
    damage(sorted((home / "lake" / "records").glob(piece))[0])
    with SqliteLog(home / "log.sqlite") as log:
        for use in (
            lambda: Lake(str(home / "lake")).maintain(),
            lambda: account(log, Lake(str(home / "lake")), Warehouse(home / "warehouse")),
            lambda: Warehouse(home / "warehouse").build(Lake(str(home / "lake")), {}),
        ):
            with pytest.raises((LakeDamaged, duckdb.Error)) as raised:
                use()
            told_as = raised.value if isinstance(raised.value, LakeDamaged) else damage_of(raised.value)
            assert isinstance(told_as, LakeDamaged)
            assert "run: xueqing rebuild" in str(told_as)


@pytest.mark.parametrize(("piece", "damage"), [("*.parquet", removed), (_SECOND, cut_off)])
def test_a_damaged_lake_is_told_by_every_command_and_made_again(home: Path, piece: str, damage: Damage) -> None:
    published = (home / "warehouse" / "xueqing.duckdb").read_bytes()
    damage(sorted((home / "lake" / "records").glob(piece))[0])
    for command in (
        ("sink",),
        ("status",),
        ("build",),
        ("maintain",),
        ("quarantine", "list"),
        ("sql", "from lake.records"),
    ):
        told(xueqing(home, *command), "the lake is damaged", "run: xueqing rebuild")
    assert (home / "warehouse" / "xueqing.duckdb").read_bytes() == published
    if piece == _SECOND:
        done = xueqing(home, "rebuild", "--yes")
        assert done.returncode == 0, done.stderr
        assert "40 accepted = 40 counted" in xueqing(home, "status").stdout


# -- disks


class _Disk:
    """Fails as a disk does."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, *args: object, **options: object) -> None:
        raise OSError(self.number, os.strerror(self.number), "/somewhere/file")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_a_disk_that_takes_nothing_is_worth_trying_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    lake = Lake(str(tmp_path / "lake"))
    with SqliteLog(tmp_path / "log.sqlite") as log:
        log.append([NewRecord(b"k", b"bad")])
        with monkeypatch.context() as patch:
            patch.setattr(lake_module, "write_deltalake", _Disk(number))
            with pytest.raises(StorageUnavailable, match="cannot be used"):
                Sink(log, lake).run()
        Sink(log, lake).run()
        assert sum(lake.snapshot().next_offsets.values()) == 1
    warehouse = Warehouse(tmp_path / "warehouse")
    monkeypatch.setattr("warehouse.build._prepare", _Disk(number))
    with pytest.raises(StorageUnavailable, match="warehouse"):
        warehouse.build(lake, {}, BuildOptions())
    assert not warehouse.published.exists()


def test_a_full_disk_under_the_lake_is_one_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XUEQING_HOME", str(home))
    assert xueqing(home, "import", "ndjson", "-", stdin=events(40, 5)).returncode == 0
    monkeypatch.setattr(sys, "argv", ["xueqing", "sink"])
    monkeypatch.setattr(lake_module, "write_deltalake", _Disk(errno.ENOSPC))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 75
    assert "the disk is full" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x"), StorageUnavailable),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), StorageUnavailable),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "/x"), None),
        (duckdb.IOException("IO Error: Could not write file: No space left on device"), StorageUnavailable),
        (duckdb.IOException("IO Error: Corrupt database file: computed checksum 1 does not match"), WarehouseDamaged),
        (duckdb.IOException('IO Error: Cannot open file "/h/lake/records/part-0.parquet": No such file or directory'), LakeDamaged),
        (duckdb.CatalogException("Catalog Error: Table with name x does not exist"), None),
        (duckdb.IOException('IO Error: No files found that match the pattern "mine.csv"'), None),
        (KeyError("a defect of ours"), None),
    ],
)  # fmt: skip
def test_only_what_is_known_is_told_as_damage(error: Exception, kind: type | None) -> None:
    found = damage_of(error)
    assert found is None if kind is None else type(found) is kind


# -- the index of statements, keys, seals, packed files


@pytest.mark.parametrize("damage", [cut_off, noise])
def test_a_damaged_index_is_made_again_from_the_log(
    home: Path, damage: Damage, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = Workspace(Settings.from_environment({"XUEQING_HOME": str(home)}))
    with read_index(workspace) as index:
        before = dict(index.positions())
    damage(home / "statement-index.sqlite")
    with opened_store(Workspace(workspace.settings)) as store:
        assert dict(store.index.positions()) == before
    assert "damaged; it is made again" in " ".join(capsys.readouterr().err.split())


def test_damage_that_is_met_later_is_told_and_mended_by_the_next_who_opens_it(tmp_path: Path) -> None:
    file = tmp_path / "index.sqlite"
    with SqliteLog(tmp_path / "log.sqlite") as log:
        log.append([NewRecord(b"k", samples.encode(OPENED))])
        with closing(SqliteIndex(file)) as index:
            index.bind(log.log_id)
            catch_up(log, index)
        with closing(sqlite3.connect(file)) as con:
            (page,) = con.execute("select rootpage from sqlite_master where name = 'terms'").fetchone()
            (size,) = con.execute("pragma page_size").fetchone()
        content = bytearray(file.read_bytes())
        content[(page - 1) * size : page * size] = b"\xff" * size
        file.write_bytes(content)
        with closing(SqliteIndex(file)) as index:
            assert not index.was_damaged
            with pytest.raises(IndexDamaged, match="start the server again"):
                index._rows("select * from terms where term = 1")
        with closing(SqliteIndex(file)) as index:
            assert index.was_damaged
            index.bind(log.log_id)
            assert catch_up(log, index) == 1
        with closing(SqliteIndex(file)) as index:
            assert not index.was_damaged


@pytest.mark.parametrize("damage", [cut_off, noise])
def test_damaged_keys_are_a_line(tmp_path: Path, damage: Damage) -> None:
    keys = Keys(tmp_path / "keys.sqlite")
    keys.create("p", ["all"])
    keys.close()
    damage(tmp_path / "keys.sqlite")
    with pytest.raises(BadConfiguration, match="from a backup"):
        Keys(tmp_path / "keys.sqlite")
    told(xueqing(tmp_path, "keys", "list"), "keys.sqlite are damaged")


@pytest.mark.parametrize("damage", [cut_off, emptied, noise])
def test_a_torn_seal_is_named(tmp_path: Path, damage: Damage) -> None:
    folder = tmp_path / "tianshui-2017" / "001"
    folder.mkdir(parents=True)
    (folder / "seal.json").write_bytes(b'{"programme_id": "tianshui-2017", "number": 1}' * 10)
    damage(folder / "seal.json")
    with pytest.raises(SealBroken, match=r"seal\.json is damaged"):
        read_sealed(tmp_path, "tianshui-2017", 1)


def test_a_file_that_is_not_what_was_said_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    lines = b"\n".join(samples.encode({**OPENED, "event_id": stable_id("door", str(n))}) for n in range(500))
    whole = gzip.compress(lines)
    moodle = b"Time,User full name,Affected user,Event context,Component,Event name,Description,Origin,IP address\n"
    for command, name, content, says in (
        ("ndjson", "cut.ndjson.gz", whole[: len(whole) // 2], "cut off"),
        ("ndjson", "none.ndjson.gz", b"plain text", "no gzip file"),
        ("ndjson", "flipped.ndjson.gz", whole[:-6] + b"\0\0" + whole[-4:], "damaged"),
        ("ndjson", "moodle.csv", moodle + b"a,b,c,d,e,f,g,h,i\n" * 9, "import moodle"),
        ("ndjson", "wide.ndjson", lines.decode().encode("utf-16"), "iconv -f UTF-16"),
        ("xapi", "cut2.ndjson.gz", whole[: len(whole) // 2], "import ndjson"),
        ("xapi", "ours.ndjson", lines, "import ndjson"),
        ("moodle", "page.csv", b"<!DOCTYPE html><html>", "page of the web"),
        ("openedx", "none.log", b"", "is empty"),
        ("caliper", "a.json", b"SQLite format 3\0\1", "database of SQLite"),
        ("log", "t.xlsx", b"a,b\n1,2\n", "rename it to end in .csv"),
        ("roster", "r.csv", b"%PDF-1.4 \xe2\xe3", "a PDF"),
    ):
        (tmp_path / name).write_bytes(content)
        (tmp_path / "map.toml").write_text(MAP, encoding="utf-8")
        options = [] if command == "ndjson" else ["-p", "tianshui-2017"]
        options += ["--site", "https://m.example.org"] if command in ("moodle", "openedx") else []
        options += ["--map", str(tmp_path / "map.toml")] if command == "log" else []
        home = tmp_path / f"home-{name}"
        done = xueqing(home, "import", command, str(tmp_path / name), *options)
        told(done, says, "Nothing was written")
        assert not list(home.glob("**/*.sqlite"))
        assert not (home / "rejected").exists()


def test_a_mark_the_ends_of_lines_and_a_list_make_no_difference(tmp_path: Path) -> None:
    """Two events, and the same two begun with a mark, ended as on Windows, as a list, and packed under another name."""
    both = [{**OPENED, "event_id": stable_id("door", str(n))} for n in range(2)]
    plain = b"\n".join(map(samples.encode, both))
    for name, content in (
        ("plain", plain), ("mark", b"\xef\xbb\xbf" + plain), ("windows", plain.replace(b"\n", b"\r\n") + b"\r\n"),
        ("list", b"[" + b",\n".join(map(samples.encode, both)) + b"]"), ("packed", gzip.compress(plain)),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(content)
        for home, file, stdin in ((f"{name}-file", str(tmp_path / name), b""), (f"{name}-in", "-", content)):
            if name == "packed" and file == "-":
                continue
            assert xueqing(tmp_path / home, "import", "ndjson", file, stdin=stdin).returncode == 0
            with sqlite3.connect(tmp_path / home / "log.sqlite") as con:
                assert {row[0] for row in con.execute("select value from records")} == set(map(samples.encode, both))
