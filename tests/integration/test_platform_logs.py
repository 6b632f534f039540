"""Logs of platforms through the command line: public samples counted by a reader of their own, and into the marts."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import sqlite3
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ingest.events import Refusal, validate
from ingest.identity import Vault
from ingest.lrs.standard.agents import account_of
from pipelines.settings import Settings
from pipelines.workspace import Workspace
from tests.command_line import xueqing
from tests.public_samples import PublicRepository
from warehouse.query import connect

P, SITE = "tianshui-2017", "https://moodle.example.org"
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def clones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clones")


def events_of(home: Path) -> list[dict[str, Any]]:
    """What the log holds, each a good event."""
    with sqlite3.connect(home / "log.sqlite") as con:
        rows = con.execute("select value, recorded_at_us from records order by partition, offset").fetchall()
    con.close()
    found = []
    for value, recorded in rows:
        event = validate(value, datetime.fromtimestamp(recorded / 1e6, SHANGHAI))
        assert not isinstance(event, Refusal), event
        found.append(json.loads(value))
    return found


def key_of(vault: Vault, site: str, account: str) -> str:
    text = account_of({"account": {"homePage": site, "name": account}})
    assert text is not None
    key = vault.find(text)
    assert key is not None, account
    return key


def vault_of(home: Path, monkeypatch: pytest.MonkeyPatch) -> Vault:
    monkeypatch.setenv("XUEQING_HOME", str(home))
    return Workspace(Settings.from_environment()).vault()


VIEWS = {
    ("Forum", "Discussion viewed"),
    ("Book", "Chapter viewed"),
    ("Lesson", "Content page viewed"),
    ("Wiki", "Wiki page viewed"),
}
HANDED_IN = {("Assignment", "A submission has been submitted."), ("Quiz", "Quiz attempt submitted")}


def test_public_logs_of_a_moodle_are_counted_to_the_line(
    clones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five log reports, two of which overlap, one with a 29 February 2018: views and submissions by learner and minute."""
    repository = PublicRepository("lamethods/data", clones)
    told: Counter[Any] = Counter()
    lines = aside = 0
    files = []
    for number, module in enumerate(("1 F19", "1 SP21", "3 SP17", "3 SP18", "5 SP18")):
        content = repository.read(f"2_moodleEdify/Moodle Module {module}.csv")
        files.append(tmp_path / f"{number}.csv")
        files[-1].write_bytes(content)
        of_file: Counter[Any] = Counter()
        for time, *_, component, event, description, origin, ip in list(
            csv.reader(io.StringIO(content.decode(errors="replace")))
        )[1:]:
            lines += 1
            user = re.search(r"[Uu]ser with id '?([1-9]\d*)", description)
            if user is None or time.startswith("29/02/18"):
                aside += 1
                continue
            kind = "other"
            if event in ("Course viewed", "Course module viewed") or (component, event) in VIEWS:
                kind = "content.accessed"
            elif (component, event) in HANDED_IN:
                kind = "assignment.submitted"
            at = datetime.strptime(time, "%d/%m/%y, %H:%M").replace(tzinfo=SHANGHAI).isoformat()
            of_file[kind, user[1], at, description, origin, ip] += 1
        told |= of_file  # what two exports have both is one
    home = tmp_path / "home"
    options = ("-p", P, "--site", SITE, "--course", "oop", "--open-enrolments")
    done = xueqing(home, "import", "moodle", *map(str, files), *options)
    assert done.returncode == 0, done.stderr
    assert f"lines: {lines:,} rows read, {lines - aside:,} used" in done.stdout
    assert "3 set aside: no such time" in done.stdout
    vault = vault_of(home, monkeypatch)
    expected: Counter[Any] = Counter()
    for (kind, user, at, *_), count in told.items():
        if kind != "other":
            expected[kind, key_of(vault, SITE, user), at] += count
    vault.close()
    found: Counter[Any] = Counter()
    for event in {event["event_id"]: event for event in events_of(home)}.values():
        if event["event_type"] in ("content.accessed", "assignment.submitted"):
            at = datetime.fromisoformat(event["occurred_at"]).astimezone(SHANGHAI).isoformat()
            found[event["event_type"], event["learner_key"], at] += 1
    assert found == expected
    assert found.total() > 5_000


