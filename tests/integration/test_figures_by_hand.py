"""What was once counted wrongly, each case with the figure that a person computes by hand; all in one home, and as its last update gives it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.log.port import NewRecord
from ingest.programmes.folders import find_packs
from ingest.programmes.reference import reference_tables
from ingest.sink import Sink
from tests import samples
from tests.lrs_help import Lrs
from tests.warehouse_help import marts
from warehouse.build import BuildOptions, Warehouse
from warehouse.lake import Lake
from warehouse.query import connect

PACK = "tianshui-2017"
#: Programmes with the usual definitions; with units that say themselves what is mastered; that begins after its roster came.
USUAL, MASTERY, LATER = "p", "q", "r"
VIDEO, ADL = "https://w3id.org/xapi/video/verbs/", "http://adlnet.gov/expapi/verbs/"
SEGMENTS = "https://w3id.org/xapi/video/extensions/played-segments"
SESSION = "https://w3id.org/xapi/video/extensions/session-id"
CMI5 = "https://w3id.org/xapi/cmi5/context/extensions/sessionid"
COURSE = "http://example.org/courses/1"
THING = "http://example.org/things/1"
DAY = date(2017, 10, 12)


def event(
    programme: str,
    enrolment: str,
    kind: str,
    day: int,
    payload: Mapping[str, Any],
    *,
    version: int = 1,
    second: int = 0,
) -> dict[str, Any]:
    staff = kind in ("practice.awarded", "assignment.graded", "post.judged", "post.voided")
    return {
        "event_id": str(uuid.uuid4()), "event_type": kind, "event_version": version, "occurred_at": f"2017-10-{day:02}T02:00:{second:02}Z",
        "programme_id": programme, "source": "hand", **({"staff_key": "Stutor123"} if staff else {"learner_key": f"L{enrolment}-00000"}),
        "payload": {"enrolment_id": enrolment, **payload},
    }  # fmt: skip


def opened(programme: str, enrolment: str, day: int = 9, county: str = "qinzhou") -> dict[str, Any]:
    return event(programme, enrolment, "enrolment.opened", day, {"class_id": "c1", "county_id": county})


class House:
    """Events and statements in a home; statements open their enrolments, which are asked for by the learner's address."""

    def __init__(self, folder: Path) -> None:
        pack = find_packs(None)[PACK]
        self.lrs, self.warehouse, self.lake = Lrs(folder), Warehouse(folder / "w"), Lake(str(folder / "lake"))
        self.keys = {p: self.lrs.key("statements/write", "enrolments/open", programme=p) for p in (USUAL, MASTERY)}
        units = [
            {
                "unit_id": f"{THING}-{move_on}",
                "course_id": COURSE,
                "label_zh": move_on,
                "label_en": move_on,
                "move_on": move_on,
            }
            for move_on in ("Passed", "Completed", "CompletedAndPassed", "CompletedOrPassed", "NotApplicable")
        ]
        self.reference = reference_tables({
            USUAL: replace(pack, programme_id=USUAL, tables={**pack.tables, "units": units}),
            MASTERY: replace(pack, programme_id=MASTERY, unit_mastery=True),
            LATER: replace(pack, programme_id=LATER, starts_on=date(2017, 10, 23)),
        })  # fmt: skip
        self.folder = folder

    def append(self, *events: dict[str, Any]) -> None:
        taken = int(datetime(2017, 12, 1, tzinfo=UTC).timestamp() * 1e6)
        self.lrs.log.append([NewRecord(b"k", samples.encode(e), taken) for e in events])

    def tell(
        self,
        learner: str,
        verb: str,
        at: str,
        programme: str = USUAL,
        *,
        result: Any = None,
        registration: str | None = None,
        thing: str = THING,
        **said: str,
    ) -> None:
        extensions = {{"session": SESSION, "unit": CMI5}[name]: value for name, value in said.items()}
        statement: dict[str, Any] = {
            "id": str(uuid.uuid4()), "actor": {"mbox": f"mailto:{learner}@example.org"}, "verb": {"id": verb},
            "object": {"id": thing}, "timestamp": f"2017-10-{at}",
            "context": {"contextActivities": {"grouping": [{"id": COURSE}]}, "extensions": extensions},
        }  # fmt: skip
        if registration is not None:
            statement["context"]["registration"] = registration
        if result is not None:
            statement["result"] = result
        self.lrs.post(statement, key=self.keys[programme])

    def build(self, into: Warehouse | None = None) -> Path:
        warehouse = into or self.warehouse
        Sink(self.lrs.log, self.lake).run()
        warehouse.build(self.lake, self.reference, BuildOptions(full=into is not None))
        return warehouse.published

    def enrolment(self, learner: str) -> str:
        return f"{COURSE}/{self.lrs.people.key_of({'mbox': f'mailto:{learner}@example.org'})}"


