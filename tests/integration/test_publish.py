"""Publication: readers go on through it, and a failed test publishes nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from ingest.log.sqlite import SqliteLog
from ingest.programmes.pack import Pack
from ingest.programmes.reference import reference_tables
from ingest.sink import Sink
from ingest.sources.simulate import simulate
from tests.warehouse_help import marts
from warehouse.build import BuildOptions, Warehouse
from warehouse.errors import BuildFailed, BuildInProgress
from warehouse.lake import Lake

READER = """
import sys, time
from pathlib import Path
from warehouse.query import connect
path, stop = Path(sys.argv[1]), Path(sys.argv[2])
reads, builds = 0, set()
while not stop.exists():
    with connect(path) as con:
        build, = con.execute("select build_id from build_info").fetchone()
        total, parts = con.execute('''
            select sum(participating_count) filter (breakdown = 'programme'), sum(participating_count) filter (breakdown = 'county')
            from rpt_status where as_of_on = (select max(as_of_on) from rpt_status)''').fetchone()
        assert total == parts and total > 0, (total, parts)
        reads += 1; builds.add(build)
print(reads, len(builds))
"""


@pytest.fixture(scope="module")
def built(packs: dict[str, Pack], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A place, and what stands there at first: a build of half of the events, and the lake with the others, too."""
    home, kept = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("kept") / "home"
    lake = Lake(str(home / "lake"))
    (simulation,) = simulate(packs["tianshui-2017"], fraction=0.01, faults=True)
    half = len(simulation.records) // 2
    with SqliteLog(home / "log.sqlite") as log:
        log.append(simulation.records[:half])
        Sink(log, lake).run()
        Warehouse(home / "warehouse").build(lake, reference_tables(packs))
        log.append(simulation.records[half:])
        Sink(log, lake).run()
    shutil.copytree(home, kept)
    return home, kept


@pytest.fixture
def small(
    built: tuple[Path, Path], packs: dict[str, Pack]
) -> Iterator[tuple[SqliteLog, Lake, Warehouse, dict[str, pa.Table]]]:
    home, kept = built
    # In the same place each time: builds write down where they found what.
    shutil.rmtree(home)
    shutil.copytree(kept, home)
    with SqliteLog(home / "log.sqlite") as log:
        yield log, Lake(str(home / "lake")), Warehouse(home / "warehouse"), reference_tables(packs)


def test_readers_in_other_processes_go_on_through_builds(
    small: tuple[SqliteLog, Lake, Warehouse, dict[str, pa.Table]], tmp_path: Path
) -> None:
    _, lake, warehouse, reference = small
    stop = tmp_path / "stop"
    command = [sys.executable, "-c", READER, str(warehouse.published), str(stop)]
    readers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        warehouse.build(lake, reference)
        warehouse.build(lake, reference, BuildOptions(full=True))
        time.sleep(1.5)
    finally:
        stop.touch()
        answers = [r.communicate(timeout=60)[0].split() for r in readers]
    assert [r.returncode for r in readers] == [0, 0]
    for reads, builds in answers:
        assert int(reads) > 3
        assert int(builds) >= 2


def test_a_failed_test_publishes_nothing_and_says_which(
    small: tuple[SqliteLog, Lake, Warehouse, dict[str, pa.Table]],
) -> None:
    _, lake, warehouse, reference = small
    before = marts(warehouse.published)
    # A pack that names a county twice breaks the claim that a county has one row.
    counties = reference["counties"]
    broken = {**reference, "counties": pa.concat_tables([counties, counties.slice(0, 1)])}
    with pytest.raises(BuildFailed, match="unique_together_dim_counties"):
        warehouse.build(lake, broken)
    assert marts(warehouse.published) == before
    warehouse.build(lake, reference)
    assert marts(warehouse.published) != before


