"""The statement of account to a source: each finding with its count and its ids, and nobody in it."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from ingest.sealed_records import opened_record
from pipelines.reading.marts import open_marts
from pipelines.reading.source_account import read_source_account
from pipelines.settings import Settings
from pipelines.workspace import Workspace
from tests.command_line import xueqing

P, SOURCE, LEARNER = "tianshui-2017", "moodle:m.example.org", "Lk2xxxxxxxxxx"
NAME = "王小明"


def id_of(n: int) -> str:
    return str(uuid.UUID(int=n, version=4))


def sent(
    n: int, kind: str, occurred: str, recorded: str | None = None, *, key: str = LEARNER, **payload: Any
) -> dict[str, Any]:
    """An event at a local time, recorded a second later unless it says otherwise."""
    occurred = f"2017-10-{occurred}+08:00"
    return {
        "event_id": id_of(n), "event_type": kind, "event_version": 2 if kind == "video.watched" else 1, "occurred_at": occurred,
        "recorded_at": f"2017-{recorded}+08:00" if recorded else occurred.replace("00+", "01+"), "programme_id": P, "source": SOURCE,
        "learner_key": key, "payload": {"enrolment_id": "k2"} | payload,
    }  # fmt: skip


def watched(n: int, occurred: str, video: str, seconds: int, **more: Any) -> dict[str, Any]:
    return sent(n, "video.watched", occurred, course_id=video, watched_s=seconds, **more)


SESSION = sent(2, "session.started", "12T08:00:00", device="web")
EVENTS = [
    sent(1, "enrolment.opened", "10T08:00:00", class_id="cl", county_id="qinzhou", is_called_up=True),
    SESSION,
    SESSION | {"recorded_at": "2017-10-12T08:00:02+08:00"},  # sent again
    sent(2, "session.started", "12T09:00:00", device="web"),  # its id with another content
    sent(3, "session.started", "14T08:00:00", "11-14T08:00:00", device="web"),  # 31 days late
    sent(4, "session.started", "13T08:00:00", "10-14T08:00:00", device="web"),  # a day to the second: not late
    sent(5, "session.started", "15T08:00:00", "10-15T07:00:00", device="web"),  # the clock is an hour ahead
    sent(6, "session.started", "15T08:00:00", device="web", key="Lk9xxxxxxxxxx", enrolment_id="nobody"),
    watched(7, "16T08:00:00", "a", 50_000),
    watched(8, "16T22:00:00", "a", 40_000),  # with the one before, 25 hours of one local day
    watched(9, "17T08:00:00", "a", 43_200),
    watched(10, "17T22:00:00", "a", 43_200),  # 24 hours to the second
    watched(11, "18T08:00:00", "a", 600),
    watched(12, "18T08:05:00", "b", 900),  # five minutes at once, whichever end the events tell
    watched(13, "18T09:00:00", "c", 3_300),  # at once only if the events tell the end
    watched(14, "18T12:00:00", "c", 600),
    watched(15, "18T12:05:00", "c", 600),  # the same video
    sent(16, "nonsense.happened", "18T09:00:00", said=NAME),
    sent(17, "session.started", "18T09:00:00", device="web") | {"occurred_at": "2017-10-18T09:00:00"},
    sent(18, "session.started", "18T09:00:00", device="web") | {"source": "other"},
    sent(19, "nonsense.happened", "18T09:00:00") | {"source": "other"},
    {"event_id": NAME, "event_type": "x", "source": SOURCE, "programme_id": P, "recorded_at": "2017-10-18T09:00:00Z"},
]
FOUND = {
    ("late", ""): (1, [id_of(3)], 31 * 86_400),
    ("ahead", ""): (1, [id_of(5)], 3_600),
    ("repeat", ""): (1, [id_of(2)], None),
    ("conflict", ""): (1, [id_of(2)], None),
    ("waiting", ""): (1, [id_of(6)], None),
    ("long_day", ""): (1, [id_of(7)], 90_000),
    ("at_once", ""): (1, [id_of(12)], 300),
    ("quarantined", "unknown_event_type event_type"): (1, [id_of(16)], None),
    ("quarantined", "naive_time occurred_at"): (1, [id_of(17)], None),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("source")
    lines = "\n".join(json.dumps(one, ensure_ascii=False) for one in EVENTS).encode()
    assert xueqing(home, "import", "ndjson", "-", "--recorded-at", "recorded_at", stdin=lines).returncode == 0
    assert xueqing(home, "sink").returncode == 0
    assert xueqing(home, "build").returncode == 0
    return home


def test_each_finding_is_counted_and_named_by_its_events(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XUEQING_HOME", str(home))
    workspace = Workspace(Settings.from_environment())
    with open_marts(workspace.warehouse.published, workspace.lake) as con, workspace.sealing() as sealer:
        account = read_source_account(
            con, P, SOURCE, {"zh": P, "en": P}, "Asia/Shanghai", lambda raw: opened_record(sealer(), raw)
        )
    found = {(one.kind, one.detail): (one.count, list(one.samples), one.most) for one in account.findings}
    [nameless] = found.keys() - FOUND.keys()
    assert nameless[0] == "quarantined"
    count, [place], _ = found.pop(nameless)
    assert count == 1
    assert re.fullmatch(r"\d+:\d+", place)  # its place in the log: what stands for its id may be anything
    assert found == FOUND
    assert (account.came, account.counted, account.unread) == (17, 14, 0)
    assert account.came == account.counted + sum(
        one.count for one in account.findings if one.kind in ("repeat", "conflict", "waiting")
    )
    assert sum(day.came for day in account.days) == account.came
    [late_day] = [day for day in account.days if day.late]
    assert (str(late_day.on), late_day.came, late_day.first_id) == ("2017-11-14", 1, id_of(3))
    assert [(str(day.on), day.repeats, day.conflicts) for day in account.days if day.repeats] == [("2017-10-12", 1, 1)]


def test_the_statement_is_written_in_both_languages_and_names_nobody(home: Path) -> None:
    done = xueqing(home, "report", "source", SOURCE)
    assert done.returncode == 0, done.stderr
    files = [Path(line) for line in done.stdout.splitlines()]
    assert [file.name.split(".", 1)[1] for file in files] == [
        f"{lang}.{end}" for lang in ("zh", "en") for end in ("html", "pdf", "xlsx", "md")
    ]
    assert {file.name.split(".")[0][:21] for file in files} == {"moodle-m-example-org-"}
    for file, says in zip(files, (*["数据来源对账单"] * 4, *["Statement of account"] * 4), strict=True):
        if file.suffix == ".pdf":
            assert file.read_bytes().startswith(b"%PDF")
            continue
        book = load_workbook(file) if file.suffix == ".xlsx" else None
        text = (
            file.read_text()
            if book is None
            else "\n".join(str(cell.value) for sheet in book for row in sheet for cell in row)
        )
        assert id_of(12) in text
        assert LEARNER not in text
        assert "Lk9xxxxxxxxxx" not in text
        assert NAME not in text
        assert says in text or book is not None
    told = xueqing(home, "report", "source", "nope")
    assert told.returncode == 1
    assert f"its sources: {SOURCE} (17), other (1)" in " ".join(told.stderr.split())