def test_public_tracking_events_of_an_open_edx_are_counted_one_by_one(clones: Path, tmp_path: Path) -> None:
    repository = PublicRepository("openedx/event-routing-backends", clones)
    folder = "event_routing_backends/processors/tests/fixtures/current/"
    events = [json.loads(repository.read(path)) for path in repository.files(folder) if path.endswith(".json")]
    log = repository.read("event_routing_backends/management/commands/tests/fixtures/tracking.log")
    lines = [json.dumps(event).encode() for event in events] + log.splitlines()
    (tmp_path / "tracking.log.gz").write_bytes(gzip.compress(b"\n".join(lines)))
    home = tmp_path / "home"
    arguments = ("import", "openedx", str(tmp_path / "tracking.log.gz"), "-p", P, "--site", "https://edx.example.org")
    done = xueqing(home, *arguments, "--open-enrolments")
    assert done.returncode == 0, done.stderr

    def told(line: bytes) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(line[line.index(b"{") :])
        except ValueError:
            return None
        said = found.get("data") or found.get("event") or {}
        if isinstance(said, str):  # JSON from browsers; a form in a problem's answer
            said = json.loads(said) if said.startswith("{") else {}
        return found | {"said": said, "who": found.get("context", {}).get("user_id") or said.get("user_id")}

    read = [event for line in lines if (event := told(line)) is not None]
    of_somebody = [event for event in read if event["who"]]
    assert f"lines: {len(lines)} rows read, {len(of_somebody)} used" in done.stdout
    expected = Counter[str]()
    for event in of_somebody:
        name, said = event.get("event_type") or event["name"], event["said"]
        if name.startswith("edx.forum.") and name.endswith(".created"):
            expected["post.published"] += 1
        elif name.startswith("edx.forum.") and name.endswith(".deleted"):
            expected["post.voided"] += said["own_content"]
        elif name == "edx.grades.subsection.grade_calculated":
            expected["assignment.graded"] += bool(said["weighted_graded_possible"])
        elif name in ("edx.course.grade.now_passed", "edx.course.grade.now_failed"):
            expected["result.recorded"] += 1
        elif name.startswith("edx.special_exam.") and name.endswith("attempt.submitted"):
            expected["assignment.submitted"] += "practice" not in name
        elif name.startswith("edx.ui.lms.") and "link" not in name:
            expected["content.accessed"] += 1
    counts = Counter(event["event_type"] for event in events_of(home))
    assert {kind: counts[kind] for kind in expected} == expected
    assert counts["session.started"] == len(
        {(str(e["who"]), s) for e in of_somebody if (s := e.get("session") or e.get("context", {}).get("session"))}
    )


def test_public_caliper_events_are_counted_one_by_one(clones: Path, tmp_path: Path) -> None:
    """Every envelope and event of a set of fixtures; those that come in several files come once."""
    repository = PublicRepository("wn-doolittle/caliper-common-fixtures", clones)
    texts = [
        repository.read(path).decode()
        for path in repository.files("src/test/resources/fixtures/")
        if "caliperE" in path and ("Envelope" in path or "caliperEvent" in path)
    ]
    (tmp_path / "caliper.json").write_text("\n".join(texts), encoding="utf-8")
    home = tmp_path / "home"
    done = xueqing(home, "import", "caliper", str(tmp_path / "caliper.json"), "-p", P, "--open-enrolments")
    assert done.returncode == 0, done.stderr
    data = [d for text in map(json.loads, texts) for d in (text.get("data", [text]))]
    events = [d for d in data if "action" in d]
    assert f"entities: {len(data) - len(events)} rows read" in done.stdout
    assert f"lines: {len(events)} rows read" in done.stdout
    once = {(e["id"], e["type"], e["action"]) for e in events}
    counts = Counter((kind, action) for _, kind, action in once)
    ids: dict[str, str] = {event["event_id"]: event["event_type"] for event in events_of(home)}
    found = Counter(ids.values())
    assert found["session.started"] == counts["SessionEvent", "LoggedIn"]
    assert found["content.accessed"] == counts["ViewEvent", "Viewed"] + counts["NavigationEvent", "NavigatedTo"]
    assert found["post.published"] == counts["MessageEvent", "Posted"]
    assert found["assignment.submitted"] == counts["AssessmentEvent", "Submitted"]
    # Of two grades one has no points of a maximum, and one a maximum of 0 or more.
    graded = [e["generated"] for e in events if e["action"] == "Graded"]
    assert found["assignment.graded"] == sum("scoreGiven" in g and bool(g.get("maxScore")) for g in graded)


HEADER = "Time,User full name,Affected user,Event context,Component,Event name,Description,Origin,IP address"


def moodle_line(minute: int, user: int, component: str, event: str, said: str) -> str:
    return f"\"25/10/17, 09:{minute:02}\",Somebody,-,Course: One,{component},{event},The user with id '{user}' {said},web,10.0.0.1"


