"""The Open University's dataset, imported as a user would, against plain Python over the same files."""

from __future__ import annotations

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from pipelines.collect import imports
from pipelines.collect.sink import run_sink
from pipelines.settings import Settings
from pipelines.steps.build import build
from pipelines.workspace import Workspace
from tests.oracle import Oracle, Rules
from tests.warehouse_help import raw_records, scores_of, status_cells
from warehouse.build import BuildOptions
from warehouse.query import connect

PROGRAMME = "open-university"
END = date(2015, 12, 31)
pytestmark = pytest.mark.shared_data


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    path = folder / name
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def workspace(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    home = tmp_path_factory.mktemp("oulad")
    workspace = Workspace(Settings.from_environment({"XUEQING_HOME": str(home)}))
    report = imports.import_oulad(workspace, shared_data / "oulad")
    assert report.adds_up
    assert report.rows["studentVle"] == report.events["content.accessed"] == 1_048_575
    assert any("9,606,705 are missing (90.2%)" in w for w in report.warnings)
    assert any(w.startswith("45 registrations have no date") for w in report.warnings)
    assert any(w.startswith("173 submissions have no score") for w in report.warnings)
    run_sink(workspace)
    build(workspace, BuildOptions())
    yield workspace
    workspace.log.close()


def test_pass_rates_by_region_and_presentation_are_those_of_the_files(workspace: Workspace, shared_data: Path) -> None:
    left = {
        (r["code_module"], r["code_presentation"], r["id_student"])
        for r in rows(shared_data / "oulad", "studentRegistration.csv.gz") if r["date_unregistration"]
    }  # fmt: skip
    expected: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for r in rows(shared_data / "oulad", "studentInfo.csv.gz"):
        takes_part = (r["code_module"], r["code_presentation"], r["id_student"]) not in left
        passed = takes_part and r["final_result"] in ("Pass", "Distinction")
        for cell in (
            ("county", r["region"]),
            ("class", f"{r['code_module']}-{r['code_presentation']}"),
            ("programme", ""),
        ):
            for i, n in enumerate((1, takes_part, passed)):
                expected[cell][i] += n
    found = status_cells(workspace.warehouse.published, PROGRAMME, END)
    for (breakdown, key), (called, taking, passed) in expected.items():
        counts = found[(breakdown, key) if key else (breakdown,)]
        assert (counts["called_up"], counts["participating"], counts["pass"]) == (called, taking, passed), (
            breakdown,
            key,
        )
    assert len([c for c in found if c[0] == "class"]) == 22
    assert found["programme",]["called_up"] == 32_593


def test_every_cell_is_the_oracles(workspace: Workspace) -> None:
    oracle = Oracle.read(
        raw_records(workspace.settings.home / "log.sqlite"),
        Rules(workspace.definitions.in_force(PROGRAMME).path),
        PROGRAMME,
    )
    for day in (date(2013, 9, 1), date(2014, 3, 3), END):
        assert status_cells(workspace.warehouse.published, PROGRAMME, day) == oracle.status(day), day
    with connect(workspace.warehouse.published) as con:
        assert scores_of(con, PROGRAMME, day) == oracle.scores(day)


def test_clicks_and_active_days_where_the_slice_is_complete(workspace: Workspace, shared_data: Path) -> None:
    clicks: Counter[str] = Counter()
    days: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for r in rows(shared_data / "oulad", "studentVle.csv.gz"):
        presentation = f"{r['code_module']}-{r['code_presentation']}"
        clicks[presentation] += int(r["sum_click"])
        days[presentation].add((r["id_student"], r["date"]))
    with connect(workspace.warehouse.published) as con:
        found = {
            r[0]: r[1:]
            for r in con.execute(
                """
                select e.class_id, sum(d.quantity), count(*)
                from fct_enrolment_days d
                join (select distinct programme_id, enrolment_id, class_id from dim_enrolments) e using (programme_id, enrolment_id)
                where d.programme_id = 'open-university' and d.activity = 'content'
                group by all
                """
            ).fetchall()
        }
    for presentation in ("AAA-2013J", "AAA-2014J", "BBB-2013B"):
        assert (int(found[presentation][0]), found[presentation][1]) == (clicks[presentation], len(days[presentation]))


def test_no_student_number_leaves_the_vault(workspace: Workspace, shared_data: Path) -> None:
    student = rows(shared_data / "oulad", "studentInfo.csv.gz")[0]["id_student"]
    with connect(workspace.warehouse.published, workspace.lake) as con:
        found = con.execute(
            "select count(*) from lake.records where regexp_matches(payload, ?) or learner_key = ?",
            [f'"[^"]*\\b{student}\\b', student],
        ).fetchone()
    assert found == (0,)