class Told:
    """What the marts tell of an enrolment."""

    def __init__(self, house: House, con: duckdb.DuckDBPyConnection) -> None:
        self.house, self.con = house, con

    def total(self, enrolment: str, activity: str) -> Decimal:
        """How much of an activity an enrolment, or a learner of statements, has in all."""
        names = [enrolment, self.house.enrolment(enrolment)]
        found = self.con.execute(
            "select coalesce(sum(quantity), 0) from fct_enrolment_days where enrolment_id = any(?) and activity = ?",
            [names, activity],
        ).fetchone()
        assert found is not None
        return Decimal(found[0])

    def points(self, enrolment: str, component: str) -> Decimal:
        found = self.con.execute(
            "select points from fct_score_components where enrolment_id = ? and component = ? and valid_to_on > '2017-12-25' "
            "and valid_from_on <= '2017-12-25'", [enrolment, component],
        ).fetchone()  # fmt: skip
        assert found is not None
        return Decimal(found[0])


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    house = House(tmp_path_factory.mktemp("by-hand"))
    house.append(
        *(opened(USUAL, name) for name in ("grades", "awards", "journals", "own", "nobody", "tenfold", "posts"))
    )
    house.append(opened(LATER, "early", 9), opened(LATER, "late", 30), opened(USUAL, "waits"))
    house.append(
        event(
            USUAL,
            "waits",
            "peer_review.submitted",
            12,
            {"assignment_id": "a", "reviewed_enrolment_id": "newcomer", "score": 80},
        )
    )
    _statements(house)
    house.build()
    # All that follows comes with an update.
    house.append(opened(USUAL, "newcomer", 20))
    house.append(
        event(USUAL, "grades", "assignment.graded", 12, {"assignment_id": "a", "grade": 59.9996, "is_final": True}),
        event(USUAL, "awards", "practice.awarded", 12, {"points": 12.0005}),
        event(USUAL, "journals", "journal.published", 12, {"journal_id": "j", "characters": 900}),
        event(USUAL, "journals", "journal.published", 14, {"journal_id": "j", "characters": 950}),
        event(USUAL, "own", "peer_review.submitted", 12, {"assignment_id": "a", "reviewed_enrolment_id": "own", "score": 80}),
        event(USUAL, "nobody", "peer_review.submitted", 12, {"assignment_id": "a", "reviewed_enrolment_id": "nobody-at-all", "score": 80}),
        *(
            event(USUAL, "tenfold", "peer_review.submitted", 12, {"assignment_id": "a", "reviewed_enrolment_id": "own", "score": 80}, second=n)
            for n in range(10)
        ),
        event(USUAL, "tenfold", "peer_review.submitted", 13, {"assignment_id": "b", "reviewed_enrolment_id": "own", "score": 80}),
        *(
            event(USUAL, "posts", kind, day, {"post_id": post, **more})
            for post, steps in {
                "again": ((12, "post.published"), (13, "post.voided"), (14, "post.published")),
                "judged": ((12, "post.published"), (13, "post.voided"), (14, "post.judged")),
            }.items()
            for day, kind in steps
            for more in [{
                "post.published": {"workshop_id": "w", "kind": "post", "characters": 40}, "post.judged": {"is_effective": True}, "post.voided": {},
            }[kind]]
        ),
    )  # fmt: skip
    path = house.build()
    with connect(path) as con:
        yield Told(house, con)
    house.lrs.close()


