"""The dbt project itself: its unit tests, its documentation, and the published examples of the score."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path

import duckdb
import pytest
import yaml

from ingest.log.sqlite import SqliteLog
from ingest.programmes import vocabulary
from ingest.programmes.pack import Pack
from ingest.programmes.reference import reference_tables
from ingest.sink import Sink
from ingest.sources.simulate import simulate
from tests.conftest import ROOT
from tests.warehouse_help import broken_keys, models
from warehouse.build import Warehouse
from warehouse.dbt import read_manifest, run_dbt
from warehouse.lake import Lake

MODELS = ROOT / "dbt_project" / "models"


@pytest.fixture(scope="module")
def private(packs: dict[str, Pack], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    (simulation,) = simulate(packs["tianshui-2017"], fraction=0.01, faults=True)
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


def test_every_unit_test_passes(private: Path) -> None:
    done = run_dbt(["test", "--select", "test_type:unit"], build_file=private, work=private.parent, memory="1GB")
    assert done.ok, done.failures or done.tail
    assert len(done.nodes) == len(documents("unit_tests")) >= 40


def test_what_several_models_have_is_described_once() -> None:
    files = sorted(MODELS.rglob("_*.yml"))
    written = Counter(
        d for f in files for d in re.findall(r"^ {8}description: (.+)$", f.read_text(encoding="utf-8"), re.M)
    )
    assert [text for text, count in written.items() if count > 1 and "doc(" not in text] == []
    blocks = re.findall(r"{% docs (\w+) %}", (MODELS / "columns.md").read_text(encoding="utf-8"))
    used = {name for text in written for name in re.findall(r"doc\('(\w+)'\)", text)}
    assert sorted(used) == blocks


def test_the_models_count_the_activities_of_the_vocabulary(private: Path) -> None:
    with duckdb.connect(str(private), read_only=True) as con:
        counted = {row[0] for row in con.execute("select distinct activity from marts.fct_enrolment_days").fetchall()}
    # The simulated programme has neither clicks nor results of others, and no units of cmi5.
    assert vocabulary.activities() == counted | {"content", "result_passed", "unit_satisfied"}


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


#: Accounts of entries, of which several may say the same.
ACCOUNTS = {"int_activity_entries", "int_once_entries", "int_decision_entries", "int_staff_entries"}


def test_every_model_has_its_keys(private: Path, tmp_path: Path) -> None:
    keys = {m["name"]: m.get("config", {}).get("meta", {}).get("primary_key") for m in models()}
    assert {name for name, key in keys.items() if not key} == ACCOUNTS
    assert broken_keys(private, tmp_path) == []


def test_a_build_tests_the_keys_of_every_table_of_the_marts(private: Path) -> None:
    with duckdb.connect(str(private), read_only=True) as con:
        tables = {
            r[0] for r in con.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
        }
        found = con.execute(
            "select table_name, column_name from duckdb_columns() where schema_name = 'marts' and not is_nullable"
        ).fetchall()
    for model in [m for m in models() if m["name"] in tables]:
        key, tests = model["config"]["meta"]["primary_key"], model["data_tests"]
        assert key in [t["unique_together"]["arguments"]["columns"] for t in tests if "unique_together" in t], model[
            "name"
        ]
        # A verb's IRI is what somebody sent.
        assert {(model["name"], c) for c in key if c != "verb_id"} <= set(found), model["name"]


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
                r["valid_from_on"], r["valid_to_on"].removesuffix("9999-12-31"), f"{r['achieved']}",
                f"{r['points']}{' (clipped)' if r['is_clipped'] else ''}", f"{r['todo_count']}",
            )
            for r in rows
        ]  # fmt: skip
        assert printed == expected, name


def test_no_model_reads_a_later_layer(tmp_path: Path) -> None:
    layers = ["staging", "entries", "facts", "status", "reports"]
    assert sorted(p.name for p in MODELS.iterdir() if p.is_dir()) == sorted(layers)
    nodes = {k: n for k, n in read_manifest(tmp_path / "cache")["nodes"].items() if n["resource_type"] == "model"}
    layer = {key: layers.index(node["fqn"][1]) for key, node in nodes.items()}
    read = [(node, key) for key, n in nodes.items() for node in n["depends_on"]["nodes"] if node in nodes]
    assert [(earlier, later) for earlier, later in read if layer[earlier] > layer[later]] == []
    for node in nodes.values():
        # An analyst finds every name with fct, dim or rpt, and nobody else's.
        prefix = {"staging": "stg", "intermediate": "int"}.get(node["schema"])
        assert (node["name"].split("_")[0] == prefix) if prefix else node["name"].startswith(("fct_", "dim_", "rpt_"))
        assert (node["fqn"][1] == "reports") == node["name"].startswith("rpt_")


def test_the_semantic_layer_has_the_rates_and_their_counts(tmp_path: Path) -> None:
    manifest = read_manifest(tmp_path / "cache")
    metrics = {m["name"]: m["type_params"] for m in manifest["metrics"].values()}
    for rate in ("participation", "login", "study", "pass", "indicator"):
        parts = [metrics[f"{rate}_rate"][part]["name"] for part in ("numerator", "denominator")]
        assert parts == [f"{rate}_numerator", f"{rate}_denominator"]
        assert [metrics[p]["measure"]["name"] for p in parts] == ["numerator_count", "denominator_count"]
    columns = {m["name"]: {c["name"] for c in m["columns"]} for m in models()}
    for model in manifest["semantic_models"].values():
        known = columns[re.findall(r"\w+", model["model"])[1]]
        assert {d["name"] for d in model["dimensions"]} | {m["name"] for m in model["measures"]} <= known
        # A count of one date is no part of a count of two.
        assert {m["non_additive_dimension"]["name"] for m in model["measures"]} == {"as_of_on"}


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
