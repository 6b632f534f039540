"""The dbt project itself: its unit tests, its documentation, and the published examples of the score."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import duckdb
import pytest
import yaml

from ingest.definitions import reference_tables
from ingest.log.sqlite import SqliteLog
from ingest.packs import Pack
from ingest.sink import Sink
from ingest.sources.simulate import simulate
from tests.conftest import ROOT
from warehouse.build import Warehouse
from warehouse.dbt import run_dbt
from warehouse.lake import Lake

MODELS = ROOT / "dbt_project" / "models"


@pytest.fixture(scope="module")
def private(packs: dict[str, Pack], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    (simulation,) = simulate(packs["tianshui-2017"], fraction=0.01)
    lake = Lake(str(folder / "lake"))
    with SqliteLog(folder / "log.sqlite") as log:
        log.append(simulation.records)
        Sink(log, lake).run()
    warehouse = Warehouse(folder / "warehouse")
    warehouse.build(lake, reference_tables(packs))
    # A view names the file it was made in.
    return Path(shutil.copyfile(warehouse.private, folder / "candidate.duckdb"))


def documents(kind: str) -> list[dict[str, object]]:
    return [item for file in sorted(MODELS.rglob("*.yml")) for item in yaml.safe_load(file.read_text()).get(kind, [])]


def test_every_unit_test_passes(private: Path, tmp_path: Path) -> None:
    done = run_dbt(["test", "--select", "test_type:unit"], build_file=private, work=tmp_path, memory="1GB")
    assert done.ok, done.failures or done.tail
    assert len(done.nodes) == len(documents("unit_tests")) >= 40


def test_every_model_and_column_is_documented(private: Path) -> None:
    told = {m["name"]: {c["name"]: c.get("description") for c in m["columns"]} for m in documents("models")}  # type: ignore[attr-defined]
    assert all(m["description"] for m in documents("models"))
    with duckdb.connect(str(private), read_only=True) as con:
        found = con.execute(
            "select table_name, column_name from duckdb_columns() where schema_name in ('staging', 'intermediate', 'marts')"
        ).fetchall()
    assert sorted({t for t, _ in found}) == sorted(told)
    assert [(t, c) for t, c in found if not told[t].get(c)] == []
    assert [(t, c) for t, columns in told.items() for c in columns if (t, c) not in set(found)] == []


def test_the_published_examples_of_the_score_are_the_unit_tests() -> None:
    text = (ROOT / "docs" / "scoring.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", text, re.M | re.S))
    tests = {t["name"]: t for t in documents("unit_tests")}
    assert [t for t in tests if t in sections] == list(sections)
    scores = ("fct_score_components", "fct_stage_scores", "fct_scorecards")
    assert {t["name"] for t in documents("unit_tests") if t["model"] in scores} == set(sections)
    for name, section in sections.items():
        printed = re.findall(r"^\| (\d{4}.*?) \| (.*?) ?\| (.*?) \| (.*?) \| (.*?) \|$", section, re.M)
        if not printed:
            continue
        rows = tests[name]["expect"]["rows"]  # type: ignore[index]
        expected = [
            (
                r["valid_from_on"], r["valid_to_on"] or "", f"{r['achieved']}",
                f"{r['points']}{' (clipped)' if r['is_clipped'] else ''}", f"{r['todo_count']}",
            )
            for r in rows
        ]  # fmt: skip
        assert printed == expected, name


def test_exposures_name_every_report() -> None:
    assert {e["name"] for e in documents("exposures")} == {
        "status_page",
        "indicator_table",
        "trace",
        "score_card",
        "bulletin",
        "proposals",
        "briefings",
        "evaluation",
        "reminders",
        "survey_report",
    }