def _statements(house: House) -> None:
    registration = str(uuid.uuid4())

    def played(learner: str, at: str, segments: Any, **more: Any) -> None:
        house.tell(learner, f"{VIDEO}paused", at, result={"extensions": {SEGMENTS: segments}}, **more)

    # One registration, the second session takes over what the first had played.
    played("taken-over", "12T01:00:00Z", "0[.]600", session="a", registration=registration)
    played("taken-over", "13T01:00:00Z", "0[.]600[,]600[.]1200", session="b", registration=registration)
    # Played again in another registration: again.
    played("again", "12T01:00:00Z", "0[.]600", session="a", registration=registration)
    played("again", "13T01:00:00Z", "0[.]600", session="b", registration=str(uuid.uuid4()))
    # Neither a registration nor a session is told: the second statement tells the first once more.
    played("bare", "12T01:00:00Z", "0[.]300")
    played("bare", "12T02:00:00Z", "0[.]300[,]300[.]600")
    played("comma", "12T01:00:00Z", "0[.]60,5[,]100[.]160", session="a")
    played("no-number", "12T01:00:00Z", "NaN[.]60", session="a")
    played("list", "12T01:00:00Z", ["0[.]60"], session="a")
    # The unit says that it ended, then the LMS that it was abandoned; or the unit says so twice; or begins twice.
    house.tell("both-ends", f"{ADL}terminated", "12T01:00:00Z", unit="s1", result={"duration": "PT30M"})
    house.tell(
        "both-ends",
        "https://w3id.org/xapi/adl/verbs/abandoned",
        "12T02:00:00Z",
        unit="s1",
        result={"duration": "PT35M"},
    )
    house.tell("ends-twice", f"{ADL}terminated", "12T01:00:00Z", unit="s2", result={"duration": "PT30M"})
    house.tell("ends-twice", f"{ADL}terminated", "12T01:01:00Z", unit="s2", result={"duration": "PT31M"})
    house.tell("ends-twice", f"{ADL}terminated", "12T05:00:00Z", unit="s2b", result={"duration": "PT1M"})
    house.tell("begins-twice", f"{ADL}initialized", "12T01:00:00Z", unit="s3")
    house.tell("begins-twice", f"{ADL}initialized", "12T01:00:01Z", unit="s3")
    # Units of a package, by what their moveOn asks.
    for learner, verbs in {
        "unit-passed": ("passed",), "unit-completed": ("completed",), "unit-both": ("completed", "passed"), "unit-failed": ("failed",),
        "unit-waived": ("waived",),
    }.items():  # fmt: skip
        for move_on in ("Passed", "Completed", "CompletedAndPassed", "CompletedOrPassed", "NotApplicable"):
            for verb in verbs:
                space = "https://w3id.org/xapi/adl/verbs/" if verb == "waived" else ADL
                house.tell(
                    learner, f"{space}{verb}", "12T01:00:00Z", unit=f"{learner}-{move_on}", thing=f"{THING}-{move_on}"
                )
    # Judged.
    for learner, verb, score in (
        ("failed-scaled", "failed", {"scaled": 0.599999}), ("passed-raw", "passed", {"raw": 45, "min": 0, "max": 100}),
        ("passed-raw-7-of-10", "passed", {"raw": 7, "min": 1, "max": 11}), ("failed-raw", "failed", {"raw": 45, "min": 0, "max": 100}),
        ("passed-third", "passed", {"raw": 3, "max": 5}), ("passed-scaled", "passed", {"scaled": 0.45}), ("passed-bare", "passed", None),
        ("failed-bare", "failed", None), ("passed-raw-alone", "passed", {"raw": 3}),
    ):  # fmt: skip
        for programme in (USUAL, MASTERY):
            result = {"success": verb == "passed"} | ({} if score is None else {"score": score})
            name = learner if programme == USUAL else f"{learner}-mastery"
            house.tell(name, f"{ADL}{verb}", "12T01:00:00Z", programme, unit=name, result=result)


def test_units_are_satisfied_by_what_their_package_asks(told: Told) -> None:
    # By verbs: passed alone satisfies Passed and CompletedOrPassed; completed alone Completed and CompletedOrPassed.
    assert told.total("unit-passed", "unit_satisfied") == 2
    assert told.total("unit-completed", "unit_satisfied") == 2
    assert told.total("unit-both", "unit_satisfied") == 4
    assert told.total("unit-failed", "unit_satisfied") == 0
    # Waived: all but the one that asks nothing anyway, and waiving it is a decision, too.
    assert told.total("unit-waived", "unit_satisfied") == 5


def test_a_video_counts_by_registration(told: Told) -> None:
    assert told.total("taken-over", "video") == 1200
    assert told.total("again", "video") == 1200
    assert told.total("bare", "video") == 600
    # 60.5 seconds and 60.
    assert told.total("comma", "video") == Decimal("120.5")


def test_segments_that_nobody_can_read_are_told(told: Told) -> None:
    assert told.total("no-number", "video") == told.total("list", "video") == 0
    assert told.con.execute(
        "select statement_count, learner_count from rpt_uncounted_verbs where verb_id = ?", [f"{VIDEO}paused"]
    ).fetchall() == [(2, 2)]


def test_a_units_session_counts_once_whatever_was_said_of_its_end(told: Told) -> None:
    assert told.total("both-ends", "text") == 35 * 60
    assert told.total("ends-twice", "text") == 32 * 60
    assert told.total("begins-twice", "session") == 1


def test_grades_are_compared_as_they_were_sent(told: Told) -> None:
    assert told.total("grades", "assignment_passed") == 0
    assert told.points("grades", "subject_assignment") == 0
    assert told.total("failed-scaled", "assignment_passed") == 0


