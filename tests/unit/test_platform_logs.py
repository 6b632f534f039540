"""Logs of platforms, line by line: what is read of them, what it counts as, and that nobody's name goes along."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.events import Refusal, validate
from ingest.programmes import vocabulary
from ingest.programmes.cells import Problem, typed
from ingest.programmes.platform_rows import shipped_rows
from ingest.programmes.rows import SourceEvent
from ingest.sources.caliper import read_caliper
from ingest.sources.counting import Counting
from ingest.sources.entries import MAKERS, LogEntry
from ingest.sources.json_elements import json_elements
from ingest.sources.moodle import MoodleSite, read_moodle
from ingest.sources.moodle.times import Order, Times, order_of
from ingest.sources.openedx import read_openedx
from ingest.sources.platforms import Platform, PlatformLog
from ingest.sources.report import ImportReport, SetAside
from warehouse.errors import BadSource

SITE = MoodleSite("https://moodle.example.org", ZoneInfo("Asia/Shanghai"))
HEADER = "Time,User full name,Affected user,Event context,Component,Event name,Description,Origin,IP address"
VIEWED = "The user with id '7' viewed the course with id '111'."
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def report_line(
    time: str = "17/10/21, 12:39", component: str = "System", event: str = "Course viewed", description: str = VIEWED, origin: str = "web"
) -> str:  # fmt: skip
    out = io.StringIO()
    csv.writer(out).writerow(
        [time, "Wang Fang", "Li Na", "Course: One", component, event, description, origin, "10.0.0.1"]
    )
    return out.getvalue()


class Read:
    """What a reader gives of a file."""

    def __init__(self) -> None:
        self.report = ImportReport()
        self.rejected: list[tuple[bytes, str]] = []
        self.aside = SetAside(self.report, lambda line, why: self.rejected.append((line, why)))


def moodle(text: str | bytes, site: MoodleSite = SITE, **more: Any) -> tuple[list[LogEntry], ImportReport]:
    read = Read()
    content = text.encode() if isinstance(text, str) else text
    entries = list(read_moodle(io.BytesIO(content), "log", read.aside, site, **more))
    assert (
        read.report.rows["lines"] == len(entries) + read.report.set_aside.total() == len(entries) + len(read.rejected)
    )
    return entries, read.report


def openedx(*events: Mapping[str, Any] | str) -> tuple[list[LogEntry], ImportReport]:
    read = Read()
    lines = [(e if isinstance(e, str) else json.dumps(e)).encode() + b"\n" for e in events]
    return list(read_openedx(lines, "log", read.aside, "https://edx.example.org")), read.report


def appended(
    entries: Sequence[LogEntry],
    platform: str = "moodle",
    rows: Iterable[Mapping[str, str]] = (),
    enrolments: Mapping[str, Collection[str]] | None = None,
    opened_at: str | None = None,
) -> tuple[list[dict[str, Any]], ImportReport]:
    """The events of some entries, each of which the catalogue takes; account ``7`` has the key ``Laccount007``."""
    report = ImportReport()
    log = PlatformLog(
        Platform(platform, f"{platform}:example.org", "p", opened_at),
        Counting(platform, rows),
        lambda accounts: {a: f"Laccount{int(a.rpartition('/')[2]):03}" for a in accounts},
        lambda keys: {key: (enrolments or {}).get(key, ()) for key in keys},
        report,
    )
    opened, found = log.records(entries)
    for record in (*opened, *found):
        event = validate(record.value, LATER)
        assert not isinstance(event, Refusal), event
        assert record.key.decode() == event.learner_key
    return [json.loads(record.value) for record in (*opened, *found)], report


ONE = {"Laccount007": ["enrolment-7"]}


def test_a_line_of_the_log_report_is_an_event_of_the_learners_enrolment_and_names_nobody() -> None:
    entries, _ = moodle(f"{HEADER}\n{report_line()}")
    (event,), report = appended(entries, enrolments=ONE)
    assert event["event_type"] == "content.accessed"
    assert event["occurred_at"] == "2021-10-17T04:39:00Z"  # 12:39 in Shanghai
    assert event["learner_key"] == "Laccount007"
    assert event["payload"] == {
        "enrolment_id": "enrolment-7", "content_id": "https://moodle.example.org/course/view.php?id=111",
        "content_kind": "System", "click_count": 1,
    }  # fmt: skip
    for somebody in ("Wang", "Li Na", "10.0.0.1"):
        assert somebody not in json.dumps(event)
    assert report.events == Counter({"content.accessed": 1})


def test_lines_that_say_the_same_of_one_minute_all_count_and_have_the_same_ids_in_the_next_export() -> None:
    """A log report has no ids and tells minutes: three views in one minute are three lines that are equal."""
    three = f"{HEADER}\n" + report_line() * 3
    events, _ = appended(moodle(three)[0], enrolments=ONE)
    assert len({e["event_id"] for e in events}) == 3
    # The next export has newer lines above, other names of people and activities, and another component's name.
    renamed = report_line().replace("Wang Fang", "Wang F.").replace("Course: One", "Course: 1")
    more = f"{HEADER}\n" + report_line("17/10/21, 13:00") + renamed * 3
    again, _ = appended(moodle(more)[0], enrolments=ONE)
    assert {e["event_id"] for e in events} == {e["event_id"] for e in again[1:]}
    assert again[0]["event_id"] not in {e["event_id"] for e in events}


def test_what_no_row_names_and_what_has_no_enrolment_is_kept_and_counts_once_it_can() -> None:
    text = f"{HEADER}\n{report_line()}{report_line(event='User list viewed')}"
    entries, _ = moodle(text)
    kept, report = appended(entries)
    assert [e["event_type"] for e in kept] == ["platform.event_recorded"] * 2
    assert report.uncounted == Counter(
        {("System: Course viewed", "no_enrolment"): 1, ("System: User list viewed", "not_named"): 1}
    )
    rows = [
        {
            "platform": "moodle",
            "event": "System: User list viewed",
            "condition": "*",
            "learner": "",
            "counts_as": "content.accessed",
        }
    ]
    counted, _ = appended(entries, rows=rows, enrolments=ONE)
    assert [e["event_type"] for e in counted] == ["content.accessed"] * 2
    assert [e["event_id"] for e in counted] == [e["payload"]["counted_id"] for e in kept]
    assert not {e["event_id"] for e in kept} & {e["event_id"] for e in counted}


def test_an_enrolment_is_the_own_in_the_course_or_the_only_one_and_is_opened_only_where_that_is_asked_for() -> None:
    entries, _ = moodle(f"{HEADER}\n{report_line()}{report_line('17/10/21, 12:40')}")
    own = "https://moodle.example.org/course/view.php?id=111/Laccount007"
    two = {"Laccount007": ["another", own]}
    assert [e["payload"]["enrolment_id"] for e in appended(entries, enrolments=two)[0]] == [own, own]
    several = {"Laccount007": ["a", "b"]}
    assert {e["event_type"] for e in appended(entries, enrolments=several)[0]} == {"platform.event_recorded"}
    opened, *others = appended(entries, opened_at="2021-08-31T16:00:00Z")[0]
    assert (opened["event_type"], opened["occurred_at"]) == ("enrolment.opened", "2021-08-31T16:00:00Z")
    assert opened["payload"]["enrolment_id"] == own
    assert [e["payload"]["enrolment_id"] for e in others] == [own, own]


def test_the_row_of_the_pack_comes_before_the_one_that_ships_and_may_ask_for_a_condition() -> None:
    texts = [
        "The user with id '7' viewed the 'page' activity with course module id '1'.",
        "The user with id '7' viewed the 'page' activity with course module id '2'.",
    ]
    lines = "".join(report_line(component="Page", event="Course module viewed", description=text) for text in texts)
    entries, _ = moodle(f"{HEADER}\n{lines}")
    row = {"platform": "moodle", "event": "Page: Course module viewed", "learner": ""}
    mine = [{**row, "condition": "object=moodle.example.org/cm-2|x;kind=Page", "counts_as": "resource.shared"}]
    assert [e["event_type"] for e in appended(entries, rows=mine, enrolments=ONE)[0]] == [
        "content.accessed",
        "resource.shared",
    ]
    # A row that counts as nothing: named, and not even kept.
    none = [{**row, "condition": "*", "counts_as": ""}]
    assert appended(entries, rows=none, enrolments=ONE)[0] == []


def test_headers_in_another_language_are_known_by_their_places_and_descriptions_tell_the_numbers() -> None:
    header = "时间,用户全名,受影响的用户,事件情境,组件,事件名称,描述,来源,IP地址"
    line = report_line("2021年10月17日 下午1:05", component="系统", event="课程已被查看")
    (entry,), _ = moodle(f"\ufeff{header}\r\n{line}")
    assert (entry.at, entry.account, entry.names) == (
        "2021-10-17T05:05:00Z",
        "7",
        ("系统: 课程已被查看", "课程已被查看", "viewed the course with id '…'."),
    )
    assert entry.course == "https://moodle.example.org/course/view.php?id=111"


def test_a_file_in_another_language_counts_as_the_same_file_in_english() -> None:
    said = [
        ("System", "User has logged in", "has logged in."),
        ("System", "Course viewed", "viewed the course with id '111'."),
        ("Page", "Course module viewed", "viewed the 'page' activity with course module id '3'."),
        ("Forum", "Discussion viewed", "has viewed the discussion with id '4' in the forum with course module id '9'."),
        ("Forum", "Discussion created", "has created the discussion with id '4' in the forum with course module id '9'."),
        ("Forum", "Post created", "has created the post with id '5' in the discussion with id '4' in the forum with course module id '9'."),
        ("Assignment", "A submission has been submitted.", "has submitted the submission with id '1' for the assignment with course module id '8'."),
        ("Quiz", "Quiz attempt submitted", "has submitted the attempt with id '2' for the quiz with course module id '6'."),
        ("Quiz", "Quiz attempt submitted", "has submitted the attempt with id '3' for the quiz with the course module id '6'."),
        ("System", "Course completed", "completed the course with id '111'."),
        ("System", "Blog entry added", "created the blog entry with id '12'."),
        ("Book", "Chapter viewed", "viewed the chapter with id '2' for the book with course module id '5'."),
        ("System", "User list viewed", "viewed the list of users in the course with id '111'."),
    ]  # fmt: skip
    english = "".join(report_line("17/10/21, 12:39", c, e, f"The user with id '7' {d}") for c, e, d in said)
    chinese = "".join(
        report_line("2021/10/17 12:39", f"组件{c}", f"事件{e}", f"The user with id '7' {d}") for c, e, d in said
    )
    expected, _ = appended(moodle(f"{HEADER}\n{english}")[0], enrolments=ONE)
    found, report = appended(moodle(f"时间,用户,受影响,情境,组件,事件,描述,来源,IP\n{chinese}")[0], enrolments=ONE)
    assert Counter(e["event_type"] for e in found)["assignment.submitted"] == 3
    assert [(e["event_id"], e["event_type"]) for e in found] == [(e["event_id"], e["event_type"]) for e in expected]
    assert report.uncounted == Counter({("组件System: 事件User list viewed", "not_named"): 1})


def test_a_forum_post_tells_its_discussion_and_workshop() -> None:
    said = "The user with id '7' has created the post with id '5' in the discussion with id '3' in the forum with course module id '9'."
    entries, _ = moodle(f"{HEADER}\n{report_line(component='Forum', event='Post created', description=said)}")
    (event,), _ = appended(entries, enrolments=ONE)
    assert event["payload"] == {
        "enrolment_id": "enrolment-7", "post_id": "moodle.example.org/post-5", "workshop_id": "moodle.example.org/cm-9",
        "kind": "reply", "parent_post_id": "moodle.example.org/discussion-3", "characters": 0, "is_effective": None,
    }  # fmt: skip


def test_every_line_that_is_no_entry_is_told_with_its_reason() -> None:
    lines = [
        report_line(description="User viewed their submission inbox at course: 165"),
        report_line(description="The user with id '0' has viewed the login page."),
        report_line("17 Oct, 12:39"),
        report_line("31/02/21, 12:39"),
        "torn,line\n",
    ]
    entries, report = moodle(f"{HEADER}\n{report_line()}{''.join(lines)}")
    assert len(entries) == 1
    assert report.set_aside == Counter(
        {
            ("lines", "the description tells no user's number"): 1,
            ("lines", "done by nobody: by Moodle itself, or by a visitor"): 1,
            ("lines", "no such time"): 2,
            ("lines", "not the cells of the header"): 1,
        }
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"PK\x03\x04rest", "workbook"),
        ("Time,User".encode("utf-16"), "UTF-16"),
        (b"name,score\nA,1\n", "no log of Moodle"),
        (f"{HEADER}\n{report_line('5/10/21, 12:39')}".encode(), "--dates dmy or --dates mdy"),
        (f"{HEADER}\n{report_line('25/10/21, 12:39')}{report_line('5/25/21, 12:39')}".encode(), "day first and"),
        (b'[{"a": 1}]', "no log of Moodle"),
        (b'[{"eventname": "x", "userid": 1, "timecreated": 5}, {"even', "no JSON from character"),
    ],
)
def test_a_file_that_is_something_else_or_can_be_read_in_two_ways_is_refused_in_a_line(
    content: bytes, told: str
) -> None:
    with pytest.raises(BadSource, match=told) as error:
        moodle(content)
    assert "\n" not in str(error.value)


def test_where_enrolments_are_opened_the_course_must_be_told() -> None:
    with pytest.raises(BadSource, match="--course"):
        moodle(f"{HEADER}\n{report_line()}", needs_course=True)
    with_course = f"Course,{HEADER}\nOOP,{report_line(description=VIEWED.split(' viewed')[0] + ' viewed a page.')}"
    (entry,), _ = moodle(with_course, needs_course=True)
    assert entry.course == "OOP"


_FORMS: Mapping[Order, Sequence[str]] = {
    "dmy": ("%d/%m/%y, %H:%M", "%d.%m.%Y %H:%M:%S", "%d/%m/%y, %I:%M %p"),
    "mdy": ("%m/%d/%y, %H:%M", "%m/%d/%Y, %I:%M:%S %p"),
    "ymd": ("%Y/%m/%d %H:%M", "%Y年%m月%d日 %H:%M", "%Y-%m-%d %H:%M:%S"),
}


@given(
    st.integers(978_307_200, 3_124_000_000).map(lambda s: datetime.fromtimestamp(s, ZoneInfo("Asia/Shanghai"))),
    st.sampled_from([(o, f) for o, fs in _FORMS.items() for f in fs]),
)
def test_times_are_read_as_language_packs_write_them(moment: datetime, form: tuple[Order, str]) -> None:
    order, text = form[0], moment.strftime(form[1])
    told = moment.replace(second=moment.second if "%S" in form[1] else 0)
    found = Times(ZoneInfo("Asia/Shanghai"), order).read(text)
    assert datetime.fromisoformat(found) == told
    # The order that a date shows by itself is never another one.
    assert order_of([text]) in (order, None)


@pytest.mark.parametrize("text", ["17 October 2021, 3:05 PM", "Sunday, 17 October 2021, 3:05 PM", "17 Oct 2021, 15:05"])
def test_times_with_the_months_name_need_no_order(text: str) -> None:
    assert Times(ZoneInfo("UTC"), None).read(text) == "2021-10-17T15:05:00Z"


_ROWS = st.lists(st.lists(st.text(max_size=8), min_size=9, max_size=9), max_size=6) | st.lists(
    st.dictionaries(st.text(max_size=4), st.text(max_size=8) | st.integers(), max_size=4), max_size=6
)


@given(_ROWS, st.sampled_from(["list", "lists", "lines", "pretty"]), st.lists(st.integers(1, 40), min_size=1))
def test_elements_of_json_are_the_same_however_it_is_cut(rows: list[Any], form: str, cuts: list[int]) -> None:
    text = {
        "list": lambda: json.dumps(rows), "lists": lambda: json.dumps([rows]), "pretty": lambda: json.dumps([rows], indent=4),
        "lines": lambda: "\n".join(map(json.dumps, rows)),
    }[form]().encode()  # fmt: skip
    chunks, place = [], 0
    for cut in cuts * (len(text) // sum(cuts) + 1):
        chunks.append(text[place : place + cut])
        place += cut
    assert list(json_elements(chunks, "f")) == rows


def test_the_log_report_as_json_says_the_same_as_csv() -> None:
    text = f"{HEADER}\n{report_line()}{report_line('17/10/21, 12:41', event='User has logged in')}"
    header, *rows = csv.reader(text.splitlines())
    keys = [name.lower().replace(" ", "") for name in header]
    expected, _ = moodle(text)
    assert len(expected) == 2
    assert moodle(json.dumps([[dict(zip(keys, row, strict=True)) for row in rows]], indent=4))[0] == expected
    # Older versions write rows without the columns' names; then nothing says that they are in English.
    (first, second), _ = moodle(json.dumps([rows]))
    assert [first._replace(names=first.names[:2]), second._replace(names=second.names[:2])] == expected


LOGSTORE = {
    "id": "501", "eventname": "\\mod_page\\event\\course_module_viewed", "component": "mod_page", "objecttable": "page",
    "objectid": "3", "contextlevel": "70", "contextinstanceid": "34", "userid": "7", "courseid": "111", "relateduserid": None,
    "timecreated": 1634445540, "origin": "ws",
}  # fmt: skip


def test_the_table_of_the_log_is_read_as_csv_as_a_dump_with_tabs_and_as_json() -> None:
    expected, _ = moodle(json.dumps([LOGSTORE]))
    texts = [{name: "NULL" if value is None else str(value) for name, value in LOGSTORE.items()}]
    texts[0]["eventname"] = texts[0]["eventname"].replace("\\", "\\\\")
    for separator in (",", "\t", ";"):
        out = io.StringIO()
        writer = csv.DictWriter(out, list(LOGSTORE), delimiter=separator)
        writer.writeheader()
        writer.writerows(texts)
        assert moodle(out.getvalue())[0] == expected
    assert moodle("\n".join(json.dumps(row) for row in [LOGSTORE, LOGSTORE]))[0] == expected * 2
    (event,), _ = appended(expected, enrolments=ONE)
    assert (event["event_type"], event["occurred_at"]) == ("content.accessed", "2021-10-17T04:39:00Z")
    assert event["payload"]["content_id"] == "moodle.example.org/cm-34"


def test_in_the_table_of_the_log_a_post_is_taken_back_for_its_author_and_completion_is_a_result() -> None:
    deleted = LOGSTORE | {
        "eventname": "\\mod_forum\\event\\post_deleted", "objecttable": "forum_posts", "objectid": "5", "userid": "2", "relateduserid": "7"
    }  # fmt: skip
    done = LOGSTORE | {"eventname": "\\core\\event\\course_completed", "userid": "-1", "relateduserid": "7"}
    entries, report = moodle(json.dumps([deleted, done, done | {"userid": "7"}]))
    events, _ = appended(entries, enrolments=ONE | {"Laccount002": ["enrolment-2"]})
    assert [(e["event_type"], e["payload"]["enrolment_id"]) for e in events] == [
        ("post.voided", "enrolment-7"), ("result.recorded", "enrolment-7"), ("result.recorded", "enrolment-7"),
    ]  # fmt: skip
    assert not report.set_aside


def test_the_front_page_is_no_course_that_somebody_takes() -> None:
    entries, _ = moodle(
        json.dumps([LOGSTORE | {"eventname": "\\core\\event\\course_viewed", "courseid": "1", "contextlevel": "50"}])
    )
    assert entries[0].course == ""
    events, _ = appended(entries, opened_at="2021-08-31T16:00:00Z")
    assert [e["event_type"] for e in events] == ["platform.event_recorded"]


def test_what_may_count_is_written_once_and_the_rows_that_ship_are_good() -> None:
    assert vocabulary.platform_events() == MAKERS.keys() | {"enrolment.opened"}
    problems: list[Problem] = []
    typed("sources", SourceEvent, list(enumerate(map(dict, shipped_rows()), 2)), problems)
    assert problems == []


def test_a_row_of_a_pack_that_cannot_be_is_told() -> None:
    problems: list[Problem] = []
    row = {"platform": "moodle", "event": "x", "condition": "who=me", "learner": "all", "counts_as": "survey.answered"}
    typed("sources", SourceEvent, [(2, row)], problems)
    assert [problem.column for problem in problems] == ["condition", "learner", "counts_as"]


COURSE = "course-v1:X+Y+Z"
VIDEO = "block-v1:X+Y+Z+type@video+block@v1"
START = datetime(2020, 7, 15, 6, tzinfo=UTC)


def tracked(name: str, at_s: float = 0, user: int | str | None = 7, **said: Any) -> dict[str, Any]:
    return {
        "name": name, "event_type": name, "time": (START + timedelta(seconds=at_s)).isoformat(), "event_source": "browser",
        "session": "s1", "event": said, "context": {"user_id": user, "course_id": COURSE}, "username": "wangfang", "ip": "10.0.0.1",
    }  # fmt: skip


def watched(entries: Sequence[LogEntry]) -> list[tuple[str, float]]:
    events, _ = appended(entries, "openedx", enrolments=ONE)
    return [
        (e["payload"]["course_id"], e["payload"]["watched_s"]) for e in events if e["event_type"] == "video.watched"
    ]


def test_of_a_video_the_stretches_that_were_played_count_and_seeking_ends_one_and_begins_another() -> None:
    entries, _ = openedx(
        tracked("play_video", 0, id="v1", currentTime=0),
        tracked("seek_video", 60, id="v1", old_time=60, new_time=300),  # 60 s
        tracked("pause_video", 90, id="v1", currentTime=330),  # 30 s
        tracked("pause_video", 95, id="v1", currentTime=335),  # it did not run
        tracked("play_video", 100, id="v1", currentTime=330),
        tracked("pause_video", 110, id="v1", currentTime=900),  # 570 s of content in 10 s: its clock is wrong
        tracked("play_video", 200, id="v1", currentTime="10.5"),
        tracked("complete_video", 230, id="v1", duration=40),  # 29.5 s
    )
    assert watched(entries) == [(VIDEO, 60), (VIDEO, 30), (VIDEO, 29.5)]


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.integers(1, 100)), max_size=30))
def test_stretches_of_several_videos_add_up_to_what_was_played(moves: list[tuple[int, bool, int]]) -> None:
    """Each video plays or not; time passes; what ran while it played is its total, whatever the others do."""
    clock, position, running = 0, [0, 0, 0], [False, False, False]
    total: Counter[str] = Counter()
    lines, since = [], [0, 0, 0]
    for video, plays, passes in moves:
        clock += passes
        for v in range(3):
            position[v] += passes if running[v] else 0
        if plays and not running[video]:
            lines.append(tracked("play_video", clock, id=f"v{video}", currentTime=position[video]))
            since[video] = position[video]
        elif not plays:
            lines.append(tracked("pause_video", clock, id=f"v{video}", currentTime=position[video]))
            if running[video]:
                total[f"v{video}"] += position[video] - since[video]
        running[video] = plays
    found: Counter[str] = Counter()
    for name, seconds in watched(openedx(*lines)[0]):
        found[name.rpartition("@")[2]] += int(seconds)
    assert found == +total


def test_a_session_counts_when_it_is_first_met_and_a_line_that_comes_twice_is_one() -> None:
    first, second = tracked("edx.ui.lms.outline.selected", 0), tracked("edx.ui.lms.outline.selected", 60)
    entries, report = openedx(first, second, second)
    events, _ = appended(entries, "openedx", enrolments=ONE)
    assert [e["event_type"] for e in events] == ["session.started", *["content.accessed"] * 3]
    assert len({e["event_id"] for e in events}) == 3
    assert (report.rows["lines"], report.rows["sessions"]) == (3, 1)
    assert "wangfang" not in json.dumps(events)


def test_lines_as_loggers_and_browsers_write_them_say_the_same() -> None:
    plain = tracked("pause_video", 5, id="v1", currentTime=3)
    text = plain | {"event": json.dumps(plain["event"])}
    logged = f"2020-07-15 06:00:05,000 INFO 20 [tracking] [user None] [ip None] logger.py:41 - {json.dumps(plain)}"
    naive = plain | {"time": "2020-07-15T06:00:05"}
    routed = {k: v for k, v in plain.items() if k not in ("time", "event", "event_type", "session")} | {
        "timestamp": plain["time"], "data": plain["event"], "context": plain["context"] | {"session": "s1"},
    }  # fmt: skip
    (_, expected), _ = openedx(plain)
    for other in (text, logged, naive, routed):
        (_, entry), _ = openedx(other)
        assert entry._replace(identity="") == expected._replace(identity="")


def test_a_grade_is_of_whom_the_event_names_and_a_path_of_a_request_is_not_kept() -> None:
    graded = tracked(
        "edx.grades.subsection.grade_calculated", 0, user=2, user_id="7", block_id="block-v1:X", weighted_graded_earned=2, weighted_graded_possible=3
    )  # fmt: skip
    nothing = tracked(
        "edx.grades.subsection.grade_calculated",
        1,
        user_id="7",
        block_id="b",
        weighted_graded_earned=0,
        weighted_graded_possible=0,
    )
    request = tracked("/u/wangfang", 2)
    entries, _ = openedx(graded, nothing, request)
    events, report = appended(entries, "openedx", enrolments=ONE)
    grade = next(e for e in events if e["event_type"] == "assignment.graded")
    assert (grade["learner_key"], grade["payload"]["grade"]) == ("Laccount007", 66.666667)
    assert report.uncounted[("edx.grades.subsection.grade_calculated", "not_told")] == 1
    assert report.uncounted[("request", "not_named")] == 1
    assert "wangfang" not in json.dumps(events)


def test_lines_of_a_tracking_log_that_are_no_events_are_told() -> None:
    entries, report = openedx(
        tracked("play_video", user=None), "no json", '{"torn": ', '{"name": 5}', "{}", json.dumps(tracked("x") | {"time": "yesterday"})
    )  # fmt: skip
    assert entries == []
    assert {why: n for (_, why), n in report.set_aside.items()} == {
        "tells no user's number: a visitor, or the platform itself": 1, "no JSON": 1, "no JSON of an event": 2,
        "no event: it has no name": 1, "no such time": 1,
    }  # fmt: skip


def caliper(text: str) -> tuple[list[LogEntry], ImportReport]:
    read = Read()
    return list(read_caliper([text.encode()], "events", read.aside)), read.report


def told(kind: str, action: str, thing: Mapping[str, Any], at_s: float = 0, **more: Any) -> dict[str, Any]:
    return {
        "@context": "http://purl.imsglobal.org/ctx/caliper/v1p2", "id": f"urn:uuid:{kind}-{action}-{at_s}", "type": kind, "action": action,
        "actor": {"id": "https://example.edu/users/7", "type": "Person", "name": "Wang Fang"}, "object": thing,
        "eventTime": (START + timedelta(seconds=at_s)).isoformat(), "group": "https://example.edu/courses/1",
    } | more  # fmt: skip


def enveloped(*data: Mapping[str, Any]) -> str:
    return json.dumps({"sensor": "s", "sendTime": START.isoformat(), "dataVersion": "v1p2", "data": list(data)})


def test_the_events_of_an_envelope_count_and_its_entities_are_passed_over() -> None:
    video = {"id": "https://example.edu/v", "type": "VideoObject", "duration": "PT3M"}
    attempt = {
        "id": "a",
        "type": "Attempt",
        "assignee": {"id": "https://example.edu/users/7"},
        "assignable": "https://example.edu/quiz",
    }
    grader = {"actor": {"id": "https://example.edu/grader", "type": "SoftwareApplication"}}
    text = enveloped(
        {"id": "https://example.edu/users/7", "type": "Person", "name": "Wang Fang"},
        told("SessionEvent", "LoggedIn", {"id": "https://example.edu", "type": "SoftwareApplication"}),
        told("MediaEvent", "Started", video, 1),
        told("MediaEvent", "JumpedTo", video, 31, target={"currentTime": "PT30S", "extensions": {"newTime": "PT2M"}}),
        told("MediaEvent", "Ended", video, 92),
        told(
            "GradeEvent", "Graded", attempt, 100, generated={"type": "Score", "scoreGiven": 3, "maxScore": 4}, **grader
        ),
        told("MessageEvent", "Posted", {"id": "m", "isPartOf": {"id": "t"}, "body": "four", "replyTo": "m0"}, 110),
        told("AnnotationEvent", "Tagged", {"id": "x"}, 120),
        told("ViewEvent", "Viewed", {"id": "x"}, 130, **grader),
    )
    entries, report = caliper(text)
    assert (report.rows["lines"], report.rows["entities"]) == (8, 1)
    assert report.set_aside == Counter({("lines", "done by nobody: the actor is no person"): 1})
    events, counts = appended(entries, "caliper", enrolments=ONE)
    assert [(e["event_type"], e["learner_key"]) for e in events] == [
        (kind, "Laccount007")
        for kind in (
            "session.started", "platform.event_recorded", "video.watched", "video.watched", "assignment.graded", "post.published",
            "platform.event_recorded",
        )
    ]  # fmt: skip
    assert [e["payload"].get("watched_s") for e in events[2:4]] == [30, 60]
    assert (events[4]["payload"]["grade"], events[4]["payload"]["assignment_id"]) == (75, "https://example.edu/quiz")
    assert (events[5]["payload"]["kind"], events[5]["payload"]["characters"]) == ("reply", 4)
    assert counts.uncounted == Counter(
        {("MediaEvent Started", "not_named"): 1, ("AnnotationEvent Tagged", "not_named"): 1}
    )
    assert "Wang" not in json.dumps(events)
    # An event alone, a list and one a line say the same as the envelope.
    alone = told("ViewEvent", "Viewed", {"id": "x"}, 5)
    for other in (json.dumps(alone), json.dumps([alone]), enveloped(alone) + "\n"):
        assert len(caliper(other)[0]) == 1


def test_json_that_is_no_caliper_is_refused() -> None:
    with pytest.raises(BadSource, match="no Caliper"):
        caliper('{"statement": 1}')
