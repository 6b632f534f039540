"""Tables of totals: what maps, cells and rows mean, and what a table tells beside what is known."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.events import Refusal, parse_time, validate
from ingest.programmes import vocabulary
from ingest.sources.roster import Entry, SheetRead, Where, Why
from ingest.sources.tables import Cell, Sheet
from ingest.sources.totals import (
    Finding,
    Known,
    Reason,
    Row,
    TotalsLedger,
    TotalsMap,
    guess_map,
    read_map,
    read_rows,
    write_map,
)
from ingest.sources.totals.events import TotalsEvents
from ingest.sources.totals.map import _NO_SUM, _TOTALS, FIELDS
from ingest.sources.totals.reading import date_in_name
from ingest.sources.totals.values import UNITS, amount_of
from pipelines.collect.totals.importing import _tables
from tests.conftest import ROOT
from warehouse.errors import BadConfiguration, BadSource

_ZONE = ZoneInfo("Asia/Shanghai")
_NOW = datetime(2018, 1, 1, tzinfo=_ZONE)

# Cells.


@pytest.mark.parametrize(
    ("cell", "unit", "amount"),
    [
        (90.0, "minutes", 5_400_000),
        ("90", "minutes", 5_400_000),
        ("1,234.5", "minutes", 74_070_000),
        ("１２", "minutes", 720_000),
        (0.1, "seconds", 100),
        (1.5, "hours", 5_400_000),
        ("25:01:02", "HH:MM:SS", 90_062_000),
        ("25:01:02", "minutes", 90_062_000),
        ("25:01", "HH:MM", 90_060_000),
        ("3小时20分", "minutes", 12_000_000),
        ("1天2小时", "HH:MM:SS", 93_600_000),
        (time(1, 2, 3), "HH:MM:SS", 3_723_000),
        (timedelta(hours=30), "minutes", 108_000_000),
        (datetime.fromisoformat("1899-12-31T01:00:00"), "HH:MM:SS", 90_000_000),
        (7.0, "count", 7000),
        ("0", "count", 0),
        ("85.5分", "score", 85_500),
        ("85%", "score", 85_000),
        (12.5, "points", 12_500),
    ],
)
def test_a_cell_is_an_amount_in_its_unit(cell: Cell, unit: str, amount: int) -> None:
    assert amount_of(cell, unit) == (amount, None)


@pytest.mark.parametrize("cell", ["", "-", "—", " / ", "无"])
def test_a_cell_without_a_total_tells_none(cell: str) -> None:
    assert amount_of(cell, "minutes") == (None, None)


@pytest.mark.parametrize(
    ("cell", "unit"),
    [
        ("many", "count"), (-1.0, "count"), ("-1", "minutes"), (1.5, "count"), (True, "count"), (float("nan"), "minutes"),
        (float("inf"), "minutes"), ("1:2:3:4", "HH:MM:SS"), ("12:30", "HH:MM:SS"), ("12", "HH:MM:SS"), (12.0, "HH:MM"), ("12:61", "HH:MM"),
        (time(1), "count"), (timedelta(1), "points"), (101.0, "score"), (1e12, "minutes"), ("9" * 13, "count"), (date(2017, 1, 1), "minutes"),
    ],
)  # fmt: skip
def test_what_is_no_total_is_told_and_never_guessed(cell: Cell, unit: str) -> None:
    assert amount_of(cell, unit) == (None, Reason.WRONG_NUMBER)


@given(
    st.one_of(st.floats(), st.integers(), st.text(max_size=8), st.timedeltas(), st.times()),
    st.sampled_from(sorted(UNITS)),
)
def test_every_cell_is_an_amount_or_has_a_reason(cell: Any, unit: str) -> None:
    amount, why = amount_of(cell, unit)
    assert amount is None or (why is None and 0 <= amount <= 100_000_000_000)


# Maps.

_GOOD = 'platform = "y"\n[columns]\n"账号" = "account"\n[totals]\n"时长" = "video minutes"\n'


def test_a_map_is_what_it_says() -> None:
    assert read_map(_GOOD, "m") == TotalsMap("y", {"账号": "account"}, {"时长": ("video", "minutes")}, "")
    assert read_map(f'{_GOOD}[account]\nhome_page = "https://e.cn/"', "m").home_page == "https://e.cn"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"y"', '"Y!"', "platform"),
        ('"account"', '"who"', "'账号' is 'who'"),
        ('"account"', '"school"', "one has to be account, id_number or phone, or two name and school"),
        ("video minutes", "dreams minutes", "'dreams' is unknown"),
        ("video minutes", "video count", "the unit of video is one of seconds, minutes, hours"),
        ("video minutes", "video", "the unit of video is one of"),
        ("video minutes", "result_passed count", "no sum"),
        ("video minutes", "", "[totals] is missing"),
        ("时长", "账号", "stands in [columns] and in [totals]"),
        ("platform", "plattform", "plattform means nothing"),
        ("[totals]", "totals", "no TOML"),
    ],
)
def test_a_wrong_map_is_one_line_that_says_what(old: str, new: str, message: str) -> None:
    with pytest.raises(BadConfiguration) as error:
        read_map(_GOOD.replace(old, new), "map.toml")
    assert message in str(error.value)
    assert "map.toml" in str(error.value)


def test_every_activity_has_a_total_or_a_reason_against_it() -> None:
    totals = vocabulary.total_activities()
    assert totals.keys() | _NO_SUM.keys() == vocabulary.activities()
    assert not totals.keys() & _NO_SUM.keys()
    assert set(_TOTALS.values()) <= totals.keys()
    assert set(totals.values()) == set().union(*(kinds for kinds, _ in UNITS.values()))


def test_the_documentation_names_every_activity_and_unit() -> None:
    text = (
        (ROOT / "docs" / "sources.md")
        .read_text(encoding="utf-8")
        .partition("## Tables of totals")[2]
        .partition("\n## ")[0]
    )
    assert {
        name for name in (*vocabulary.total_activities(), *UNITS, *_NO_SUM, *FIELDS) if f"`{name}`" not in text
    } == set()


def test_usual_columns_are_guessed_and_a_guess_can_be_read() -> None:
    headers = [
        "姓名",
        "账号",
        "学习时长(分钟)",
        "视频时长（小时）",
        "登录次数",
        "发帖数",
        "有效发帖",
        "日志数",
        "作业数",
        "总分",
        "Minutes",
        "Logins",
        "心情",
        "",
    ]
    found, unknown = guess_map(headers)
    assert unknown == ["心情"]
    assert found.columns == {"姓名": "name", "账号": "account"}
    assert found.totals == {
        "学习时长(分钟)": ("video", "minutes"), "视频时长（小时）": ("video", "hours"), "登录次数": ("session", "count"), "发帖数": ("post", "count"),
        "有效发帖": ("effective_post", "count"), "日志数": ("journal", "count"), "作业数": ("assignment_submitted", "count"),
        "总分": ("weighted_grade", "score"), "Minutes": ("video", "minutes"), "Logins": ("session", "count"),
    }  # fmt: skip
    written = write_map(found, unknown).replace('platform = ""', 'platform = "y"')
    assert read_map(written, "m") == TotalsMap("y", found.columns, found.totals)


# Tables.


def _read(rows: list[list[Cell]], dated: date | None = date(2017, 11, 1)) -> tuple[list[Row], SheetRead]:
    totals_map = TotalsMap(
        "y", {"账号": "account", "日期": "date", "课程": "course"}, {"时长": ("video", "minutes"), "直播": ("video", "minutes"), "帖": ("post", "count")}
    )  # fmt: skip
    read = SheetRead("s")
    return list(read_rows(Sheet("s", rows), totals_map, read, dated)), read


def test_rows_are_read_with_what_is_wrong_in_them() -> None:
    rows, read = _read(
        [
            ["进度表 2017年10月31日", "", "", "", "", ""], ["账号", "时长", "帖", "直播", "日期", "课程"],
            ["t1", 10.0, 3.0, 5.0, "", ""], ["t2", "x", 3.0, "", "", ""], ["", 10.0, 1.0, "", "", ""], ["t3", "", "-", "", "", ""],
            ["合计", 30.0, 4.0, "", "", ""], ["", "", "", "", "", ""], ["账号", "时长", "帖", "直播", "日期", "课程"],
            ["t4", 1.0, "", "", "2017-10-05", "c 1"], ["t5", 1.0, "", "", "soon", ""],
        ]
    )  # fmt: skip
    assert [(r.entry.row, r.entry.account, r.totals, r.why) for r in rows] == [
        (3, "t1", {"video": 900_000, "post": 3000}, None), (4, "t2", {"post": 3000}, Reason.WRONG_NUMBER),
        (5, "", {"video": 600_000, "post": 1000}, Reason.NO_PERSON), (6, "t3", {}, Reason.NOTHING_TOLD),
        (10, "t4", {"video": 60_000}, None), (11, "t5", {"video": 60_000}, Reason.WRONG_DATE),
    ]  # fmt: skip
    assert (rows[0].as_of, rows[0].course_id) == (date(2017, 11, 1), "")
    assert (rows[4].as_of, rows[4].course_id) == (date(2017, 10, 5), "c 1")
    assert read.dated == date(2017, 10, 31)
    assert read.beside == 2


def test_a_sheet_without_the_columns_is_passed_over() -> None:
    assert _read([["姓名", "帖"], ["张三", 3.0]])[1].header is None
    assert _read([["账号", "心情"], ["t1", 3.0]])[1].header is None


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("export-2017-11-01", date(2017, 11, 1)), ("进度20171101", date(2017, 11, 1)), ("2017年11月1日", date(2017, 11, 1)), ("2017.11.1", date(2017, 11, 1)),
        ("export", None), ("20171301", None), ("2017-11-01至2017-11-08", None), ("120171101", None),
    ],
)  # fmt: skip
def test_a_name_tells_its_date(name: str, day: date | None) -> None:
    assert date_in_name(name) == day


def test_folders_give_their_tables_oldest_first(tmp_path: Path) -> None:
    for name in (
        "2017-11-08/b.csv",
        "2017-11-01/a.csv",
        "2017-11-01/late 20171115.csv",
        "c.csv",
        "c-returned.csv",
        "~$c.xlsx",
        "note.md",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [(file.name, day) for file, day in _tables([tmp_path, tmp_path / "c.csv"])]
    assert found == [
        ("a.csv", date(2017, 11, 1)), ("b.csv", date(2017, 11, 8)), ("late 20171115.csv", date(2017, 11, 15)), ("c.csv", None),
    ]  # fmt: skip
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadSource, match="no table"):
        _tables([tmp_path / "empty"])


# What is known.


class _Log:
    """The reports of a platform as its log would have them, in the order in which they were appended."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.voided: list[str] = []

    def tell(self, as_of: date, totals: dict[str, dict[str, int]], course: str = "") -> list[Finding]:
        """Import a table: totals by enrolment."""
        with closing(TotalsLedger()) as ledger:
            ledger.know(
                Known(
                    e["event_id"], e["payload"]["enrolment_id"], e["payload"].get("course_id") or "", e["payload"]["as_of"], n, 0, n,
                    {activity: round(total * 1000) for activity, total in e["payload"]["totals"].items()},
                )
                for n, e in enumerate(self.events)
            )  # fmt: skip
            ledger.void(self.voided)
            rows = [
                Row(Entry(n), course_id=course, as_of=as_of, totals=told) for n, told in enumerate(totals.values(), 1)
            ]
            ledger.say(0, "s", [(row, "Lkey1234567", enrolment) for row, enrolment in zip(rows, totals, strict=True)])
            ledger.compare()
            events, findings = TotalsEvents("p", "y", _ZONE), []
            for where, verdict in ledger.verdicts():
                findings.append(verdict.finding)
                if verdict.finding in (Finding.USED, Finding.CORRECTED):
                    record = events.reported(verdict, where, 1, "digest")
                    assert not isinstance(validate(record.value, _NOW), Refusal)
                    self.events.append(json.loads(record.value))
        return findings

    def total(self, enrolment: str, activity: str, day: date) -> int | None:
        """What holds on a date: of the last date until then the report that came last."""
        found = [
            (parse_time(e["occurred_at"]), n, e["payload"]["totals"][activity])
            for n, e in enumerate(self.events)
            if e["payload"]["enrolment_id"] == enrolment and activity in e["payload"]["totals"] and e["event_id"] not in self.voided
            and parse_time(e["occurred_at"]).astimezone(_ZONE).date() <= day
        ]  # fmt: skip
        return round(max(found)[2] * 1000) if found else None