def test_points_are_added_as_they_were_sent(told: Told) -> None:
    assert told.total("awards", "practice_points") == Decimal("12.0005")
    assert told.points("awards", "practice") == Decimal("12.0005")


@pytest.mark.parametrize(
    ("learner", "by_grade", "by_unit"),
    [
        ("failed-scaled", 0, 0),  # 59.9999 of 100
        ("passed-raw", 0, 1),  # 45 of 100
        ("passed-raw-7-of-10", 1, 1),  # (7 - 1) / (11 - 1) is 60 of 100
        ("failed-raw", 0, 0),
        ("passed-third", 1, 1),  # 3 of 5 is 60 of 100
        ("passed-scaled", 0, 1),
        ("passed-bare", 1, 1),
        ("failed-bare", 0, 0),
        ("passed-raw-alone", 1, 1),  # of what is not told: as without a score
    ],
)
def test_a_units_score_by_raw_and_its_own_word(told: Told, learner: str, by_grade: int, by_unit: int) -> None:
    assert told.total(learner, "assignment_passed") == by_grade
    assert told.total(f"{learner}-mastery", "assignment_passed") == by_unit


def test_a_journal_that_was_edited_is_one_journal(told: Told) -> None:
    assert told.total("journals", "journal") == 1
    # One of two journals: 5 of 10 points.
    assert told.points("journals", "journals") == 5


def test_reviews_are_of_others_work_each_once(told: Told) -> None:
    assert told.total("own", "peer_review") == told.total("nobody", "peer_review") == 0
    # Ten of one assignment and one of another: two of ten reviews.
    assert told.total("tenfold", "peer_review") == 2
    assert told.points("tenfold", "peer_reviews") == 1
    # Its author was enrolled later.
    assert told.total("waits", "peer_review") == 1
    assert told.con.execute("select reason, count(*) from fct_uncounted_records group by 1 order by 1").fetchall() == [
        ("nobodys_work", 1), ("own_work", 1),
    ]  # fmt: skip


def test_a_post_that_is_published_again_counts_again(told: Told) -> None:
    by_day = told.con.execute(
        "select local_on, quantity from fct_enrolment_days where enrolment_id = 'posts' and activity = 'effective_post' order by 1"
    ).fetchall()
    # Both on the 12th, none on the 13th, one of them anew on the 14th: judging a withdrawn post does not bring it back.
    assert by_day == [(date(2017, 10, 12), 2), (date(2017, 10, 13), -2), (date(2017, 10, 14), 1)]


def test_nobody_is_away_from_a_programme_that_has_not_begun(told: Told) -> None:
    found = told.con.execute(
        "select enrolment_id, min(as_of_on) from rpt_warnings where programme_id = ? and warning = 'no_session' group by 1 order by 1",
        [LATER],
    ).fetchall()
    # Seven days after the programme began on the 23rd, and after an opening on the 30th.
    assert found == [("early", date(2017, 10, 30)), ("late", date(2017, 11, 6))]


def test_a_county_and_a_subject_with_nobody_are_rows_of_every_table(told: Told) -> None:
    tables = find_packs(None)[PACK].tables
    counties, subjects = {r["county_id"] for r in tables["counties"]}, {r["subject_id"] for r in tables["subjects"]}
    (first,) = told.con.execute("select min(as_of_on) from dim_dates where programme_id = ?", [USUAL]).fetchone() or (
        None,
    )
    for breakdown, column, listed in (("county", "county_id", counties), ("subject", "subject_id", subjects)):
        for table, counted in (("rpt_status", "participating_count"), ("rpt_indicators", "denominator_count")):
            rows = told.con.execute(
                f"select {column}, max({counted}) from {table} join dim_cells using (programme_id, breakdown, cell_id)"
                f" where programme_id = ? and breakdown = ? and as_of_on = ? and dim_cells.{column} is not null group by 1"
                if table == "rpt_status" else
                f"select {column}, max({counted}) from {table} where programme_id = ? and breakdown = ? and as_of_on = ?"
                f" and {column} is not null group by 1",
                [USUAL, breakdown, first],
            ).fetchall()  # fmt: skip
            assert {name for name, _ in rows} == listed, table
            # All are enrolled in one county, and in no subject.
            assert {name for name, count in rows if count} == ({"qinzhou"} if breakdown == "county" else set()), table


def test_the_update_gives_what_a_whole_build_does(told: Told, tmp_path: Path) -> None:
    whole = told.house.build(Warehouse(tmp_path / "whole"))
    assert marts(told.house.warehouse.published) == marts(whole)
