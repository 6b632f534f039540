"""An imported past with its own times of recording: what was known by a date is what the platform knew then."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ingest.events import format_time
from ingest.sources.recorded import RecordedTimes
from tests.command_line import xueqing

P = "tianshui-2017"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEY = "Lk2xxxxxxxxxx"


def event(n: int, kind: str, occurred: str, recorded: str | None, **payload: Any) -> dict[str, Any]:
    said = {
        "event_id": f"11111111-1111-4111-8111-{n:012}", "event_type": kind, "event_version": 1, "occurred_at": occurred,
        "programme_id": P, "source": "old-platform", "payload": payload,
    }  # fmt: skip
    if kind != "event.voided":
        said["learner_key"] = KEY
    return said if recorded is None else said | {"noted": {"at": recorded}}


OPENED = event(
    0, "enrolment.opened", "2017-10-10T08:00:00+08:00", "2017-10-10T08:00:01+08:00", enrolment_id="k2", class_id="cl", county_id="qinzhou",
    is_called_up=True,
)  # fmt: skip
SESSION = event(
    1, "session.started", "2017-10-12T08:00:00+08:00", "2017-10-12T08:00:01+08:00", enrolment_id="k2", device="web"
)
#: Dated the day after the session, and recorded twelve days later; and what takes it back.
VOID = event(
    2, "event.voided", "2017-10-13T08:00:00+08:00", "2017-10-25T08:00:00+08:00", voided_event_id=SESSION["event_id"]
)
UNDONE = event(
    3, "event.voided", "2017-10-13T09:00:00+08:00", "2017-11-01T08:00:00+08:00", voided_event_id=VOID["event_id"]
)
#: Somebody else, whose session was entered a month late.
OTHER = event(
    4, "enrolment.opened", "2017-10-10T08:00:00+08:00", "2017-10-10T08:00:02+08:00", enrolment_id="k3", class_id="cl", county_id="qinzhou",
    is_called_up=True,
) | {"learner_key": "Lk3xxxxxxxxxx"}  # fmt: skip
LATE = event(
    5, "session.started", "2017-10-14T08:00:00+08:00", "2017-11-14T08:00:00+08:00", enrolment_id="k3", device="web"
)
LATE["learner_key"] = OTHER["learner_key"]


def ndjson(*events: dict[str, Any]) -> bytes:
    return b"\n".join(json.dumps(one).encode() for one in events)


def logged_in(home: Path, as_of: str, known_by: str) -> str:
    told = xueqing(
        home, "explain", f"{P} login_rate county=秦州区 as-of {as_of}", "--lang", "en", "--known-by", known_by
    )
    assert told.returncode == 0, told.stderr
    return told.stdout


def by_day(home: Path, *days: str) -> list[int]:
    query = f"select as_of_on, login_count from rpt_status where breakdown = 'programme' and programme_id = '{P}'"
    rows = map(json.loads, xueqing(home, "sql", "-f", "json", query).stdout.splitlines())
    counts = {row["as_of_on"][:10]: row["login_count"] for row in rows}
    return [counts[day] for day in days]


DAYS = ("2017-10-24", "2017-10-25", "2017-11-01", "2017-11-20")


def test_what_was_known_of_an_imported_past_is_what_the_platform_knew(tmp_path: Path) -> None:
    # The order of the lines is not that of the times.
    events = (LATE, UNDONE, VOID, OPENED, SESSION, OTHER)
    home = tmp_path / "claimed"
    done = xueqing(home, "import", "ndjson", "-", "--recorded-at", "noted.at", stdin=ndjson(*events))
    assert done.returncode == 0, done.stderr
    assert "events: 6 rows read, 6 used" in done.stdout
    assert (
        "recorded as noted.at of old-platform claims: 6, from 2017-10-10T00:00:01Z to 2017-11-14T00:00:00Z"
        in done.stdout
    )
    assert "0 quarantined" in xueqing(home, "sink").stdout
    assert xueqing(home, "build").returncode == 0
    # A void changes figures from its recording on: the session counts until the 25th, and again when the void is voided.
    assert by_day(home, *DAYS) == [2, 1, 2, 2]
    assert "1 ÷ 2 = 50.00 %" in logged_in(
        home, "2017-10-26", "2017-10-24"
    )  # the void and the late session are yet to be recorded
    assert "0 ÷ 2 = 0.00 %" in logged_in(home, "2017-10-26", "2017-10-26")  # the late session is
    # Imported as if it were of today, the voids have yet to change those days.
    home = tmp_path / "today"
    assert xueqing(home, "import", "ndjson", "-", stdin=ndjson(*events)).returncode == 0
    xueqing(home, "sink")
    assert xueqing(home, "build").returncode == 0
    assert by_day(home, *DAYS) == [2, 2, 2, 2]


def test_claims_that_make_no_sense_are_set_aside_with_their_reasons(tmp_path: Path) -> None:
    tomorrow = format_time(datetime.now(UTC) + timedelta(hours=20))
    wrong = {
        "no time of recording": event(
            4, "session.started", "2017-10-12T08:00:00Z", None, enrolment_id="k2", device="web"
        ),
        "a time of recording without its offset": SESSION | {"noted": {"at": "2017-10-12T08:00:01"}},
        "no such time of recording": SESSION | {"noted": {"at": 1507766401}},
        "recorded after its import": SESSION | {"noted": {"at": tomorrow}},
        "recorded before 1990": SESSION | {"noted": {"at": "1970-01-01T00:00:00Z"}},
        "recorded more than a day before it occurred": SESSION | {"noted": {"at": "2017-10-10T08:00:00Z"}},
    }
    raw = ndjson(OPENED, *wrong.values()) + b"\n{torn"
    done = xueqing(tmp_path, "import", "ndjson", "-", "--recorded-at", "noted.at", stdin=raw)
    assert done.returncode == 0, done.stderr
    assert "events: 8 rows read, 1 used" in done.stdout
    for why in (*wrong, "no JSON, and so no time of recording"):
        assert f"1 set aside: {why}" in done.stdout
    with sqlite3.connect(tmp_path / "log.sqlite") as con:
        assert con.execute("select count(*) from records").fetchone() == (1,)
    kept = xueqing(tmp_path, "quarantine", "rejected", str(tmp_path / "rejected" / "stdin.ndjson")).stdout.splitlines()
    assert [json.loads(line)["reason"] for line in kept] == [*wrong, "no JSON, and so no time of recording"]
    assert KEY not in (tmp_path / "rejected" / "stdin.ndjson").read_text()


def test_statements_of_a_past_are_recorded_when_they_were_stored_there(tmp_path: Path) -> None:
    def statement(n: int, **more: Any) -> dict[str, Any]:
        return {
            "id": f"22222222-2222-4222-8222-{n:012}", "actor": {"account": {"homePage": "https://p.example", "name": "7"}},
            "verb": {"id": "http://adlnet.gov/expapi/verbs/experienced"}, "object": {"id": "https://p.example/c"}, **more,
        }  # fmt: skip

    past, later = "2017-10-12T08:30:00Z", "2017-10-20T08:30:00Z"
    void = {
        "verb": {"id": "http://adlnet.gov/expapi/verbs/voided"},
        "object": {"objectType": "StatementRef", "id": statement(1)["id"]},
    }
    file = tmp_path / "s.ndjson"
    file.write_bytes(
        ndjson(
            statement(1, timestamp="2017-10-12T08:00:00Z", stored=past), statement(2, stored=past),
            statement(3, timestamp="2017-10-12T09:00:00Z", stored=later) | void, statement(4, timestamp=past),
        )
    )  # fmt: skip
    home = tmp_path / "home"
    done = xueqing(home, "import", "xapi", str(file), "-p", P, "--recorded-at", "stored")
    assert done.returncode == 0, done.stderr
    assert "statements: 4 rows read, 3 used, 1 set aside: no time of recording" in done.stdout
    assert (
        "recorded as stored of statements claims: 3, from 2017-10-12T08:30:00Z to 2017-10-20T08:30:00Z" in done.stdout
    )
    with sqlite3.connect(home / "log.sqlite") as con:
        rows = con.execute("select value, recorded_at_us from records").fetchall()
    found = {}
    for value, recorded_us in rows:
        said = json.loads(value)
        at = format_time(datetime.fromtimestamp(recorded_us / 1e6, UTC))
        found.setdefault(said["event_type"], []).append((at, said["occurred_at"]))
        if said["event_type"] == "xapi.statement_stored":
            # For clients of the store it came now.
            assert said["payload"]["statement"]["stored"] > "2026"
    assert found["xapi.statement_voided"] == [(later, later)]  # not of today
    assert sorted(found["xapi.statement_stored"]) == [
        (past, "2017-10-12T08:00:00Z"), (past, past), (later, "2017-10-12T09:00:00Z")
    ]  # fmt: skip
    assert "0 quarantined" in xueqing(home, "sink").stdout
    refused = xueqing(
        home, "import", "xapi", "--from", "https://x.example", "--key", "a:b", "-p", P, "--recorded-at", "stored"
    )
    assert refused.returncode == 1
    assert "--recorded-at is for a FILE" in refused.stderr


@given(st.integers(-200_000, 200_000), st.integers(-86_400 * 400, 86_400 * 3), st.integers(-14, 14))
def test_a_claim_is_taken_as_long_as_the_log_itself_would_take_it(ahead_s: int, from_now_s: int, offset: int) -> None:
    """Neither after the import nor more than a day before it occurred; the offset in which a time is written is no matter."""
    recorded = NOW + timedelta(seconds=from_now_s)
    occurred = recorded + timedelta(seconds=ahead_s)
    zone = datetime.strptime(f"{offset:+03}00", "%z").tzinfo
    times = RecordedTimes("at", "occurred_at", NOW)
    read = times.read({"at": recorded.astimezone(zone).isoformat(), "occurred_at": format_time(occurred)})
    if recorded > NOW:
        assert read == "recorded after its import"
    elif ahead_s > 86_400:
        assert read == "recorded more than a day before it occurred"
    else:
        assert read == int(recorded.timestamp()) * 1_000_000