def test_any_client_finds_the_marts_by_their_names_and_what_they_are(
    small: tuple[SqliteLog, Lake, Warehouse, dict[str, pa.Table]], tmp_path: Path
) -> None:
    _, lake, warehouse, reference = small
    # After an update, which keeps what it does not change; and whatever the file is called.
    assert not warehouse.build(lake, reference).is_full
    copy = Path(shutil.copyfile(warehouse.published, tmp_path / "anything.duckdb"))
    ours = "not internal and schema_name in ('main', 'marts', 'reference')"
    for file in (warehouse.published, copy):
        with duckdb.connect(str(file), read_only=True) as con:
            shown = {r[0] for r in con.execute("show tables").fetchall()}
            assert {"rpt_status", "dim_counties", "definitions", "quality_checks", "build_info"} <= shown
            for name in sorted(shown):
                (schema,) = con.execute(
                    "select schema_name from (from duckdb_tables() union all by name from duckdb_views())"
                    " where coalesce(table_name, view_name) = ? and schema_name in ('marts', 'reference')", [name],
                ).fetchone() or ("",)  # fmt: skip
                by_name, by_schema = f"select count(*) from {name}", f"select count(*) from {schema}.{name}"
                assert con.execute(by_name).fetchone() == con.execute(by_schema).fetchone()
            assert con.execute("select count(*) from rpt_status").fetchone() != (0,)
            silent = (
                f"select table_name, column_name from duckdb_columns() where {ours} and comment is null and table_name in"
                " (select coalesce(table_name, view_name) from (from duckdb_tables() union all by name from duckdb_views())"
                " where schema_name = 'marts')"
            )
            assert con.execute(silent).fetchall() == []
            for kind in ("table", "view"):
                assert (
                    con.execute(f"select {kind}_name from duckdb_{kind}s() where {ours} and comment is null").fetchall()
                    == []
                )
            assert con.execute(
                "select comment from duckdb_columns() where schema_name = 'main' and table_name = 'rpt_status' and column_name = 'as_of_on'"
            ).fetchone() == ("The status at the end of this local date.",)


def test_nothing_new_is_no_build_and_two_at_once_are_refused(
    small: tuple[SqliteLog, Lake, Warehouse, dict[str, pa.Table]],
) -> None:
    _, lake, warehouse, reference = small
    done = warehouse.build(lake, reference)
    again = warehouse.build(lake, reference)
    assert (again.is_new, again.info) == (False, done.info)
    with warehouse._lock(), pytest.raises(BuildInProgress):
        warehouse.build(lake, reference)


def test_late_events_change_past_dates_and_maintenance_changes_nothing(
    small: tuple[SqliteLog, Lake, Warehouse, dict[str, pa.Table]], tmp_path: Path
) -> None:
    _, lake, warehouse, reference = small
    warehouse.build(lake, reference)
    updated = marts(warehouse.published)
    done = lake.maintain(retain_hours=1)
    assert done.files_after <= done.files_before
    fresh = Warehouse(tmp_path / "fresh")
    fresh.build(lake, reference)
    assert marts(fresh.published) == updated


def test_a_build_goes_on_from_the_file_before_the_last_and_never_touches_the_last(
    small: tuple[SqliteLog, Lake, Warehouse, dict[str, pa.Table]], packs: dict[str, Pack], tmp_path: Path
) -> None:
    log, lake, warehouse, reference = small
    assert warehouse.spare.exists(), "a full build leaves one"
    assert not warehouse.spare.samefile(warehouse.private)
    (more,) = simulate(packs["tianshui-2017"], fraction=0.01, seed=2)
    for n in range(2):
        older, newest = (path.stat().st_ino for path in (warehouse.spare, warehouse.private))
        text = warehouse.private.read_bytes()
        log.append(more.records[100 * n : 100 * (n + 1)])
        Sink(log, lake).run()
        done = warehouse.build(lake, reference)
        assert not done.is_full
        assert (warehouse.private.stat().st_ino, warehouse.spare.stat().st_ino) == (older, newest)
        assert warehouse.spare.read_bytes() == text
    updated = marts(warehouse.published)
    # Killed between its last two steps, a build leaves the same file under both names: it is not written to.
    warehouse.spare.unlink()
    os.link(warehouse.private, warehouse.spare)
    log.append(more.records[300:400])
    Sink(log, lake).run()
    inode = warehouse.private.stat().st_ino
    assert not warehouse.build(lake, reference).is_full
    assert warehouse.spare.stat().st_ino == inode != warehouse.private.stat().st_ino
    assert marts(warehouse.published) != updated
    fresh = Warehouse(tmp_path / "fresh")
    fresh.build(lake, reference)
    assert marts(fresh.published) == marts(warehouse.published)
