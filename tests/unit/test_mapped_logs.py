"""Logs of any platform that are tables, by a map of their columns."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from openpyxl import Workbook

from ingest.sources.entries import LogEntry
from ingest.sources.mapped import read_map, read_mapped
from ingest.sources.report import ImportReport, SetAside
from tests.unit.test_platform_logs import appended
from warehouse.errors import BadConfiguration, BadSource

MAP = """
platform = "yanxiu"
[account]
home_page = "https://study.example.cn/"
[columns]
"学习时间" = "at"
"账号" = "account"
"行为" = "event"
"课程编号" = "object"
"时长" = "seconds"
"得分" = "grade"
"""
ROWS = [
    {"platform": "yanxiu", "event": "视频学习", "condition": "*", "learner": "", "counts_as": "video.watched"},
    {"platform": "yanxiu", "event": "测验", "condition": "*", "learner": "", "counts_as": "assignment.graded"},
]


def read(file: Path, text: str = MAP, as_of: date | None = None) -> tuple[list[LogEntry], ImportReport]:
    report = ImportReport()
    aside = SetAside(report, lambda line, why: None)
    entries = list(read_mapped(file, aside, read_map(text, "map.toml"), ZoneInfo("Asia/Shanghai"), as_of))
    assert report.rows["lines"] == len(entries) + report.set_aside.total()
    return entries, report


def test_a_table_of_deeds_is_read_by_its_map_whatever_stands_above_it_and_beside_it(tmp_path: Path) -> None:
    text = (
        "2017年学习记录\n序号,姓名,账号,学习时间,行为,课程编号,时长,得分\n"
        "1,王芳,7,2017/10/25 09:08,视频学习,c-1,1:02:03,\n2,王芳,7,2017-10-25 10:00:00,测验,t-1,,85.5\n"
        "3,王芳,7,2017-10-25T10:00:00+00:00,视频学习,c-1,90000,\n4,李娜,,2017/10/25 09:08,视频学习,c-1,5,\n5,王芳,7,昨天,视频学习,c-1,5,\n"
        "6,王芳,7,2017/10/26 09:08,签到,,,\n"
    )
    (tmp_path / "log.csv").write_bytes(text.encode("gb18030"))
    entries, report = read(tmp_path / "log.csv")
    assert report.set_aside == Counter({("lines", "says nobody"): 1, ("lines", "no such time"): 1})
    assert {entry.account for entry in entries} == {
        '{"account": {"homePage": "https://study.example.cn", "name": "7"}}'
    }
    known = [entry._replace(account="7") for entry in entries]
    events, counts = appended(known, "yanxiu", rows=ROWS, enrolments={"Laccount007": ["enrolment-7"]})
    video, test, endless, sign_in = events
    assert (video["occurred_at"], video["payload"]["watched_s"]) == ("2017-10-25T01:08:00Z", 3723)
    assert (test["payload"]["assignment_id"], test["payload"]["grade"]) == ("t-1", 85.5)
    # More than a day in one row is no stretch that somebody watched.
    assert (endless["payload"]["reason"], sign_in["payload"]["reason"]) == ("not_told", "not_named")
    assert counts.uncounted == Counter({("视频学习", "not_told"): 1, ("签到", "not_named"): 1})
    assert "王芳" not in str(events)


def test_a_workbook_says_the_same_as_text_and_rows_that_are_alike_count_each(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["账号", "学习时间", "行为", "课程编号", "时长", "得分"])
    for _ in range(2):
        sheet.append([7, datetime(2017, 10, 25, 9, 8), "视频学习", "c-1", time(1, 2, 3), None])  # noqa: DTZ001 - as a spreadsheet has it
    book.save(tmp_path / "log.xlsx")
    (tmp_path / "log.tsv").write_text(
        "账号\t学习时间\t行为\t课程编号\t时长\t得分\n" + "7\t2017-10-25 09:08:00\t视频学习\tc-1\t01:02:03\t\n" * 2,
        encoding="utf-16",
    )
    workbook, _ = read(tmp_path / "log.xlsx")
    assert workbook == read(tmp_path / "log.tsv")[0]
    assert len({entry.identity for entry in workbook}) == 2


def test_people_may_be_told_by_id_number_or_phone_as_rosters_do_and_one_event_may_be_said_for_all(
    tmp_path: Path,
) -> None:
    text = 'platform = "p"\nevent = "study"\n[columns]\n"身份证号" = "id_number"\n"手机" = "phone"\n"时间" = "at"\n"分钟" = "minutes"\n'
    (tmp_path / "log.csv").write_text(
        "身份证号,手机,时间,分钟\n,13800000000,2017/10/25 9:08,1.5\nX1,,2017/10/25 9:08,2\n", encoding="utf-8"
    )
    entries, _ = read(tmp_path / "log.csv", text)
    assert [(e.account, e.names, e.values) for e in entries] == [
        ("mobile:13800000000", ("study",), {"seconds": 90}), ("id-number:X1", ("study",), {"seconds": 120})
    ]  # fmt: skip


WIDE = """
platform = "moodle"
[columns]
"ID number" = "id_number"
[[cells]]
header = '(.+) \\((?:Percentage|百分比)\\)'
event = "grade export"
value = "grade"
[[cells]]
header = '(.+): completion'
event = "completion export"
value = "result"
only = ["Completed"]
"""


def test_each_cell_of_a_wide_table_is_a_deed(tmp_path: Path) -> None:
    (tmp_path / "grades.csv").write_text(
        "First name,ID number,Assignment: Essay (Percentage),Essay (Letter),Quiz (百分比),Course: completion\n"
        "王芳,X1,59.9996 %,D,-,Completed\n李娜,,85.00 %,B,90.00 %,Not completed\n陈静,X2,一百,A,100.00 %,Not completed\n",
        encoding="utf-8",
    )
    entries, report = read(tmp_path / "grades.csv", WIDE, date(2017, 12, 20))
    assert report.set_aside == Counter({("lines", "says nobody"): 2, ("lines", "no such grade"): 1})
    # The day ends in Shanghai.
    assert {entry.at for entry in entries} == {"2017-12-20T15:59:59Z"}
    assert [(e.account, e.names[0], e.object, e.values) for e in entries] == [
        ("id-number:X1", "grade export", "Assignment: Essay", {"grade": 59.9996}),
        ("id-number:X1", "completion export", "Course", {"result": "Completed"}),
        ("id-number:X2", "grade export", "Quiz", {"grade": 100.0}),
    ]
    # The same export again says the same; a later one says it anew.
    again, _ = read(tmp_path / "grades.csv", WIDE, date(2017, 12, 20))
    later, _ = read(tmp_path / "grades.csv", WIDE, date(2017, 12, 21))
    assert [e.identity for e in again] == [e.identity for e in entries]
    assert not {e.identity for e in later} & {e.identity for e in entries}
    events, _ = appended(
        [e._replace(account="7") for e in entries[:1]], "moodle", enrolments={"Laccount007": ["enrolment-7"]}
    )
    assert (events[0]["event_type"], events[0]["payload"]["grade"]) == ("assignment.graded", 59.9996)


def test_a_wide_table_without_such_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "grades.csv").write_text("ID number,Essay (Real)\nX1,17\n", encoding="utf-8")
    with pytest.raises(BadSource, match="no column is like"):
        read(tmp_path / "grades.csv", WIDE, date(2017, 12, 20))


def test_an_imported_past_says_when_its_rows_were_recorded(tmp_path: Path) -> None:
    text = MAP.replace('"得分" = "grade"', '"入库时间" = "recorded"')
    (tmp_path / "log.csv").write_text(
        "账号,学习时间,行为,课程编号,时长,入库时间\n7,2017-10-25 09:08,视频学习,c-1,60,2017-10-26 10:00:00\n"
        "7,2017-10-25 09:09,视频学习,c-1,60,\n7,2017-10-25 09:10,视频学习,c-1,60,2017-10-20 10:00:00\n"
        "7,2017-10-25 09:11,视频学习,c-1,60,2999-01-01 00:00:00\n7,2017-10-25 09:12,视频学习,c-1,60,昨天\n",
        encoding="utf-8",
    )
    entries, report = read(tmp_path / "log.csv", text)
    # Ten in the morning in Shanghai.
    assert [e.recorded_us for e in entries] == [int(datetime(2017, 10, 26, 2, tzinfo=UTC).timestamp()) * 1_000_000]
    assert {why for _, why in report.set_aside} == {
        "no time of recording", "recorded more than a day before it occurred", "recorded after its import", "no such time of recording",
    }  # fmt: skip
    (claim,) = report.claims
    assert "yanxiu claims: 1, from 2017-10-26T02:00:00Z" in claim


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (WIDE.replace('value = "grade"', 'value = "mood"'), "value is one of grade"),
        (WIDE.replace('event = "grade export"\n', ""), "each has header, event and value"),
        (WIDE.replace("(.+) ", "(.+ "), "no regular expression"),
        (WIDE.replace('only = ["Completed"]', "only = 1"), "only is a list"),
        (WIDE.replace('"moodle"', '"moodle"\nevent = "study"', 1), "the event of a cell"),
        ("platform = ", "no TOML"),
        (MAP.replace("yanxiu", "Yan Xiu"), "platform is a name"),
        (MAP.replace('"object"', '"thing"'), "'thing'; expected one of"),
        (MAP.replace('"object"', '"seconds"'), "two are 'seconds'"),
        (MAP.replace('"账号" = "account"', ""), "one has to be at"),
        (MAP.replace('"行为" = "event"', ""), "the event is either"),
        (f"colour = 1\n{MAP}", "colour means nothing"),
        (f'dates = "dym"\n{MAP}', "dates is one of"),
    ],
)
def test_a_map_that_says_too_little_or_what_means_nothing_is_refused(text: str, told: str) -> None:
    with pytest.raises(BadConfiguration, match=told):
        read_map(text, "map.toml")


def test_a_file_without_the_columns_of_the_map_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("账号,时间\n7,2017/10/25\n", encoding="utf-8")
    with pytest.raises(BadSource, match="no sheet with the columns"):
        read(tmp_path / "log.csv")
