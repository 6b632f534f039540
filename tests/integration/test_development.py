"""dbt as dbt people know it, over a file beside the warehouse; and over none, a word about where to go."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests import samples
from tests.command_line import xueqing
from tests.conftest import ROOT
from tests.integration.test_commands import GOOD
from tests.warehouse_help import marts


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("development")
    xueqing(folder, "import", "ndjson", "-", stdin=samples.encode(GOOD))
    xueqing(folder, "sink")
    assert xueqing(folder, "build").returncode == 0
    return folder


def test_models_are_made_shown_and_tested_and_nothing_is_published(home: Path) -> None:
    published = home / "warehouse" / "xueqing.duckdb"
    before = marts(published)
    file = home / "warehouse" / "build" / "development" / "candidate.duckdb"
    made = xueqing(home, "dbt", "--", "build", "--select", "dim_counties", "fct_cell_spells")
    assert made.returncode == 0, made.stdout
    assert "marts.dim_counties" in made.stdout
    shown = xueqing(
        home,
        "dbt",
        "show",
        "--inline",
        "select breakdown, study_count from {{ ref('rpt_status') }} where breakdown = 'class'",
    )
    assert shown.returncode == 0, shown.stdout
    assert "| class " in shown.stdout
    assert xueqing(home, "dbt", "--", "test", "--select", "fct_cell_spells,test_type:data").returncode == 0
    listed = xueqing(home, "dbt", "--", "ls", "--select", "rpt_pace", "--resource-type", "model").stdout
    assert "rpt_pace" in listed
    # A model that is made again by itself is as the build made it.
    with duckdb.connect(str(file), read_only=True) as con:
        con.execute(f"attach '{published}' as published (read_only)")
        assert (
            con.execute("from marts.fct_cell_spells except all from published.marts.fct_cell_spells").fetchall() == []
        )
        assert con.execute("select count(*) > 0 from marts.fct_cell_spells").fetchone() == (True,)
    assert marts(published) == before


def test_its_file_is_kept_until_there_is_a_newer_build(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    file = copy / "warehouse" / "build" / "development" / "candidate.duckdb"

    def has_mine() -> bool:
        with duckdb.connect(str(file), read_only=True) as con:
            return bool(con.execute("select 1 from duckdb_tables() where table_name = 'mine'").fetchall())

    assert xueqing(copy, "dbt", "--", "run", "--select", "dim_subjects").returncode == 0
    with duckdb.connect(str(file)) as con:
        con.execute("create table mine (x integer)")
    xueqing(copy, "dbt", "--", "run", "--select", "dim_subjects")
    assert has_mine()
    xueqing(copy, "dbt", "--fresh", "run", "--select", "dim_subjects")
    assert not has_mine()
    with duckdb.connect(str(file)) as con:
        con.execute("create table mine (x integer)")
    assert xueqing(copy, "build", "--full").returncode == 0
    xueqing(copy, "dbt", "--", "run", "--select", "dim_subjects")
    assert not has_mine()


def test_a_failure_is_the_exit_code(home: Path) -> None:
    wrong = xueqing(home, "dbt", "show", "--inline", "select nothing from {{ ref('rpt_status') }}")
    assert wrong.returncode != 0
    assert "nothing" in wrong.stdout
    unknown = xueqing(home, "dbt", "nonsense")
    assert unknown.returncode == 2
    assert "nonsense" in unknown.stderr


def test_without_a_build_it_says_what_to_do(tmp_path: Path) -> None:
    told = xueqing(tmp_path, "dbt", "build")
    assert told.returncode == 1
    assert "xueqing build" in told.stderr


def test_a_plain_dbt_build_says_what_to_do(tmp_path: Path) -> None:
    project = ROOT / "dbt_project"
    done = subprocess.run(
        [str(Path(sys.executable).with_name("dbt")), "build", "--select", "dim_counties", "--project-dir", str(project),
         "--profiles-dir", str(project), "--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs")],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode != 0
    assert "xueqing dbt build" in done.stdout
    assert "Catalog Error" not in done.stdout


def test_who_follows_builds_what_comes_and_stops_when_told(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    with subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", "build", "--follow"], text=True,
        env={**os.environ, "XUEQING_HOME": str(copy)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as following:  # fmt: skip
        try:
            assert following.stderr is not None
            assert following.stdout is not None
            assert "Building whenever" in following.stderr.readline()
            for n in (1, 2):
                event = {**GOOD, "event_id": f"00000000-0000-7000-8000-00000000000{n}"}
                xueqing(copy, "import", "ndjson", "-", stdin=samples.encode(event))
                xueqing(copy, "sink")
                assert following.stdout.readline().startswith("update ")
        finally:
            following.terminate()
            _, told = following.communicate(timeout=60)
    assert following.returncode == 0
    assert "Stopping" in told