_DAY = st.integers(0, 5).map(lambda n: date(2017, 11, 1) + timedelta(days=7 * n))
_TOLD = st.dictionaries(
    st.sampled_from(["e1", "e2"]),
    st.dictionaries(st.sampled_from(["video", "post"]), st.integers(0, 3).map(lambda n: n * 1500), min_size=1),
    min_size=1,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_DAY, _TOLD), max_size=8))
def test_exports_in_any_order_leave_the_latest_total_of_every_date(
    exports: list[tuple[date, dict[str, dict[str, int]]]],
) -> None:
    log = _Log()
    latest: dict[tuple[str, str, date], int] = {}
    for as_of, told in exports:
        log.tell(as_of, told)
        latest |= {(e, activity, as_of): total for e, totals in told.items() for activity, total in totals.items()}
        count = len(log.events)
        assert set(log.tell(as_of, told)) == {Finding.SAME}, "told again, it is nothing new"
        assert len(log.events) == count
    ids = [e["event_id"] for e in log.events]
    assert len(set(ids)) == len(ids)
    for day in (date(2017, 11, 1) + timedelta(days=n) for n in range(0, 42, 3)):
        for e in ("e1", "e2"):
            for activity in ("video", "post"):
                until = [
                    (on, total)
                    for (who, what, on), total in latest.items()
                    if (who, what) == (e, activity) and on <= day
                ]
                assert log.total(e, activity, day) == (max(until)[1] if until else None)


