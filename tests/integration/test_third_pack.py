"""A third programme, online science courses with no counties: its pack is all that it needs."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ingest.events import encode
from ingest.events.assessment import AssignmentGraded
from ingest.events.enrolment import EnrolmentOpened
from ingest.events.learning import VideoWatched
from ingest.log.port import NewRecord
from ingest.log.sqlite import SqliteLog
from ingest.programmes.pack import load_pack
from ingest.programmes.reference import reference_tables
from ingest.programmes.template import new_pack
from ingest.sink import Sink
from ingest.sources.ids import stable_id
from tests.oracle import Oracle, Rules
from tests.warehouse_help import cells_of, raw_records, scores_of
from warehouse.build import Warehouse
from warehouse.lake import Lake
from warehouse.query import connect

pytestmark = pytest.mark.shared_data
PROGRAMME = "online-science"
START = {
    "S1": datetime(2016, 1, 15, 9, tzinfo=UTC),
    "T1": datetime(2016, 5, 15, 9, tzinfo=UTC),
    "S2": datetime(2016, 9, 1, 9, tzinfo=UTC),
}
SUBJECTS = {
    "AnPhA": "Anatomy and physiology",
    "BioA": "Biology",
    "FrScA": "Forensic science",
    "OcnA": "Oceanography",
    "PhysA": "Physics",
}
MOST_S = 86_400


def write_pack(folder: Path) -> Path:
    new_pack(folder, PROGRAMME)
    settings = (folder / "programme.toml").read_text(encoding="utf-8")
    lines = [
        line for line in settings.splitlines() if not line.startswith(("starts_on", "ends_on", "report_on", "timezone"))
    ]
    at = lines.index("[labels]")
    lines[at:at] = [
        'timezone = "America/Detroit"',
        "starts_on = 2016-01-15",
        "ends_on = 2016-12-31",
        "report_on = 2017-01-15",
    ]
    (folder / "programme.toml").write_text("\n".join(lines), encoding="utf-8")

    def table(name: str, *rows: str) -> None:
        file = folder / f"{name}.csv"
        header = file.read_text(encoding="utf-8-sig").splitlines()[0]
        file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")

    table("subjects", *(f"{key},{label},{label}" for key, label in SUBJECTS.items()))
    table(
        "indicators",
        "login,登录率,Login rate,participating,video,event_count,>=,1,有学习记录,any study recorded",
        "study,学习率,Study rate,participating,video,quantity,>,0,有学习时间,study time above 0",
        "course_study,达标率,Full study rate,study,video,quantity,>=,60000,学满一千分钟,1000 minutes or more",
        "pass,合格率,Pass rate,participating,,,,,合格,passed",
    )
    table(
        "assessment_rules",
        "course,100,60,time,时间,Study time,30,video,quantity,minutes,60,1500,linear",
        "course,100,60,grade,成绩,Final grade,70,weighted_grade,quantity,percent,1,100,weighted_assessments",
    )
    return folder


def events(shared_data: Path) -> tuple[list[NewRecord], dict[tuple[str, str], tuple[float, str]]]:
    """Records, and (student, section) → (minutes, final grade) of everybody enrolled."""
    with (shared_data / "dataedu" / "course_minutes.csv").open(encoding="utf-8") as file:
        minutes = {(r["Bb_UserPK"], r["CourseSectionOrigID"]): float(r["TimeSpent"]) for r in csv.DictReader(file)}
    with (shared_data / "dataedu" / "course_data.csv").open(encoding="utf-8") as file:
        graded = {
            (r["Bb_UserPK"], r["CourseSectionOrigID"]): (r["FinalGradeCEMS"], r["Gender"]) for r in csv.DictReader(file)
        }
    found: dict[tuple[str, str], tuple[float, str]] = {}
    records = []
    for student, section in sorted({*minutes, *graded}):
        subject, term, _ = section.split("-")
        start = START[term[:2]]
        grade, gender = graded.get((student, section), ("", ""))
        enrolment = f"{section}/{float(student):.0f}"
        found[student, section] = (minutes.get((student, section), 0.0), grade)
        facts = [
            (
                "enrolment.opened",
                start,
                EnrolmentOpened(enrolment_id=enrolment, class_id=section, subject_id=subject, gender=gender or None),
            )
        ]
        left, day = round(found[student, section][0] * 60, 3), 1
        while left > 0:
            facts.append(
                (
                    "video.watched",
                    start + timedelta(days=day),
                    VideoWatched(enrolment_id=enrolment, course_id=subject, watched_s=min(left, MOST_S)),
                )
            )  # type: ignore[arg-type]
            left, day = round(left - MOST_S, 3), day + 7
        if grade:
            facts.append(
                (
                    "assignment.graded",
                    start + timedelta(days=110),
                    AssignmentGraded(
                        enrolment_id=enrolment,
                        assignment_id="final",
                        grade=float(grade),
                        is_final=True,
                        weight_pct=100.0,
                    ),
                )
            )  # type: ignore[arg-type]
        for n, (kind, at, payload) in enumerate(facts):
            value = encode(payload, event_type=kind, event_id=stable_id(enrolment, kind, str(n)), occurred_at=at,
                           programme_id=PROGRAMME, source="dataedu", learner_key=f"Lstudent{float(student):.0f}")  # fmt: skip
            records.append(NewRecord(enrolment.encode(), value, int(at.timestamp() * 1e6) + 1))
    return records, found


def test_no_code_and_no_model_changes_for_it(shared_data: Path, tmp_path: Path) -> None:
    pack = load_pack(write_pack(tmp_path / "packs" / PROGRAMME))
    records, students = events(shared_data)
    lake, warehouse = Lake(str(tmp_path / "lake")), Warehouse(tmp_path / "warehouse")
    with SqliteLog(tmp_path / "log.sqlite") as log:
        log.append(records)
        Sink(log, lake).run()
    warehouse.build(lake, reference_tables({PROGRAMME: pack}))
    oracle = Oracle.read(raw_records(tmp_path / "log.sqlite"), Rules(pack.path), PROGRAMME)
    with connect(warehouse.published) as con:
        for day in (date(2016, 2, 20), date(2016, 7, 1), date(2017, 1, 15)):
            assert cells_of(con, PROGRAMME, day) == oracle.status(day), day
            assert scores_of(con, PROGRAMME, day) == oracle.scores(day), day
        cells = cells_of(con, PROGRAMME, date(2017, 1, 15))
    # Once more from the files, by the rules in words.
    enrolled: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    for (_, section), (minutes, grade) in students.items():
        points = 30 * min(1.0, minutes / 1500) + 70 * float(grade or 0) / 100
        enrolled[section.split("-")[0]] += 1
        passed[section.split("-")[0]] += points >= 60
    assert {s: cells["subject", s]["participating"] for s in SUBJECTS} == enrolled
    assert {s: cells["subject", s]["pass"] for s in SUBJECTS} == passed
    assert {c[1] for c in cells if c[0] == "county"} == {None}
