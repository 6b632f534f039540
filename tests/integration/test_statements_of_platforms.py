"""The statements that Moodle's and Open edX's plug-ins write: what counts, by the rows that ship and by a pack's own."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingest.events.profile import PAYLOAD, VERB
from ingest.programmes.folders import find_packs
from ingest.programmes.platform_rows import statement_rules
from ingest.programmes.reference import reference_tables
from ingest.sink import Sink
from tests.lrs_help import ALICE, Lrs
from tests.public_samples import PublicRepository
from warehouse.build import Warehouse
from warehouse.lake import Lake
from warehouse.query import connect

PACK = "tianshui-2017"
EDLM = "https://xapi.edlm/profiles/edlm-lms/concepts"
TIN_CAN = "http://id.tincanapi.com"
#: What is no content that a learner looks at, of what somebody "viewed".
NO_CONTENT = {
    f"{EDLM}/activity-types/report", f"{EDLM}/activity-types/badge", f"{EDLM}/activity-types/calendar", f"{EDLM}/activity-types/submission",
    f"{TIN_CAN}/activitytype/user-profile", f"{TIN_CAN}/activitytype/chat-message", "http://activitystrea.ms/note",
    "http://activitystrea.ms/schema/1.0/review", "https://w3id.org/xapi/acrossx/activities/webpage",
}  # fmt: skip


def counted_by_hand(statement: dict[str, Any]) -> str | None:
    """The activity that a statement adds to, said once more without the table: what a person would say of it."""
    verb, kind = statement["verb"]["id"], statement["object"].get("definition", {}).get("type", "")
    exam = ("timed-assessment", "proctored-assessment")
    match verb.rsplit("/", 1)[-1]:
        case "login":
            return "session"
        case "viewed" if kind not in NO_CONTENT:
            return "content"
        case "launched" if kind.endswith("scorm-content-object"):
            return "content"
        case "create" | "posted" if kind.endswith("/discussion") and "1.0" not in verb:
            return "post"
        case "replied":
            return "post"
        case "submit" if kind.endswith("/submission"):
            return "assignment_submitted"
        case "completed" if kind.endswith("activities/attempt"):
            return "assignment_submitted"
        case "terminated" if kind.endswith(exam):
            return "assignment_submitted"
    return None


def grade_by_hand(statement: dict[str, Any]) -> float | None:
    """The grade of 100 that a statement gives somebody's work."""
    verb, kind = statement["verb"]["id"], statement["object"].get("definition", {}).get("type", "")
    scaled = statement.get("result", {}).get("score", {}).get("scaled")
    is_graded = (verb.endswith("/scored") and kind.endswith("/submission")) or (
        verb.endswith("/earned") and kind.endswith("/resource")
    )
    return None if scaled is None or not is_graded else 100 * float(scaled)


def statements_of(repository: PublicRepository, folder: str, name: str) -> Iterator[dict[str, Any]]:
    for path in repository.files(folder):
        if path.endswith(name) and ("statements.json" in path or "/expected/" in path):
            found = json.loads(repository.read(path))
            yield from found if isinstance(found, list) else [found]


@pytest.mark.parametrize(
    ("repository", "folder", "name"),
    [
        ("xAPI-vle/moodle-logstore_xapi", "tests", "statements.json"),
        ("openedx/event-routing-backends", "event_routing_backends/processors/xapi/tests/fixtures/expected", ".json"),
    ],
)
def test_what_plug_ins_write_counts_as_by_hand(repository: str, folder: str, name: str, tmp_path: Path) -> None:
    clone = PublicRepository(repository, tmp_path)
    lrs = Lrs(tmp_path)
    payload = {"enrolment_id": "e1", "class_id": "c1", "county_id": "qinzhou"}
    lrs.post(statement("http://example.org/things/1", f"{VERB}enrolment.opened", {PAYLOAD: payload}))
    expected: Counter[str] = Counter()
    passed: dict[str, tuple[str, bool]] = {}
    for one in statements_of(clone, folder, name):
        # Of one learner, and with an id of its own: the plug-ins' examples share both.
        one |= {"id": str(uuid.uuid4()), "actor": ALICE}
        answer = lrs.ask("POST", "statements", json=[one])
        if answer.status_code != 200:
            assert answer.status_code == 400, answer.text
            continue
        if (activity := counted_by_hand(one)) is not None:
            expected[activity] += 1
        if (grade := grade_by_hand(one)) is not None:
            thing, at = one["object"]["id"], one.get("timestamp", "")
            passed[thing] = max(passed.get(thing, ("", False)), (at, grade >= 60))
    assert expected
    lake, warehouse = Lake(str(tmp_path / "lake")), Warehouse(tmp_path / "w")
    Sink(lrs.log, lake).run()
    warehouse.build(lake, reference_tables({"p": replace(find_packs(None)[PACK], programme_id="p")}))
    with connect(warehouse.published) as con:
        found = con.execute(
            "select activity, sum(event_count) from fct_enrolment_days"
            " where activity in ('session', 'content', 'post', 'assignment_submitted') group by 1"
        ).fetchall()
        assert dict(found) == expected
        (passes,) = con.execute(
            "select coalesce(sum(quantity), 0) from fct_enrolment_days where activity = 'assignment_passed'"
        ).fetchone() or (0,)
        assert passes == sum(is_passed for _, is_passed in passed.values())
    lrs.close()


