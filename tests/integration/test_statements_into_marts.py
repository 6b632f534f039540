"""From statements to the marts: other profiles' against plain counts, our own against the events that they were."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import duckdb
import pytest

from ingest.events.profile import ENROLMENT, PAYLOAD, ROLE, SOURCE, VERB
from ingest.log.port import NewRecord
from ingest.log.sqlite import SqliteLog
from ingest.lrs.writing.loading import load_statements
from ingest.lrs.writing.planning import Conflict
from ingest.lrs.writing.statements import StatementsWrite
from ingest.programmes.folders import find_packs
from ingest.programmes.pack import Pack
from ingest.programmes.reference import reference_tables
from ingest.sink import Sink
from ingest.sources.report import ImportReport
from pipelines.collect.exports import Exported, export_statements
from pipelines.collect.store import IMPORTER, opened_store
from pipelines.reading.accounting import account
from pipelines.settings import Settings
from pipelines.workspace import Workspace
from tests import samples
from tests.integration.test_warehouse_properties import packs_like, random_programme
from tests.lrs_help import ALICE, Lrs
from tests.warehouse_help import marts
from warehouse.build import BuildOptions, Warehouse
from warehouse.lake import Lake
from warehouse.query import connect, connect_lake

P = "tianshui-2017"
VIDEO, ADL = "https://w3id.org/xapi/video/verbs/", "http://adlnet.gov/expapi/verbs/"
SEGMENTS = "https://w3id.org/xapi/video/extensions/played-segments"
SESSION = "https://w3id.org/xapi/video/extensions/session-id"
CMI5 = "https://w3id.org/xapi/cmi5/context/extensions/sessionid"
SHANGHAI = ZoneInfo("Asia/Shanghai")
COURSE = "http://example.org/courses/1"

GOLDEN = Path(__file__).parents[1] / "golden" / "events"
Days = dict[tuple[str, date, str], tuple[int, Decimal]]


@pytest.fixture(scope="module")
def pack() -> Pack:
    return find_packs(None)[P]


def published(lrs: Lrs, warehouse: Warehouse, pack: Pack, *, full: bool = False) -> Path:
    """Take all to the marts."""
    lake = Lake(str(lrs.folder / "lake"))
    Sink(lrs.log, lake).run()
    warehouse.build(lake, reference_tables(packs_like(pack, ["p"])), BuildOptions(full=full))
    return warehouse.published


def days(con: duckdb.DuckDBPyConnection, activity: str) -> Days:
    rows = con.execute(
        "select enrolment_id, local_on, event_count, quantity from fct_enrolment_days where activity = ?", [activity]
    ).fetchall()
    return {(enrolment, on, activity): (count, quantity) for enrolment, on, count, quantity in rows}


def played(segments: str) -> Decimal:
    total = Decimal(0)
    for segment in segments.split("[,]"):
        start, _, end = segment.partition("[.]")
        if end.strip():
            total += max(Decimal(0), Decimal(end) - Decimal(start))
    return min(total, Decimal(86_400)).quantize(Decimal("0.000001"))


def watched(viewings: Mapping[tuple[str, str, str], list[tuple[datetime, Decimal]]]) -> Days:
    """Per enrolment and day what each session has added to what it had played before."""
    found: dict[tuple[str, date, str], list[Decimal]] = defaultdict(list)
    for (enrolment, _, _), told in viewings.items():
        most = Decimal(0)
        for at, seconds in sorted(told):
            if seconds > most:
                found[enrolment, at.astimezone(SHANGHAI).date(), "video"].append(seconds - most)
                most = seconds
    return {place: (len(added), sum(added, Decimal(0))) for place, added in found.items()}


@pytest.mark.slow
def test_the_shared_statements_count_in_the_marts_as_in_plain_python(
    shared_data: Path, tmp_path: Path, pack: Pack
) -> None:
    with gzip.open(shared_data / "xapi" / "statements.json.gz") as lines:
        statements = [json.loads(line) for line in lines]
    lrs = Lrs(tmp_path)
    key = lrs.key("statements/write", "enrolments/open")
    for start in range(0, len(statements), 500):
        lrs.post(*statements[start : start + 500], key=key)
    path = published(lrs, Warehouse(tmp_path / "w"), pack)
    viewings: dict[tuple[str, str, str], list[tuple[datetime, Decimal]]] = defaultdict(list)
    uncounted: Counter[str] = Counter()
    enrolments = set()
    for s in statements:
        extensions = s.get("result", {}).get("extensions", {})
        verb, course = s["verb"]["id"], s["context"]["contextActivities"]["parent"][0]["id"]
        enrolment = f"{course}/{lrs.people.key_of(s['actor'])}"
        enrolments.add(enrolment)
        if SEGMENTS in extensions and (verb.startswith(VIDEO) or verb in (f"{ADL}completed", f"{ADL}terminated")):
            session = s["context"]["extensions"][SESSION]
            told = (datetime.fromisoformat(s["timestamp"]), played(extensions[SEGMENTS]))
            viewings[enrolment, s["object"]["id"], session].append(told)
        else:
            uncounted[verb] += 1
    with connect(path) as con:
        assert days(con, "video") == watched(viewings)
        assert dict(con.execute("select verb_id, statement_count from rpt_uncounted_verbs").fetchall()) == uncounted
        found = {row[0] for row in con.execute("select enrolment_id from dim_enrolments").fetchall()}
        assert found == enrolments
        assert con.execute(
            "select accepted_count, counted_count from rpt_event_accounting"
        ).fetchone() == (len(statements) + len(enrolments),) * 2  # fmt: skip
    lrs.close()


def statement(
    verb: str, at: str, *, actor: Mapping[str, Any] = ALICE, result: Any = None, said: Any = None
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": str(uuid4()), "actor": actor, "verb": {"id": verb}, "object": {"id": "http://example.org/things/1"},
        "context": {"contextActivities": {"grouping": [{"id": COURSE}]}, "extensions": said or {}}, "timestamp": at,
    }  # fmt: skip
    return found if result is None else found | {"result": result}


def viewing(at: str, segments: str, session: str = "s1", **more: Any) -> dict[str, Any]:
    return statement(f"{VIDEO}paused", at, result={"extensions": {SEGMENTS: segments}}, said={SESSION: session}, **more)


def opening(enrolment: str, **more: Any) -> dict[str, Any]:
    payload = {"enrolment_id": enrolment, "class_id": "c1", "county_id": "qinzhou"}
    return statement(f"{VERB}enrolment.opened", "2017-10-09T01:00:00Z", said={PAYLOAD: payload}, **more)


def test_viewings_units_and_voids_count_the_same_by_updates_and_at_once(tmp_path: Path, pack: Pack) -> None:
    lrs, warehouse = Lrs(tmp_path), Warehouse(tmp_path / "w")
    lrs.post(opening("e1"))
    first = viewing("2017-10-12T02:00:00Z", "0[.]60")
    unit = {CMI5: "u1"}
    lrs.post(
        first,
        statement(f"{ADL}initialized", "2017-10-12T02:00:00Z", said=unit),
        statement(f"{ADL}terminated", "2017-10-12T03:00:00Z", said=unit, result={"duration": "PT1H0M30,5S"}),
        statement(
            f"{ADL}passed", "2017-10-12T03:00:00Z", said=unit, result={"score": {"scaled": 0.755}, "success": True}
        ),
        statement(f"{ADL}terminated", "2017-10-12T03:00:00Z", result={"duration": "PT9H"}),
        statement(f"{ADL}terminated", "2017-10-12T03:00:00Z", said=unit, result={"duration": "P1Y"}),
        statement("http://example.org/verbs/pondered", "2017-10-12T04:00:00Z"),
        viewing("2017-10-12T02:00:00Z", "5[.]x[,]7"),
        # Of another profile, what stands in our extensions is nothing: nobody has checked it.
        statement(
            f"{VIDEO}paused",
            "2017-10-12T02:00:00Z",
            result={"extensions": {SEGMENTS: "0[.]0"}},
            said={SESSION: "s9", PAYLOAD: {"watched_s": 1e9}, SOURCE: "simulator"},
        ),
    )
    published(lrs, warehouse, pack)
    with connect(warehouse.published) as con:
        day = date(2017, 10, 12)
        assert days(con, "video") == {("e1", day, "video"): (1, Decimal(60))}
        assert con.execute("select distinct source from rpt_event_accounting").fetchall() == [("xapi-lrs",)]
        assert days(con, "session") == {("e1", day, "session"): (1, Decimal(1))}
        assert days(con, "text") == {("e1", day, "text"): (1, Decimal("3630.5"))}
        assert days(con, "assignment_passed") == {("e1", day, "assignment_passed"): (1, Decimal(1))}
        verbs = con.execute(
            "select verb_id, statement_count, learner_count from rpt_uncounted_verbs order by 1"
        ).fetchall()
        assert verbs == [(f"{ADL}terminated", 2, 1), ("http://example.org/verbs/pondered", 1, 1)]
    told = account(lrs.log, Lake(str(tmp_path / "lake")), warehouse).uncounted_verbs
    assert told == [("p", f"{ADL}terminated", 2), ("p", "http://example.org/verbs/pondered", 1)]
    # One that comes late is worth what it adds to those before it; after midnight in Shanghai it is the next day.
    last = viewing("2017-10-12T16:30:00Z", "0[.]60[,]30[.]90")
    lrs.post(last, viewing("2017-10-12T01:00:00Z", "0[.]20.25"), viewing("2017-10-13T01:00:00Z", "0[.]5", "s2"))
    published(lrs, warehouse, pack)
    with connect(warehouse.published) as con:
        expected = {
            ("e1", date(2017, 10, 12), "video"): (2, Decimal(60)),
            ("e1", date(2017, 10, 13), "video"): (2, Decimal(65)),
        }
        assert days(con, "video") == expected
    # Voided, a statement counts no more from the day of its void.
    voiding = statement(f"{ADL}voided", "2017-10-14T01:00:00Z") | {
        "object": {"objectType": "StatementRef", "id": last["id"]}
    }
    lrs.post(voiding)
    published(lrs, warehouse, pack)
    today = datetime.now(SHANGHAI).date()
    with connect(warehouse.published) as con:
        assert days(con, "video") == expected | {("e1", today, "video"): (-1, Decimal(-60))}
    with connect(warehouse.published, Lake(str(tmp_path / "lake"))) as con:
        found = con.execute(
            "select event_type, event_id in ($first, $last), voided_event_id from lake.events"
            " where event_type in ('video.watched', 'event.voided') order by all",
            {"first": first["id"], "last": last["id"]},
        ).fetchall()
        assert found == [("event.voided", False, last["id"]), *[("video.watched", n > 3, None) for n in range(6)]]
    whole = Warehouse(tmp_path / "whole")
    published(lrs, whole, pack, full=True)
    assert marts(warehouse.published) == marts(whole.published)
    lrs.close()


def test_whose_enrolment_a_statement_is(tmp_path: Path, pack: Pack) -> None:
    bob, carol = {"mbox": "mailto:bob@example.org"}, {"mbox": "mailto:carol@example.org"}
    lrs = Lrs(tmp_path)
    at = "2017-10-12T02:00:00Z"
    # The only one that she has; her own in the course; what the statement says; none that can be told.
    lrs.post(viewing(at, "0[.]1"))
    lrs.post(opening("e1"), viewing(at, "0[.]2"))
    lrs.post(opening("e2"), viewing(at, "0[.]4", "s2"))
    lrs.post(viewing(at, "0[.]8") | {"context": {"extensions": {ENROLMENT: "e2"}}})
    lrs.post(viewing(at, "0[.]16", actor=bob), key=lrs.key("statements/write", "enrolments/open"))
    lrs.post(viewing(at, "0[.]32", actor=bob))
    lrs.post(viewing(at, "0[.]64", actor=carol))
    lake = Lake(str(tmp_path / "lake"))
    Sink(lrs.log, lake).run()
    own = f"{COURSE}/{lrs.people.key_of(bob)}"
    with connect_lake(lake) as con:
        found = con.execute(
            "select payload ->> '$.statement.result.extensions.*' as told, enrolment_id from lake.accepted"
            ' where payload like \'%played-segments%\' order by "offset", "partition"'
        ).fetchall()
        assert {told[0].partition("[.]")[2]: enrolment for told, enrolment in found} == {
            "1": None, "2": "e1", "4": None, "8": "e2", "16": own, "32": own, "64": None,
        }  # fmt: skip
    # The index says the same when it is made again.
    keys = [key for key in map(lrs.people.key_of, (ALICE, bob, carol)) if key]
    before = lrs.index.enrolments("p", keys)
    lrs.index.clear()
    lrs.store.close()
    lrs.reopen()
    assert lrs.index.enrolments("p", keys) == before
    assert sorted(map(len, before.values())) == [0, 1, 2]
    lrs.close()


def test_what_is_refused_has_opened_no_enrolment_for_what_is_stored_with_it(tmp_path: Path) -> None:
    lrs = Lrs(tmp_path)
    at = "2017-10-12T02:00:00Z"
    known = viewing(at, "0[.]1", actor={"mbox": "mailto:bob@example.org"})
    lrs.post(known)
    authority = {"account": {"homePage": "http://example.org", "name": "k"}}
    refused = StatementsWrite("p", [viewing(at, "0[.]2"), known | {"result": {}}], authority, "2.0.0", True)
    stored = StatementsWrite("p", [viewing(at, "0[.]3")], authority, "2.0.0", True)
    lrs.store._commit([refused, stored])
    with pytest.raises(Conflict):
        refused.result.result()
    assert len(stored.result.result()) == 1
    lake = Lake(str(tmp_path / "lake"))
    Sink(lrs.log, lake).run()
    with connect_lake(lake) as con:
        opened = con.execute("select enrolment_id from lake.accepted where event_type = 'enrolment.opened'").fetchall()
    assert opened == [(f"{COURSE}/{lrs.people.key_of(ALICE)}",)]
    lrs.close()


def test_a_statement_of_our_profile_without_its_event_is_quarantined_and_still_given(tmp_path: Path) -> None:
    lrs = Lrs(tmp_path)
    at = "2017-10-12T02:00:00Z"
    good = statement(f"{VERB}session.started", at, said={PAYLOAD: {"enrolment_id": "e1", "device": "web"}})
    bad = {
        "wrong value": statement(f"{VERB}session.started", at, said={PAYLOAD: {"enrolment_id": "e1", "device": "fax"}}),
        "nothing": statement(f"{VERB}session.started", at),
        "no such": statement(f"{VERB}session.fancied", at, said={PAYLOAD: {}}),
        "ours": statement(f"{VERB}xapi.statement_voided", at, said={PAYLOAD: {}}),
        "without enrolment": statement(f"{VERB}session.started", at, said={PAYLOAD: {"device": "web"}}),
    }
    lrs.post(good, *bad.values())
    staff = statement(f"{VERB}session.started", at, said={PAYLOAD: {"device": "web"}, ROLE: "staff"})
    lrs.post(staff)
    assert len(lrs.statements()) == 7
    lake = Lake(str(tmp_path / "lake"))
    Sink(lrs.log, lake).run()
    with connect_lake(lake) as con:
        accepted = con.execute(
            "select learner_key is null, staff_key is null from lake.accepted order by all"
        ).fetchall()
        assert accepted == [(False, True), (True, False)]
        reasons = con.execute("select reason, field from lake.quarantined order by all").fetchall()
        extension = f"payload.statement.context.extensions.{PAYLOAD}"
        assert reasons == [
            ("bad_format", f"{extension}.device"), ("missing_field", extension), ("missing_field", f"{extension}.enrolment_id"),
            ("unknown_event_type", "payload.verb_id"), ("unknown_event_type", "payload.verb_id"),
        ]  # fmt: skip
    lrs.close()


def home(folder: Path) -> Workspace:
    return Workspace(Settings.from_environment({"XUEQING_HOME": str(folder)}))


def voided_once(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without voids of voids, and second ones: which of them came last is for the log to say, and another log has another order."""
    voids = {e["event_id"]: e["payload"]["voided_event_id"] for e in events if e["event_type"] == "event.voided"}
    first = {target: void for void, target in reversed(voids.items()) if target not in voids}
    return [e for e in events if e["event_id"] not in voids or first.get(voids[e["event_id"]]) == e["event_id"]]