def test_totals_that_are_corrected_back_or_were_voided_are_told_again() -> None:
    log, day = _Log(), date(2017, 11, 1)
    for minutes, finding in ((10, Finding.USED), (5, Finding.CORRECTED), (10, Finding.USED), (10, Finding.SAME)):
        assert log.tell(day, {"e": {"video": minutes * 60_000}}) == [finding]
    log.voided.append(log.events[-1]["event_id"])
    assert log.total("e", "video", day) == 300_000
    assert log.tell(day, {"e": {"video": 600_000}}) == [Finding.USED]
    assert log.total("e", "video", day) == 600_000
    assert len({e["event_id"] for e in log.events}) == 4


def test_a_fall_is_told_with_what_it_falls_from() -> None:
    log = _Log()
    assert log.tell(date(2017, 11, 8), {"e": {"video": 600_000, "post": 2000}}) == [Finding.USED]
    assert log.tell(date(2017, 11, 15), {"e": {"video": 540_000, "post": 3000}}) == [Finding.CORRECTED]
    # Of an earlier date, and of another course, nothing falls.
    assert log.tell(date(2017, 11, 1), {"e": {"video": 60_000}}) == [Finding.USED]
    assert log.tell(date(2017, 11, 15), {"e": {"video": 60_000}}, course="c") == [Finding.USED]