def test_a_moodle_log_reaches_the_marts_once_a_roster_has_come_and_says_what_it_did_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three learners; one has no enrolment. Worked out by hand: see each count."""
    lines = [
        HEADER,
        moodle_line(9, 1, "System", "User has logged in", "has logged in."),
        moodle_line(8, 1, "System", "Course viewed", "viewed the course with id '5'."),
        moodle_line(8, 1, "System", "Course viewed", "viewed the course with id '5'."),
        moodle_line(7, 2, "Assignment", "A submission has been submitted.", "has submitted the submission with id '3' for the assignment with course module id '8'."),
        moodle_line(6, 2, "System", "User list viewed", "viewed the list of users in the course with id '5'."),
        moodle_line(5, 3, "System", "Course viewed", "viewed the course with id '5'."),
    ]  # fmt: skip
    file, home = tmp_path / "log.csv", tmp_path / "home"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    arguments = ("import", "moodle", str(file), "-p", P, "--site", f"{SITE}/")
    before = xueqing(home, *arguments)
    assert "lines: 6 rows read, 6 used\n" in before.stdout
    assert "without an enrolment: bring in a roster, then import again: 5" in before.stdout
    vault = vault_of(home, monkeypatch)
    roster = [
        {
            "event_id": f"00000000-0000-4000-8000-00000000000{user}", "event_type": "enrolment.opened", "event_version": 1,
            "occurred_at": "2017-10-01T00:00:00Z", "programme_id": P, "learner_key": key_of(vault, SITE, str(user)), "source": "roster",
            "payload": {"enrolment_id": f"enrolment-{user}", "class_id": "one", "is_called_up": True},
        }
        for user in (1, 2)
    ]  # fmt: skip
    vault.close()
    xueqing(home, "import", "ndjson", "-", stdin="\n".join(map(json.dumps, roster)).encode())
    after = xueqing(home, *arguments)
    for line in ("session.started: 1", "content.accessed: 2", "assignment.submitted: 1", "platform.event_recorded: 2"):
        assert line in after.stdout
    again = xueqing(home, *arguments)
    assert "lines: 6 rows read, 0 used, 6 repeated" in again.stdout
    assert "0 quarantined" in xueqing(home, "sink").stdout
    assert xueqing(home, "build").returncode == 0
    with connect(home / "warehouse" / "xueqing.duckdb") as con:
        days = con.execute(
            "select enrolment_id, activity, event_count, quantity from fct_enrolment_days where activity <> 'enrolment' order by 1, 2"
        ).fetchall()
        assert [(e, a, n) for e, a, n, _ in days] == [
            ("enrolment-1", "content", 2), ("enrolment-1", "session", 1), ("enrolment-2", "assignment_submitted", 1)
        ]  # fmt: skip
        uncounted = con.execute(
            "select event_name, reason, event_count, learner_count from rpt_uncounted_events order by 1"
        ).fetchall()
    assert uncounted == [
        ("System: Course viewed", "no_enrolment", 1, 1),
        ("System: User list viewed", "not_named", 1, 1),
    ]
    status = xueqing(home, "status").stdout
    assert "events of platforms that no figure counts: 2" in status
    assert "System: User list viewed: not named" in status


def test_a_torn_file_is_told_and_the_whole_one_then_counts_each_line_once(tmp_path: Path) -> None:
    lines = [
        HEADER,
        *(moodle_line(n % 60, n, "System", "Course viewed", "viewed the course with id '5'.") for n in range(1, 2001)),
    ]
    content = gzip.compress("\n".join(lines).encode() + b"\n")
    file, home = tmp_path / "log.csv.gz", tmp_path / "home"
    arguments = ("import", "moodle", str(file), "-p", P, "--site", SITE, "--course", "5", "--open-enrolments")
    file.write_bytes(content[: len(content) // 2])
    torn = xueqing(home, *arguments)
    assert torn.returncode == 1
    assert "log.csv.gz is cut off" in torn.stderr
    assert "Nothing was written" in torn.stderr
    assert not list(home.glob("*.sqlite"))
    file.write_bytes(gzip.compress("\n".join(lines[:1001]).encode() + b"\n"))
    assert "lines: 1,000 rows read, 1,000 used" in xueqing(home, *arguments).stdout
    file.write_bytes(content)
    assert "lines: 2,000 rows read, 2,000 used" in xueqing(home, *arguments).stdout
    ids = {event["event_id"]: event["event_type"] for event in events_of(home)}
    assert Counter(ids.values()) == Counter({"content.accessed": 2000, "enrolment.opened": 2000})