@pytest.mark.slow
def test_exported_as_statements_and_fed_back_the_events_give_the_same_marts(tmp_path: Path, pack: Pack) -> None:
    rng = random.Random(7)
    names = [f"programme-{n}" for n in range(4)]
    events = [e for name in names for e in voided_once(random_programme(rng, name))]
    reference = reference_tables(packs_like(pack, names))

    def built(workspace: Workspace) -> dict[str, list[tuple[object, ...]]]:
        Sink(workspace.log, workspace.lake).run()
        workspace.warehouse.build(workspace.lake, reference)
        return marts(workspace.warehouse.published)

    left, right = home(tmp_path / "left"), home(tmp_path / "right")
    left.log.append([NewRecord(b"k", samples.encode(e)) for e in events])
    wanted = built(left)
    done, report = Exported(), ImportReport()
    with opened_store(right) as store:
        for name in names:
            lines = list(export_statements(left, name, done))
            load_statements(store, name, lines, IMPORTER, report, lambda line, why: pytest.fail(why))
    assert done.written.total() == report.used["statements"]
    assert not done.left_out
    right = home(tmp_path / "right")
    found = built(right)
    # Who somebody is was drawn anew; when and how a record came in is another matter, too.
    differing = {name for name in wanted if found[name] != wanted[name]}
    assert differing <= {
        "dim_enrolments",
        "dim_staff",
        "fct_staff_days",
        "fct_counted_statements",
        "fct_uncounted_records",
        "fct_voids",
        "fct_waiting_events",
        "rpt_event_accounting",
    }
    assert [row[:-1] for row in found["rpt_event_accounting"]] == [row[:-1] for row in wanted["rpt_event_accounting"]]
    assert wanted["fct_enrolment_days"]
    assert wanted["fct_cell_spells"]
    left.log.close()
    right.log.close()