def test_a_report_occurs_in_the_last_second_of_its_local_date() -> None:
    log = _Log()
    log.tell(date(2017, 11, 1), {"e": {"video": 1}})
    assert log.events[0]["occurred_at"] == "2017-11-01T15:59:59Z"
    assert log.events[0]["payload"]["totals"] == {"video": 0.001}


def test_rows_of_one_person_and_date_count_once_and_contradict_each_other() -> None:
    day = date(2017, 11, 1)

    def row(n: int, total: int, why: Reason | Why | None = None, as_of: date = day) -> Row:
        return Row(Entry(n), as_of=as_of, totals={"post": total}, why=why)

    with closing(TotalsLedger()) as ledger:
        ledger.say(
            0, "s",
            [
                (row(1, 1000), "L1", "e1"), (row(2, 1000), "L1", "e1"), (row(3, 1000), "L2", "e2"), (row(4, 2000), "L2", "e2"),
                (row(5, 9000, Reason.NOT_FOUND), "", ""), (row(6, 9000, Why.ANOTHER_PERSON), "", ""), (row(7, 9000, Why.LOST_DIGITS), "", ""),
                (row(8, 500, as_of=date(2017, 11, 2)), "L1", "e1"),
            ],
        )  # fmt: skip
        ledger.compare()
        found = list(ledger.verdicts())
    assert [v.finding for _, v in found] == [
        Finding.USED, Finding.TWICE, Finding.UNCLEAR, Finding.UNCLEAR, Finding.NOT_FOUND, Finding.UNCLEAR, Finding.SET_ASIDE, Finding.CORRECTED,
    ]  # fmt: skip
    assert [v.twice for _, v in found[:4]] == [None, Where(0, "s", 1), Where(0, "s", 4), Where(0, "s", 3)]
    assert [(one.activity, one.before, one.now) for one in found[-1][1].lower] == [("post", 1000, 500)]