def statement(thing: str, verb: str, said: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()), "actor": ALICE, "verb": {"id": verb}, "object": {"id": thing}, "timestamp": "2017-10-12T02:00:00Z",
        "context": {"extensions": said or {}}, **more,
    }  # fmt: skip


def test_a_packs_own_row_comes_before_those_that_ship(tmp_path: Path) -> None:
    pack = find_packs(None)[PACK]
    rows = [
        {"platform": "xapi", "event": "http://example.org/verbs/pondered", "condition": "*", "learner": "", "counts_as": "journal.published"},
        {"platform": "xapi", "event": "http://example.org/verbs/marked", "condition": "*", "learner": "", "counts_as": "assignment.graded"},
        {"platform": "xapi", "event": f"{TIN_CAN}/verb/viewed", "condition": "kind=http://example.org/kinds/film", "learner": "", "counts_as": "text.read"},
        {"platform": "xapi", "event": f"{EDLM}/verbs/login", "condition": "*", "learner": "", "counts_as": ""},
    ]  # fmt: skip
    mine = replace(pack, programme_id="p", tables={**pack.tables, "sources": rows})
    lrs = Lrs(tmp_path)
    placed = {"enrolment_id": "e1", "class_id": "c1", "county_id": "qinzhou"}
    film = {"id": "http://example.org/films/1", "definition": {"type": "http://example.org/kinds/film"}}
    lrs.post(
        statement("http://example.org/things/1", f"{VERB}enrolment.opened", {PAYLOAD: placed}),
        # The same journal twice; a mark, and one without a score; a film with its time, one without, another thing; a login.
        statement("http://example.org/journals/1", "http://example.org/verbs/pondered"),
        statement("http://example.org/journals/1", "http://example.org/verbs/pondered"),
        statement("http://example.org/works/1", "http://example.org/verbs/marked", result={"score": {"raw": 12, "max": 20}}),
        statement("http://example.org/works/2", "http://example.org/verbs/marked"),
        statement("", f"{TIN_CAN}/verb/viewed", result={"duration": "PT90S"}) | {"object": film},
        statement("", f"{TIN_CAN}/verb/viewed") | {"object": film},
        statement("http://example.org/pages/1", f"{TIN_CAN}/verb/viewed"),
        statement("http://example.org/site", f"{EDLM}/verbs/login"),
    )  # fmt: skip
    lake, warehouse = Lake(str(tmp_path / "lake")), Warehouse(tmp_path / "w")
    Sink(lrs.log, lake).run()
    warehouse.build(lake, reference_tables({"p": mine}))
    with connect(warehouse.published) as con:
        found = dict(con.execute("select activity, sum(quantity) from fct_enrolment_days group by 1").fetchall())
        # 12 of 20 is 60, and passes.
        assert found == {"journal": 1, "assignment_passed": 1, "weighted_grade": 0, "text": 90, "content": 1}
        assert con.execute("select verb_id, statement_count from rpt_uncounted_verbs order by 1").fetchall() == [
            ("http://example.org/verbs/marked", 1), (f"{TIN_CAN}/verb/viewed", 1), (f"{EDLM}/verbs/login", 1),
        ]  # fmt: skip
    lrs.close()


def test_the_first_row_that_fits_says_what_a_verb_counts_as() -> None:
    def row(condition: str, counts_as: str) -> dict[str, str]:
        return {"platform": "xapi", "event": "v", "condition": condition, "learner": "", "counts_as": counts_as}

    rows = [
        row("kind=a|b", "text.read"),
        row("kind=b|c", ""),
        row("*", "content.accessed"),
        row("kind=d", "session.started"),
    ]
    own = [rule for rule in statement_rules(rows) if rule[0] == "v"]
    assert own[:2] == [("v", "a", "text.read"), ("v", "b", "text.read")]
    assert own[2:] == [("v", "c", ""), ("v", "", "content.accessed")]
    shipped = statement_rules()
    assert len({(verb, kind) for verb, kind, _ in shipped}) == len(shipped)
