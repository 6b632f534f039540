"""The quality checks: what they say of good data, what stops publication, what is printed."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from rich.console import Console

from ingest.log.sqlite import SqliteLog
from ingest.programmes.pack import Pack
from ingest.programmes.reference import reference_tables
from ingest.sink import Sink
from ingest.sources.simulate import simulate
from pipelines.quality import Finding, QualityGate, check, checks
from pipelines.quality.checks import suites
from pipelines.reading.status import read_status
from pipelines.reports.page import render_page
from pipelines.reports.terminal import print_status
from tests.warehouse_help import marts
from warehouse.build import BuildOptions, Warehouse
from warehouse.errors import QualityFailed
from warehouse.lake import Lake
from warehouse.publish import BuildInfo
from warehouse.query import connect

P = "tianshui-2017"


@pytest.fixture(scope="module")
def built(packs: dict[str, Pack], tmp_path_factory: pytest.TempPathFactory) -> tuple[Warehouse, Lake, Path]:
    folder = tmp_path_factory.mktemp("quality")
    (simulation,) = simulate(packs[P], fraction=0.02, faults=True)
    lake = Lake(str(folder / "lake"))
    with SqliteLog(folder / "log.sqlite") as log:
        log.append(simulation.records)
        Sink(log, lake).run()
    warehouse = Warehouse(folder / "warehouse")
    warehouse.build(lake, reference_tables(packs), gate=QualityGate(folder / "docs"))
    return warehouse, lake, folder / "docs"


def findings(private: Path, tmp_path: Path, sabotage: str = "", now: datetime | None = None) -> list[Finding]:
    copy = tmp_path / "candidate.duckdb"
    shutil.copyfile(private, copy)
    with duckdb.connect(str(copy)) as con:
        con.execute("set timezone = 'UTC'")
        con.execute(sabotage)
        return check(con, BuildInfo("b", now or datetime(2026, 1, 1, tzinfo=UTC), 1, {}, ""), tmp_path / "docs")


def test_good_data_meets_every_expectation_and_every_suite_looked_at_it(built: tuple[Warehouse, Lake, Path]) -> None:
    warehouse, _, docs = built
    with connect(warehouse.published) as con:
        rows = con.execute(
            "select suite, is_met, checked_count, claim_zh, claim_en, severity from quality_checks"
        ).fetchall()
    assert [r for r in rows if not r[1]] == []
    assert {r[0] for r in rows} == {s.name for s in suites()}
    assert len(rows) >= sum(len(s.expectations["expectations"]) for s in suites())
    assert all(r[2] for r in rows if r[0] != "incoming_records")
    assert {r[5] for r in rows} == {"error", "warn"}
    index = (docs / "index.html").read_text(encoding="utf-8")
    assert "outgoing_rates" in index
    assert (docs / "expectations" / "outgoing_falls.html").exists()


@pytest.mark.parametrize(
    ("sabotage", "severity", "suite", "claim", "example"),
    [
        ("update marts.fct_cell_spells set numerator_count = denominator_count * 2 where indicator = 'login' and denominator_count > 0"
         " and cell_number in (select cell_number from marts.dim_cells where breakdown = 'county')",
         "error", "outgoing_rates", "No rate is above 1", "county login: 2"),
        ("update marts.fct_cell_spells set numerator_count = -1, denominator_count = 2 where indicator = 'pass'"
         " and cell_number = (select min(cell_number) from marts.dim_cells where breakdown = 'class')",
         "error", "outgoing_rates", "No rate is below 0", "class pass: -0.5"),
        ("update marts.fct_cell_spells set numerator_count = numerator_count + 1 where indicator = 'study' and valid_to_on = '9999-12-31'"
         " and cell_number = (select min(cell_number) from marts.dim_cells where breakdown = 'subject')",
         "error", "outgoing_rollups", "add up to the programme", "subject: 2"),
        ("update marts.fct_indicator_spells set valid_to_on = '2018-01-15' where indicator = 'login' and valid_to_on = '9999-12-31'"
         " and enrolment_id = (select min(enrolment_id) from marts.fct_indicator_spells where indicator = 'login' and valid_to_on = '9999-12-31')",
         "error", "outgoing_falls", "falls only by a correction", "login: 1"),
        ("update marts.fct_cell_spells set numerator_count = denominator_count + 1 where indicator = 'study' and valid_to_on = '9999-12-31'"
         " and cell_number = (select cell_number from marts.dim_cells where breakdown = 'programme' and programme_id = 'tianshui-2017')",
         "warn", "outgoing_order", "No more have studied", "programme: -"),
        ("update marts.fct_cell_spells set numerator_count = denominator_count + 1 where indicator = 'pass' and valid_to_on = '9999-12-31'"
         " and cell_number = (select cell_number from marts.dim_cells where breakdown = 'programme' and programme_id = 'tianshui-2017')",
         "warn", "outgoing_order", "No more have passed", "programme: -"),
        ("update reference.assessment_rules set max_points = '19' where component = 'course_time' and programme_id = 'tianshui-2017'",
         "error", "incoming_reference", "add up to their stage", "1: 1"),
        ("insert into reference.counties from reference.counties where county_id = 'wushan'",
         "error", "incoming_reference", "No county code", "1: 1"),
        ("insert into reference.indicators from reference.indicators where indicator = 'login' and programme_id = 'tianshui-2017'",
         "error", "incoming_reference", "one definition", "1: 1"),
        ("insert into reference.definitions select * replace (2 as version) from reference.definitions where programme_id = 'tianshui-2017'",
         "error", "incoming_reference", "applies on a date", "1: 1"),
        ("delete from reference.indicators where programme_id = 'tianshui-2017'",
         "error", "incoming_reference", "has indicators", "1: 0"),
        ("update marts.dim_enrolments set county_id = 'nowhere' where county_id = 'wushan'",
         "warn", "incoming_rosters", "names every enrolment's county", "nowhere: "),
        ("update marts.dim_enrolments set subject_id = 'magic' where subject_id = 'chinese'",
         "warn", "incoming_rosters", "names every enrolment's subject", "shizhi: "),
        ("update marts.dim_enrolments set class_id = null", "warn", "incoming_rosters", "without a class", ": 1"),
        ("update marts.dim_enrolments set subject_id = null", "warn", "incoming_rosters", "without a subject", ": 1"),
        ("update marts.dim_enrolments set learner_key = 'same', class_id = 'same', subject_id = 'chinese'",
         "warn", "incoming_rosters", "twice in one class", ": "),
        ("delete from intermediate.int_recorded_days where recorded_on between '2017-10-12' and '2017-10-20' or recorded_on between '2017-10-24' and '2017-10-30'"
         " or recorded_on > '2017-10-31'", "warn", "incoming_records", "three days in a row", "2017-10-21: 9"),
        ("update intermediate.int_recorded_days set total_duration_s = total_duration_s * (1 + 4 * (day(recorded_on) % 2))",
         "warn", "incoming_records", "length of a study record", "2017-10-"),
        ("update intermediate.int_recorded_days set total_grade = total_grade * (1 + 9 * (day(recorded_on) % 2))",
         "warn", "incoming_records", "mean grade", "2017-1"),
        ("update intermediate.int_recorded_days set without_enrolment_count = accepted_count where day(recorded_on) % 3 = 0",
         "warn", "incoming_records", "belong to no enrolment", "2017-09-"),
        ("update intermediate.int_recorded_days set late_count = accepted_count",
         "warn", "incoming_records", "arrive seven days", "2017-"),
        ("update intermediate.int_recorded_days set future_count = 1 where recorded_on = '2017-10-20'",
         "warn", "incoming_records", "more than a day after", "2017-10-20: "),
        ("update intermediate.int_recorded_days set accepted_count = greatest(1, accepted_count // 100) where day(recorded_on) % 4 <> 0",
         "warn", "incoming_records", "twentieth and twenty times", "2017-"),
    ],
)  # fmt: skip
def test_each_expectation_finds_what_breaks_it(
    built: tuple[Warehouse, Lake, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    sabotage: str, severity: str, suite: str, claim: str, example: str,
) -> None:  # fmt: skip
    only = [s for s in suites() if s.name == suite]
    monkeypatch.setattr(checks, "suites", lambda: only)
    broken = [f for f in findings(built[0].private, tmp_path, sabotage) if not f.is_met and f.programme_id == P]
    (found,) = [f for f in broken if f.suite == suite and claim in f.claim_en]
    assert found.severity == severity
    assert example in found.examples
    assert found.unexpected_count > 0


def test_a_running_programmes_data_must_be_fresh(built: tuple[Warehouse, Lake, Path], tmp_path: Path) -> None:
    def stale(now: datetime) -> list[Finding]:
        (tmp_path / now.isoformat()).mkdir()
        return [f for f in findings(built[0].private, tmp_path / now.isoformat(), now=now) if not f.is_met]

    with duckdb.connect(str(built[0].private), read_only=True) as con:
        con.execute("set timezone = 'UTC'")
        (last,) = con.execute("select max(recorded_at) from staging.stg_lake__events").fetchone() or (None,)
    # Nothing more is expected after its end, on 20 December.
    assert stale(max(last, datetime(2017, 12, 22, tzinfo=UTC))) == []
    private = tmp_path / "early.duckdb"
    shutil.copyfile(built[0].private, private)
    with duckdb.connect(str(private)) as con:
        con.execute("update marts.rpt_event_accounting set last_recorded_at = '2017-11-10 08:00:00+00'")
    (found,) = [f for f in findings(private, tmp_path, now=datetime(2017, 11, 13, tzinfo=UTC)) if not f.is_met]
    assert (found.suite, found.severity) == ("incoming_freshness", "warn")
    assert found.examples == "2017-11-10 08:00:00+00: 64"


def test_what_must_hold_stops_publication_and_what_should_is_printed(
    built: tuple[Warehouse, Lake, Path], packs: dict[str, Pack], tmp_path: Path
) -> None:
    warehouse, lake, _ = built
    before = marts(warehouse.published)
    reference = reference_tables(packs)

    class Sabotaged(QualityGate):
        def __init__(self, sql: str) -> None:
            super().__init__(tmp_path / "docs")
            self.sql = sql

        def judge(self, candidate: Path, info: BuildInfo) -> pa.Table:
            # On a copy: the candidate itself is being read for publication meanwhile.
            copy = shutil.copyfile(candidate, tmp_path / candidate.name)
            with duckdb.connect(str(copy)) as con:
                con.execute(self.sql)
            return super().judge(copy, info)

    wrong = Sabotaged(
        "update marts.fct_cell_spells set numerator_count = 2 * denominator_count where indicator = 'login'"
    )
    with pytest.raises(QualityFailed, match=r"(?s)nothing was published.*No rate is above 1.*login: 2"):
        warehouse.build(lake, reference, BuildOptions(full=True), gate=wrong)
    assert marts(warehouse.published) == before
    assert (tmp_path / "docs" / "index.html").exists()

    beside = Warehouse(tmp_path / "warehouse")
    doubtful = Sabotaged("update marts.dim_enrolments set county_id = 'nowhere' where county_id = 'wushan'")
    beside.build(lake, reference, gate=doubtful)
    with connect(beside.published) as con:
        reports = {code: read_status(con, P, date(2017, 11, 1), language=code) for code in ("zh", "en")}
    for code, claim in (
        ("zh", "未达到预期：每名学员的区县都在项目包中"),
        ("en", "Not as expected: The pack names every enrolment"),
    ):
        terminal = Console(file=StringIO(), width=200)
        print_status(terminal, reports[code], code)
        assert claim in terminal.file.getvalue()  # type: ignore[attr-defined]
        assert claim in render_page(reports[code], code, "other.html").replace("&#39;", "'")