def test_every_event_that_a_statement_may_say_comes_back_as_it_was(tmp_path: Path) -> None:
    golden = [json.loads(p.read_bytes()) for p in sorted(GOLDEN.glob("*.json")) if not p.name.startswith("xapi.")]
    for one in golden:
        if one["event_type"] == "programme.loaded":  # whose files are to define a programme
            one["payload"]["files"] = find_packs()[P].definition
    left = home(tmp_path / "left")
    left.log.append([NewRecord(b"k", samples.encode(e | {"event_id": str(uuid4())})) for e in golden])
    Sink(left.log, left.lake).run()
    done, report = Exported(), ImportReport()
    lines = list(export_statements(left, P, done))
    # What is said of a programme and of what was sealed is no learner's doing.
    assert set(done.left_out) == {"programme.loaded", "programme.text_redacted", "programme.texts_retired"}
    right = home(tmp_path / "right")
    with opened_store(right) as store:
        load_statements(store, P, lines, IMPORTER, report, lambda line, why: pytest.fail(why))
    right = home(tmp_path / "right")
    Sink(right.log, right.lake).run()
    with connect_lake(right.lake) as con:
        assert con.execute("select count(*) from lake.quarantined").fetchone() == (0,)
        assert con.execute("select count(*) from lake.accepted").fetchone() == (len(lines),)
    assert isinstance(right.log, SqliteLog)
    left.log.close()
    right.log.close()
