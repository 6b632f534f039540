"""Any order of arrival, any batching, repeats, any split among partitions: the same marts, the oracle's.

A build costs seconds, so one example holds many random programmes at once.
"""

from __future__ import annotations

import itertools
import random
import shutil
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingest.log.port import NewRecord
from ingest.log.sqlite import SqliteLog
from ingest.programmes.history import Loaded, timeline
from ingest.programmes.pack import Pack, load_pack
from ingest.programmes.reference import reference_tables
from ingest.sink import Sink, SinkOptions
from pipelines.quality.checks import suites
from tests import samples
from tests.oracle import Oracle, Rules
from tests.warehouse_help import broken_keys, cells_of, marts, names_of, raw_records, scores_of
from warehouse.build import BuildOptions, Warehouse
from warehouse.lake import Lake
from warehouse.query import connect

PROGRAMMES = 12
START = datetime(2017, 10, 9, tzinfo=UTC)


def random_programme(rng: random.Random, programme_id: str, *, enrolments: int = 0) -> list[dict[str, Any]]:
    """Events of a small programme with everything that goes wrong in real ones; other programmes' have the same ids."""
    events: list[dict[str, Any]] = []

    def add(kind: str, payload: dict[str, Any], *, staff: bool = False, version: int = 1) -> dict[str, Any]:
        at = START + timedelta(minutes=rng.randrange(0, 40 * 24 * 60))
        event = {
            "event_id": str(uuid.UUID(int=len(events) + 1)), "event_type": kind, "event_version": version,
            "occurred_at": at.isoformat().replace("+00:00", "Z"), "programme_id": programme_id, "source": "random",
            **({"staff_key": "Stutor123"} if staff else {"learner_key": learner(payload)}), "payload": payload,
        }  # fmt: skip
        events.append(event)
        return event

    def learner(payload: dict[str, Any]) -> str:
        # Now and then somebody acts, or is enrolled, in the name of another.
        return f"Llearner{payload.get('enrolment_id') if rng.random() < 0.9 else f'e{rng.randrange(5)}'}"

    def placement(enrolment: str) -> dict[str, Any]:
        return {
            "enrolment_id": enrolment, "class_id": rng.choice(["c1", "c2"]), "county_id": rng.choice(["qinzhou", "wushan", None]),
            "subject_id": rng.choice(["chinese", "数学"]), "school_stage": rng.choice(["primary", None]),
            "school_id": rng.choice(["s1", "s2", None]),
        }  # fmt: skip

    for n in range(enrolments or rng.randrange(1, 5)):
        e = f"e{n}"
        if rng.random() < 0.85:
            add(
                "enrolment.opened",
                placement(e) | {"is_called_up": rng.choice([True, False, None]), "gender": rng.choice("FM")},
            )
        if rng.random() < 0.3:
            add("enrolment.transferred", placement(e))
        if rng.random() < 0.25:
            add("enrolment.withdrawn", {"enrolment_id": e})
            if rng.random() < 0.5:
                add("enrolment.opened", placement(e))
        for _ in range(rng.randrange(0, 4)):
            add("session.started", {"enrolment_id": e, "device": "web"})
        for _ in range(rng.randrange(0, 5)):
            s = rng.choice([0, 0.0004, 0.5, 333.333, 3600, 86_400])
            if rng.random() < 0.3:
                add("video.watched", {"enrolment_id": e, "course_id": "k", "seconds": s})
            else:
                add("video.watched", {"enrolment_id": e, "course_id": "k", "watched_s": s}, version=2)
        for _ in range(rng.randrange(0, 4)):
            add("journal.published", {"enrolment_id": e, "journal_id": rng.choice(["j", f"{e}-j"]), "characters": 5})
        for _ in range(rng.choice([0, 3, 12])):
            add(
                "peer_review.submitted",
                {
                    "enrolment_id": e,
                    "assignment_id": rng.choice("abcd"),
                    "reviewed_enrolment_id": f"e{rng.randrange(6)}",
                    "score": 80,
                },
            )
        for k in range(rng.choice([0, 2, 16])):
            add(
                "post.published",
                {"enrolment_id": e, "post_id": f"{e}-p{k}", "workshop_id": "w", "kind": "post", "characters": 9},
            )
            for _ in range(rng.choice([0, 0, 1, 2])):
                add(
                    "post.judged",
                    {"enrolment_id": e, "post_id": f"{e}-p{k}", "is_effective": rng.random() < 0.5},
                    staff=True,
                )
            if rng.random() < 0.1:
                add("post.voided", {"enrolment_id": e, "post_id": f"{e}-p{k}"}, staff=True)
                if rng.random() < 0.5:
                    again = {"post_id": f"{e}-p{k}", "workshop_id": "w", "kind": "post", "characters": 9}
                    add("post.published", {"enrolment_id": e, **again})
        for tier in rng.sample(["basic", "intermediate", "advanced"], rng.choice([0, 0, 1, 2])):
            if rng.random() < 0.6:
                add("diagnostic.submitted", {"enrolment_id": e, "answers": ["A"], "score": 50, "tier": tier})
            else:
                add("diagnostic.tier_changed", {"enrolment_id": e, "tier": tier})
        for _ in range(rng.randrange(0, 4)):
            kind = rng.choice(["course.selected", "course.deselected"])
            add(kind, {"enrolment_id": e, "course_id": rng.choice("kl")})
        for kind, payload in (
            ("assignment.submitted", {"assignment_id": "a"}), ("resource.shared", {"resource_id": "r", "kind": "slides"}),
            ("outcome.submitted", {"document_id": "d"}), ("award.granted", {"kind": "excellent_learner"}),
        ):  # fmt: skip
            if rng.random() < 0.4:
                add(kind, {"enrolment_id": e, **payload})
        for _ in range(rng.randrange(0, 4)):
            grade = {
                "enrolment_id": e,
                "assignment_id": rng.choice("ab"),
                "grade": rng.choice([30, 59.5, 59.9996, 59.99999999999999, 60, 90]),
                "is_final": rng.random() < 0.7,
                "weight_pct": rng.choice([None, 7.5, 33.333, 33.333333]),
            }
            add("assignment.graded", grade, staff=True)
        for _ in range(rng.randrange(0, 3)):
            add("practice.awarded", {"enrolment_id": e, "points": rng.choice([3, 12, 12.0005, 20, 25])}, staff=True)
        for _ in range(rng.randrange(0, 3)):
            add(
                "outcome.approved",
                {"enrolment_id": e, "document_id": "d", "points": rng.choice([4, 11.9999995, 12, 20])},
                staff=True,
            )
        if rng.random() < 0.3:
            add("outcome.rejected", {"enrolment_id": e, "document_id": "d"}, staff=True)
    for _ in range(rng.randrange(0, 6)):
        kind, group = rng.choice([("class", "c1"), ("class", "c2"), ("school", "s1"), ("workshop", "w")])
        label = {
            "label_zh": f"名{rng.randrange(9)}",
            "label_en": rng.choice(["name", None]),
            "county_id": rng.choice(["qinzhou", None]),
        }
        add("group.named", {"kind": kind, "group_id": group, **label})["learner_key"] = None

    def void(event_id: str) -> dict[str, Any]:
        event = add("event.voided", {"voided_event_id": event_id})
        event["learner_key"] = None
        return event

    # Voids of events, of voids, of those; now and then in a circle, which says nothing.
    voids = [void(t["event_id"]) for t in rng.sample(events, min(len(events), rng.choice([0, 1, 3, 8])))]
    for _ in range(rng.choice([0, 2, 9]) if voids else 0):
        voids.append(void(rng.choice(voids)["event_id"]))
    for length in rng.choice([(), (1,), (2, 3)]):
        first = len(events)
        circle = [void(str(uuid.UUID(int=first + (n + 1) % length + 1))) for n in range(length)]
        void(circle[0]["event_id"])
    # Drawn apart, so that whoever asks for a seed has the other events as they were.
    state, rng = rng.getstate(), random.Random()
    rng.setstate(state)
    before = len(events)
    for e in [f"e{n}" for n in range(enrolments or 4)]:
        for _ in range(rng.choice([0, 0, 2, 6])):
            told = {
                "session": rng.randrange(3), "video": rng.choice([0, 0.5, 600, 5000.125]), "journal": rng.randrange(9),
                "peer_review": rng.choice([0, 12]), "effective_post": rng.randrange(20), "practice_points": rng.choice([0, 12, 24]),
            }  # fmt: skip
            report = {
                "enrolment_id": e,
                "platform": rng.choice("yz"),
                "as_of": "2017-10-10",
                "course_id": rng.choice([None, None, "k"]),
            }
            add("totals.reported", report | {"totals": dict(rng.sample(sorted(told.items()), rng.randrange(1, 4)))})
    for event in rng.sample(events[before:], (len(events) - before) // 5):
        void(event["event_id"])
    return events


def arrivals(rng: random.Random, events: list[dict[str, Any]]) -> list[NewRecord]:
    """The events as records: late, shuffled, sent again; each with the time at which the log took it."""
    records = []
    for event in events:
        at = datetime.fromisoformat(event["occurred_at"])
        taken = int(at.timestamp() * 1e6) + rng.choice([1, 1, 1, 30, 200]) * 3_600_000_000 + rng.randrange(1000)
        copies = 1 + (rng.random() < 0.1) + (rng.random() < 0.03)
        for copy in range(copies):
            body = event if rng.random() < 0.9 else dict(reversed(event.items()))
            records.append((taken + copy * rng.choice([0, 1, 10**9]), samples.encode(body)))
    rng.shuffle(records)
    return [NewRecord(b"%d" % rng.randrange(1000), value, taken) for taken, value in records]


def sink_in_batches(log: SqliteLog, lake: Lake, size: int) -> None:
    sink = Sink(log, lake, SinkOptions(max_records=size))
    sink.run()
    sink.close()


#: From here on every other programme has other definitions.
CHANGED = date(2017, 10, 21)


def changed_pack(pack: Pack, folder: Path) -> Pack:
    """The same programme with another pass grade, other thresholds, rules and denominators."""
    shutil.copytree(pack.path, folder)
    for name, old, new in (
        ("programme.toml", "assignment_pass_grade = 60", "assignment_pass_grade = 40"),
        ("indicators.csv", ",session,event_count,>=,1,至少登录一次的参", ",session,event_count,>=,2,至少登录两次的参"),
        ("indicators.csv", "Selection rate,participating", "Selection rate,login"),
        ("indicators.csv", "Workshop participation rate,participating", "Workshop participation rate,called_up"),
        ("assessment_rules.csv", ",1620,linear", ",20,linear"),
        ("assessment_rules.csv", "5,peer_review,quantity,reviews,1,10,linear", "5,weighted_grade,quantity,percent,1,60,weighted_assessments"),
        ("assessment_rules.csv", "school_based,40,24,practice", "practice,20,,practice"),
        ("assessment_rules.csv", "school_based,40,24,outcome", "school_based,20,12,outcome"),
    ):  # fmt: skip
        text = (folder / name).read_text(encoding="utf-8")
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")
    return load_pack(folder)


def packs_like(pack: Pack, names: list[str]) -> dict[str, Pack]:
    return {name: replace(pack, programme_id=name) for name in names}


@settings(
    max_examples=2, deadline=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(seed=st.integers(0, 2**32), cuts=st.integers(1, 3), partitions=st.sampled_from([1, 4, 7]))
def test_every_way_of_arriving_gives_the_oracles_marts(
    packs: dict[str, Pack], tmp_path_factory: pytest.TempPathFactory, seed: int, cuts: int, partitions: int
) -> None:
    rng = random.Random(seed)
    folder = tmp_path_factory.mktemp("any-order")
    names = [f"programme-{n}" for n in range(PROGRAMMES)]
    records = arrivals(rng, [e for name in names for e in random_programme(rng, name)])
    pack = packs["tianshui-2017"]
    changed = changed_pack(pack, folder / "changed")
    loaded = datetime(2017, 10, 20, tzinfo=UTC)
    versions = timeline([Loaded(pack, START, START.date()), Loaded(changed, loaded, CHANGED)])
    reference = reference_tables(packs_like(pack, names), dict.fromkeys(names[::2], versions))

    # Piecemeal: several builds, each on what had come by then.
    log, lake = SqliteLog(folder / "log.sqlite", partitions=partitions), Lake(str(folder / "lake"))
    piecemeal = Warehouse(folder / "piecemeal")
    bounds = [0, *sorted(rng.randrange(1, len(records)) for _ in range(cuts)), len(records)]
    for start, end in itertools.pairwise(bounds):
        log.append(records[start:end])
        sink_in_batches(log, lake, rng.choice([50, 1000]))
        piecemeal.build(lake, reference)
        if rng.random() < 0.3:
            lake.maintain()
    at_once = Warehouse(folder / "at-once")
    at_once.build(lake, reference, BuildOptions(full=True))
    assert marts(piecemeal.published) == marts(at_once.published)
    # Whatever falls, a correction says why.
    for built in (piecemeal, at_once):
        assert broken_keys(built.private, folder) == []
    with duckdb.connect(str(at_once.private), read_only=True) as con:
        (falls,) = [s.sql for s in suites() if s.name == "outgoing_falls"]
        assert [row for row in con.execute(falls).fetchall() if row[-1]] == []

    raws = raw_records(folder / "log.sqlite")
    rules, later = Rules(pack.path), [(CHANGED, Rules(changed.path))]
    with connect(at_once.published) as con:
        for number, name in enumerate(names):
            oracle = Oracle.read(raws, rules, name, later=() if number % 2 else later)
            found = con.execute(
                "select coalesce(sum(counted_count), 0), coalesce(sum(repeat_count), 0), coalesce(sum(conflict_count), 0),"
                " coalesce(sum(waiting_count), 0), coalesce(sum(set_aside_count), 0) from rpt_event_accounting where programme_id = ?", [name],
            ).fetchone()  # fmt: skip
            s = oracle.standing
            assert found == (s.counted, s.repeats, s.conflicts, s.waiting, s.set_aside)
            for day in [date(2017, 10, 8) + timedelta(days=d) for d in (0, 2, 9, 17, 30, 41, 60)]:
                assert cells_of(con, name, day) == oracle.status(day), (name, day)
                assert scores_of(con, name, day) == oracle.scores(day), (name, day)
                assert names_of(con, name, day) == oracle.names(day), (name, day)

    # Other arrivals of the same events, by other partitions: the same status.
    other_log = SqliteLog(folder / "other.sqlite", partitions=3)
    other_log.append(rng.sample(records, len(records)))
    other_lake = Lake(str(folder / "other-lake"))
    sink_in_batches(other_log, other_lake, 10_000)
    other = Warehouse(folder / "other")
    other.build(other_lake, reference)
    log.close()
    other_log.close()
    left, right = marts(other.published), marts(at_once.published)
    for name in ("fct_cell_spells", "fct_enrolment_days", "fct_scorecards", "dim_enrolments", "rpt_event_accounting"):
        assert left[name] == right[name], name


def test_a_conflicting_id_is_kept_out_and_listed(packs: dict[str, Pack], tmp_path: Path) -> None:
    rng = random.Random(5)
    event = next(e for e in random_programme(rng, "p") if e["event_type"] == "enrolment.opened")
    other = event | {"payload": event["payload"] | {"class_id": "another"}}
    log, lake = SqliteLog(tmp_path / "log.sqlite"), Lake(str(tmp_path / "lake"))
    us = int(datetime(2017, 12, 1, tzinfo=UTC).timestamp() * 1e6)
    log.append([NewRecord(b"a", samples.encode(event), us), NewRecord(b"b", samples.encode(other), us + 1)])
    sink_in_batches(log, lake, 100)
    warehouse = Warehouse(tmp_path / "w")
    reference = reference_tables(packs_like(packs["tianshui-2017"], ["p"]))
    warehouse.build(lake, reference)
    with connect(warehouse.published) as con:
        assert con.execute("select event_id from fct_conflicting_events").fetchall() == [(event["event_id"],)]
        assert con.execute("select distinct class_id from dim_enrolments").fetchall() == [
            (event["payload"]["class_id"],)
        ]
    # One that turns out to have come earlier, from a partition that was behind, takes its place.
    log.append([NewRecord(b"c", samples.encode(other), us - 1)])
    sink_in_batches(log, lake, 100)
    warehouse.build(lake, reference)
    with connect(warehouse.published) as con:
        assert con.execute("select distinct class_id from dim_enrolments").fetchall() == [("another",)]
        assert con.execute("select count(*) from fct_conflicting_events").fetchone() == (1,)
    log.close()


def test_whoever_comes_after_a_build_without_anybody_counts(packs: dict[str, Pack], tmp_path: Path) -> None:
    events = random_programme(random.Random(5), "p")
    reference = reference_tables(packs_like(packs["tianshui-2017"], ["p"]))
    log, lake, warehouse = SqliteLog(tmp_path / "log.sqlite"), Lake(str(tmp_path / "lake")), Warehouse(tmp_path / "w")
    us = int(datetime(2017, 12, 1, tzinfo=UTC).timestamp() * 1e6)
    for name in ("session.started", "enrolment.opened"):
        log.append([NewRecord(b"a", samples.encode(e), us) for e in events if e["event_type"] == name])
        sink_in_batches(log, lake, 100)
        assert warehouse.build(lake, reference).is_new
    log.close()
    at_once = Warehouse(tmp_path / "at-once")
    at_once.build(lake, reference)
    assert marts(warehouse.published) == marts(at_once.published)
    assert marts(warehouse.published)["dim_cells"]


def test_a_voided_void_gives_back_and_what_names_anothers_enrolment_is_set_aside(
    packs: dict[str, Pack], tmp_path: Path
) -> None:
    def event(number: int, kind: str, learner: str | None, payload: dict[str, Any]) -> dict[str, Any]:
        return {
            "event_id": str(uuid.UUID(int=number)), "event_type": kind, "event_version": 1,
            "occurred_at": "2017-10-10T01:00:00Z", "programme_id": "p", "source": "hand", "learner_key": learner, "payload": payload,
        }  # fmt: skip

    placed = {"enrolment_id": "e", "class_id": "c", "county_id": "qinzhou"}
    session = {"enrolment_id": "e", "device": "web"}
    told = [
        (10, event(1, "enrolment.opened", "Llearner1", placed)),
        (10, event(2, "session.started", "Llearner1", session)),
        # Somebody else in the same name: it never counts.
        (10, event(3, "session.started", "Llearner2", session)),
        # The session is void from the 15th to the 20th, and again from the 25th on.
        (15, event(4, "event.voided", None, {"voided_event_id": str(uuid.UUID(int=2))})),
        (20, event(5, "event.voided", None, {"voided_event_id": str(uuid.UUID(int=4))})),
        (25, event(6, "event.voided", None, {"voided_event_id": str(uuid.UUID(int=5))})),
    ]
    log, lake, warehouse = SqliteLog(tmp_path / "log.sqlite"), Lake(str(tmp_path / "lake")), Warehouse(tmp_path / "w")
    reference = reference_tables(packs_like(packs["tianshui-2017"], ["p"]))
    # The first three, then what came on each later day, each an update.
    for records in (told[:4], told[4:5], told[5:]):
        log.append(
            [
                NewRecord(b"k", samples.encode(e), int(datetime(2017, 10, day, 2, tzinfo=UTC).timestamp() * 1_000_000))
                for day, e in records
            ]
        )
        sink_in_batches(log, lake, 100)
        warehouse.build(lake, reference)
    log.close()
    with connect(warehouse.published) as con:
        logins = con.execute(
            "select as_of_on, login_count from rpt_status where breakdown = 'programme' order by 1"
        ).fetchall()
        voided, given_back, voided_again = (date(2017, 10, day) for day in (15, 20, 25))
        assert logins == [(on, int(on < voided or given_back <= on < voided_again)) for on, _ in logins]
        assert logins[0][0] == date(2017, 10, 10)
        assert con.execute("select reason, event_id from fct_uncounted_records").fetchall() == [
            ("other_learner", str(uuid.UUID(int=3)))
        ]
        assert con.execute(
            "select accepted_count, counted_count, set_aside_count from rpt_event_accounting"
        ).fetchall() == [(6, 5, 1)]
        assert con.execute("select day(valid_from_on), voided_by_event_id from fct_void_periods order by 1").fetchall() == [
            (15, str(uuid.UUID(int=4))), (25, str(uuid.UUID(int=6))),
        ]  # fmt: skip
