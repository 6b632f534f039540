"""Rosters: what cells, columns and places mean, and what a roster comes to beside what is known."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.events import parse_time
from ingest.log.port import NewRecord
from ingest.sources.roster import (
    Change,
    Entry,
    Fact,
    Ledger,
    Mapped,
    Place,
    Places,
    SheetRead,
    Standing,
    Why,
    decide,
    read_entries,
    read_mapping,
    write_mapping,
)
from ingest.sources.roster.columns import field_named
from ingest.sources.roster.events import RosterEvents
from ingest.sources.roster.ledger import no_class
from ingest.sources.roster.places import Groups, Labels, plain_county, plain_stage, plain_subject
from ingest.sources.roster.recognising import Person
from ingest.sources.roster.values import date_of, id_number_of, name_of, phone_of, text_of
from ingest.sources.tables import Cell, Sheet
from tests.rosters import id_number
from warehouse.errors import BadConfiguration

# Cells.

_NUMBERS = st.integers(0, 20_000).map(id_number)


def _noisy(text: str, seed: int) -> str:
    rng = random.Random(seed)
    wide = [chr(ord(c) + 0xFEE0) if rng.random() < 0.3 else c for c in text]
    return "".join(c + rng.choice(["", "", "", " ", "\u3000", "\u200b"]) for c in wide)


@given(_NUMBERS, st.integers())
def test_an_id_number_is_read_however_it_is_written(number: str, seed: int) -> None:
    assert id_number_of(_noisy(number.lower(), seed)) == (number, None)
    assert id_number_of(f"'{number}") == (number, None)
    assert id_number_of(number[:6] + number[8:17]) == (number, None), "15 places, of the 1900s"


@given(_NUMBERS, st.integers(0, 16), st.integers(1, 9))
def test_a_wrong_digit_is_told(number: str, place: int, more: int) -> None:
    wrong = number[:place] + str((int(number[place]) + more) % 10) + number[place + 1 :]
    value, why = id_number_of(wrong)
    assert value == ""
    assert why in (Why.WRONG_ID_NUMBER, Why.LOST_DIGITS)


@given(_NUMBERS)
def test_digits_that_a_spreadsheet_has_lost_are_told_and_never_guessed(number: str) -> None:
    as_number = float(number[:17] + "0")
    assert id_number_of(as_number) == ("", Why.LOST_DIGITS)
    assert id_number_of(f"{as_number:.5E}") == ("", Why.LOST_DIGITS)
    assert id_number_of(f"{number[:15]}000") == ("", Why.LOST_DIGITS)


@pytest.mark.parametrize("text", ["1234", "62050219900230123X", "620502199013011234", "12345678901234567"])
def test_what_is_no_id_number_is_told(text: str) -> None:
    assert id_number_of(text) == ("", Why.WRONG_ID_NUMBER)


def test_other_documents_are_known_by_their_letters() -> None:
    assert id_number_of("h1234567(8)") == ("", Why.WRONG_ID_NUMBER)
    assert id_number_of(" H12345678 ") == ("H12345678", None)


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        (13800138000.0, ("13800138000", True, None)),
        ("+86 138-0013-8000", ("13800138000", True, None)),
        ("8613800138000", ("13800138000", True, None)),
        ("０９３８－８２１２３４５／１３８００１３８０００", ("13800138000", True, None)),
        ("(0938) 8212345", ("09388212345", False, None)),
        ("1.38E+10", ("", False, Why.LOST_PHONE)),
        ("138001380", ("", False, Why.WRONG_PHONE)),
        ("无", ("", False, Why.WRONG_PHONE)),
        ("", ("", False, None)),
    ],
)
def test_phones(cell: str | float, found: tuple[str, bool, Why | None]) -> None:
    assert phone_of(cell) == found


@pytest.mark.parametrize(
    ("cell", "name", "why"),
    [
        ("张　三 ", "张三", None),
        ("\ufeff欧阳\xa0娜娜", "欧阳娜娜", None),
        (" Mary  Ann Lee", "Mary Ann Lee", None),
        ("买买提·吐尔逊", "买买提·吐尔逊", None),
        ("", "", Why.NO_NAME),
        (13800138000.0, "", Why.NOT_A_NAME),
        ("13800138000", "", Why.NOT_A_NAME),
    ],
)
def test_names(cell: str | float, name: str, why: Why | None) -> None:
    assert name_of(cell) == (name, why)


@given(st.dates(date(1955, 1, 1), date(2090, 1, 1)))
def test_dates_are_read_however_they_are_written(day: date) -> None:
    serial = (day - date(1899, 12, 30)).days
    for cell in (
        day, datetime(day.year, day.month, day.day, 8),  # noqa: DTZ001 - a cell has no zone
        float(serial), str(serial), day.isoformat(), f"{day:%Y%m%d}",
        f"{day.year}年{day.month}月{day.day}日", f"{day.year}/{day.month}/{day.day}", f"{day.year}.{day.month}.{day.day}",
    ):  # fmt: skip
        assert date_of(cell) == (day, None)
    assert date_of("2017-13-01") == (None, Why.WRONG_DATE)
    assert date_of("国庆后") == (None, Why.WRONG_DATE)


# Columns and places.


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("姓 名", "name"), ("学员姓名*", "name"), ("Full Name", "name"), ("身份证号码（18位）", "id_number"), ("证件号", "id_number"),
        ("联系电话", "phone"), ("手机号(必填)", "phone"), ("所在区县", "county"), ("县（区）", "county"), ("区/县", "county"),
        ("任职学校全称", "school"), ("工作单位", "school"), ("任教学科", "subject"), ("学段", "school_stage"), ("研修班级", "class"),
        ("任教班级", None), ("平台账号", "account"), ("市", "city"), ("异动日期", "since"), ("序号", None), ("备注", None), ("", None),
    ],
)  # fmt: skip
def test_columns_are_known_by_their_names(name: str, field: str | None) -> None:
    assert field_named(name) == field


_COUNTIES = [
    ("shizhi", ("天水市市直", "City-direct schools")),
    ("qinzhou", ("秦州区", "Qinzhou")),
    ("wushan", ("武山县", "Wushan")),
]


@pytest.mark.parametrize(
    ("text", "county"),
    [
        ("秦州区", "qinzhou"), ("秦州", "qinzhou"), ("甘肃省天水市秦州区", "qinzhou"), ("QINZHOU", "qinzhou"), ("武 山 县", "wushan"),
        ("市直", "shizhi"), ("市直属学校", "shizhi"), ("天水市市直", "shizhi"), ("秦安县", None), ("", None),
    ],
)  # fmt: skip
def test_counties(text: str, county: str | None) -> None:
    assert Labels(_COUNTIES, plain_county).find(text) == county


def test_the_mapping_file_says_what_a_text_means() -> None:
    told = {"秦安县": "qinzhou", "麦积": "", "清水": "nowhere"}
    labels = Labels(_COUNTIES, plain_county, told)
    assert [labels.find(text) for text in ("秦安县", "麦积", "清水")] == ["qinzhou", None, None]


def test_two_of_one_short_name_are_not_told_apart_by_guessing() -> None:
    labels = Labels([("a", ("安阳县", "A")), ("b", ("安阳市", "B"))], plain_county)
    assert labels.find("安阳") is None
    assert labels.find("安阳县") == "a"


def test_subjects_and_stages() -> None:
    subjects = Labels([("chinese", ("语文", "Chinese")), ("it", ("信息技术", "Information technology"))], plain_subject)
    assert [subjects.find(t) for t in ("小学语文", "语文", "信息", "IT", "舞蹈")] == [
        "chinese",
        "chinese",
        "it",
        "it",
        None,
    ]
    stages = Labels([("kindergarten", ("幼儿园", "Kindergarten")), ("senior", ("高中", "Senior"))], plain_stage)
    assert [stages.find(t) for t in ("学前", "普通高中", "大学")] == ["kindergarten", "senior", None]


def test_a_school_is_one_however_its_place_is_written_before_it() -> None:
    schools = Groups("school", dict(_COUNTIES))
    ids = {
        schools.find("qinzhou", t)
        for t in ("太京中学", "秦州区太京中学", "天水市秦州区太京中学", " 太京　中学", "甘肃省天水市太京中学")
    }
    assert len(ids) == 1
    assert schools.find("wushan", "太京中学") not in ids
    # The city's first school is not the county's.
    assert schools.find("qinzhou", "天水市第一中学") != schools.find("qinzhou", "秦州区第一中学")
    assert schools.find("qinzhou", "第一中学") == schools.find("qinzhou", "秦州区第一中学")


def test_groups_that_are_known_keep_their_ids() -> None:
    classes = Groups("class", dict(_COUNTIES), {"天水三班": "c3"})
    classes.add("class-027", "qinzhou", "秦州27班")
    assert (
        classes.find("qinzhou", "２７班")
        == classes.find("qinzhou", "秦州27班")
        == classes.find("qinzhou", "class-027")
        == "class-027"
    )
    assert classes.find("qinzhou", "天水三班") == "c3"
    assert not classes.new
    made = classes.find("wushan", "27班")
    assert made.startswith("class-wushan-")
    assert classes.new[made].label == "27班"
    assert Groups("class", dict(_COUNTIES)).find("wushan", "武山27班") == made, "an id follows from the name alone"


_TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=10)


@given(st.dictionaries(_TEXT, st.sampled_from(["", "name", "phone"])), st.dictionaries(_TEXT, _TEXT), _TEXT)
def test_a_mapping_file_says_what_was_written_into_it(
    columns: dict[str, str], schools: dict[str, str], page: str
) -> None:
    mapped = Mapped(columns=columns, counties={"甲": ""}, schools=schools, home_page=page)
    assert read_mapping(write_mapping(mapped), "roster.toml") == mapped


@pytest.mark.parametrize("text", ["[columns]\n甲 = 'shoe size'", "[colours]", "columns = 1", "not toml"])
def test_a_wrong_mapping_file_is_refused(text: str) -> None:
    with pytest.raises(BadConfiguration, match=r"roster\.toml"):
        read_mapping(text, "roster.toml")


# Sheets.

_CELLS = (
    st.text(max_size=12) | st.floats() | st.booleans() | st.dates() | st.datetimes() | st.times() | st.timedeltas()
    | st.sampled_from(["姓名", "手机号", "合计", "秦州区", "语文", "13800138000", "9" * 5_000])
)  # fmt: skip


def _places() -> Places:
    counties = dict(_COUNTIES)
    return Places(
        Labels(_COUNTIES, plain_county), Labels([("chinese", ("语文", "Chinese"))], plain_subject), Labels([], plain_stage),
        Groups("school", counties), Groups("class", counties),
    )  # fmt: skip


@given(st.lists(st.lists(_CELLS, min_size=5, max_size=5), max_size=8))
def test_every_row_is_accounted_for_whatever_stands_in_it(rows: list[list[Cell]]) -> None:
    head: list[Cell] = ["姓名", "身份证号", "手机号", "区县", "变动日期"]
    read = SheetRead("s")
    entries = list(read_entries(Sheet("s", [head, *rows]), Mapped(), _places(), read))
    blank = sum(not any(text_of(cell) for cell in row) for row in rows)
    assert len(entries) + read.beside + blank == len(rows)
    assert [entry.row for entry in entries] == sorted({entry.row for entry in entries})
    for entry in entries:
        assert entry.why is not None or (entry.name and entry.county_id and (entry.id_number or entry.is_mobile))


def test_what_is_about_nobody_is_passed_over() -> None:
    rows: list[list[Cell]] = [
        ["秦州区名册　2017年9月20日", "", ""], ["填报日期：2017-10-12", "", ""], ["姓名", "手机号", "区县"], ["甲乙", "13800138000", ""],
        ["", "", ""], ["姓名", "手机号", "区县"], ["丙丁", "13800138001", "武山"], ["合计", 2.0, ""], ["填表人：某某", "", ""],
    ]  # fmt: skip
    read = SheetRead("s")
    entries = list(read_entries(Sheet("秦州", rows), Mapped(), _places(), read))
    assert [(e.row, e.county_id, e.since) for e in entries] == [
        (4, "qinzhou", date(2017, 10, 12)),
        (7, "wushan", date(2017, 10, 12)),
    ]
    assert read.beside == 3


# What it comes to.

_A = Place("c1", "s1", "k1", "chinese", "primary")
_NOTHING = Place(None, None, None, None, None)


def _open(place: Place = _A, at: int = 10, *, is_open: bool = True, enrolment: str = "e") -> Standing:
    return Standing(enrolment, is_open, at, "event", place)


@pytest.mark.parametrize(
    ("said", "standings", "more", "change", "place"),
    [
        (_A, [], {}, Change.NEW, _A),
        (_A._replace(class_id=None), [], {}, Change.NEW, _A._replace(class_id=no_class("k1"))),
        (_A, [_open()], {}, Change.SAME, _A),
        (_A, [_open()], {"is_changed": True}, Change.CHANGED, _A),
        (_NOTHING._replace(county_id="k1"), [_open()], {}, Change.SAME, _A),
        (_A._replace(class_id="c2"), [_open()], {}, Change.MOVED, _A._replace(class_id="c2")),
        (_NOTHING._replace(county_id="k2"), [_open()], {}, Change.MOVED, Place(no_class("k2"), None, "k2", "chinese", "primary")),
        (_A, [_open(is_open=False)], {}, Change.BACK, _A),
        (_A, [_open()], {"leaves": True}, Change.GONE, _A),
        (_A, [_open(is_open=False)], {"leaves": True}, Change.SAME, _A),
        (_A, [], {"leaves": True}, Change.SAME, _A),
    ],
)  # fmt: skip
def test_what_an_entry_comes_to(
    said: Place, standings: list[Standing], more: dict[str, bool], change: Change, place: Place
) -> None:
    verdict = decide(said, standings, 10, leaves=more.get("leaves", False), is_changed=more.get("is_changed", False))
    assert (verdict.change, verdict.place, verdict.why) == (change, place, None)


def test_what_is_later_stands_and_what_is_several_is_unclear() -> None:
    moved = _A._replace(class_id="c2")
    assert decide(moved, [_open(at=11)], 10, leaves=False, is_changed=False).why is Why.KNOWN_LATER
    assert decide(_A, [_open(at=11)], 10, leaves=True, is_changed=False).why is Why.KNOWN_LATER
    assert decide(_A, [_open(at=11)], 10, leaves=False, is_changed=False).change is Change.SAME
    several = [_open(), _open(enrolment="f")]
    assert decide(_A, several, 10, leaves=False, is_changed=False).why is Why.SEVERAL_ENROLMENTS


def _entry(row: int, who: str, place: Place, **more: object) -> tuple[Entry, Person]:
    """An entry of somebody: ``who`` has an id number, a phone and a name, in this order, of one letter each, or - for none."""
    entry = Entry(
        row, county_id=place.county_id, school_id=place.school_id, class_id=place.class_id, subject_id=place.subject_id
    )
    entry.school_stage = place.school_stage
    number, phone, name = (None if c == "-" else c.encode() for c in who)
    return entry, Person(number, phone, None, name, frozenset(), **more)  # type: ignore[arg-type]


def _changes(said: list[tuple[Entry, Person]]) -> list[tuple[str, str]]:
    with closing(Ledger()) as ledger:
        ledger.know_all()
        ledger.say(0, "s", said)
        ledger.compare()
        return [
            (str(verdict.change), " ".join(verdict.notes) or str(verdict.why or ""))
            for _, _, verdict in ledger.verdicts(date(2017, 10, 1), lambda day: 0)
        ]


def test_rows_of_one_person_are_one() -> None:
    other = _A._replace(subject_id="english")
    assert _changes([_entry(1, "1pa", _A), _entry(2, "1pa", _A)]) == [("new", ""), ("twice", "twice")]
    assert _changes([_entry(1, "1pa", _A), _entry(2, "1qa", other)]) == [("unclear", "twice_elsewhere")] * 2
    # Without an id number, by phone and name.
    assert _changes([_entry(1, "-pa", _A), _entry(2, "1pa", _A)]) == [("new", ""), ("twice", "twice")]
    assert _changes([_entry(1, "-pa", _A), _entry(2, "-pa", _A), _entry(3, "-qa", _A)])[1:] == [
        ("twice", "twice"),
        ("new", ""),
    ]


def test_a_phone_that_several_have_tells_nobody() -> None:
    assert _changes([_entry(1, "1pa", _A), _entry(2, "2pb", _A)]) == [("new", "shared_phone")] * 2
    assert _changes([_entry(1, "1pa", _A), _entry(2, "-pb", _A)]) == [
        ("new", "shared_phone"),
        ("set_aside", "no_identity"),
    ]


# Rosters one after another, against plain Python.


class _Log:
    """Keeps the records of rosters, and gives them back as facts."""

    def __init__(self) -> None:
        self.records: list[NewRecord] = []

    def facts(self) -> Iterator[Fact]:
        for offset, record in enumerate(self.records):
            said = msgspec.json.decode(record.value)
            at = round(parse_time(said["occurred_at"]).timestamp() * 1e6)
            place = Place(*(said["payload"].get(name) for name in Place._fields))
            yield Fact(
                said["event_id"],
                said["event_type"],
                said["payload"]["enrolment_id"],
                at,
                offset,
                0,
                offset,
                said["learner_key"],
                place,
            )


_START = datetime(2017, 10, 1, tzinfo=UTC)


def _at(day: int) -> int:
    return round((_START + timedelta(days=day)).timestamp() * 1e6)


def _import(log: _Log, day: int, roster: dict[str, Place]) -> dict[str, str]:
    """Import a roster of people that the vault knows by their names; returns what each came to."""
    came_to = {}
    events = RosterEvents("p")
    with closing(Ledger()) as ledger:
        ledger.know(log.facts())
        ledger.know_all()
        said = []
        for row, (who, place) in enumerate(roster.items()):
            entry, person = _entry(row, "---", place, person_key=f"L{who}")
            person.keys = frozenset({f"L{who}"})
            said.append((entry, person))
        ledger.say(0, "s", said)
        ledger.compare()
        records = []
        for _, _, verdict in ledger.verdicts(date(2017, 10, 1), lambda _: _at(day)):
            key, place, standing = verdict.person_key, verdict.place, verdict.standing
            assert key is not None
            came_to[key[1:]] = str(verdict.change)
            if verdict.change in (Change.NEW, Change.BACK):
                assert place is not None
                records.append(events.opened(key, place, _at(day), standing, None))
            elif verdict.change is Change.MOVED:
                assert place is not None
                assert standing is not None
                records.append(events.transferred(key, place, _at(day), standing))
        for gone in ledger.gone(_at(day), by_school=False):
            came_to[gone.learner_key[1:]] = "gone"
            records.append(events.withdrawn(gone.learner_key, _at(day), gone.standing))
    log.records += records
    return came_to


_PLACES = st.builds(
    lambda county, school, klass, subject: Place(f"{county}c{klass}", f"{county}s{school}", county, subject, "primary"),
    st.sampled_from("xyz"), st.integers(1, 2), st.integers(1, 2), st.sampled_from(["chinese", "english"]),
)  # fmt: skip


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.dictionaries(st.sampled_from("abcdef"), _PLACES, min_size=1)), max_size=6)
)
def test_rosters_one_after_another(rosters: list[tuple[int, dict[str, Place]]]) -> None:
    log, day = _Log(), 0
    taking: dict[str, Place] = {}
    left: set[str] = set()
    for later, roster in rosters:
        day += later
        expected = {}
        for who, place in roster.items():
            if who in taking:
                expected[who] = "same" if taking[who] == place else "moved"
            else:
                expected[who] = "back" if who in left else "new"
        covered = {place.county_id for place in roster.values()}
        for who, place in taking.items():
            if who not in roster and place.county_id in covered:
                expected[who] = "gone"
        assert _import(log, day, roster) == expected
        for who, change in expected.items():
            if change == "gone":
                del taking[who]
                left.add(who)
        taking |= roster
        left -= roster.keys()
        again = len(log.records)
        assert set(_import(log, day, roster).values()) == {"same"}
        assert len(log.records) == again
        assert len({msgspec.json.decode(r.value)["event_id"] for r in log.records}) == again


def test_an_older_roster_withdraws_nobody_where_something_later_is_known() -> None:
    log = _Log()
    _import(log, 0, {"a": _A, "b": _A, "c": _A})
    _import(log, 10, {"a": _A, "b": _A._replace(class_id="c2"), "c": _A})
    assert _import(log, 5, {"a": _A}) == {"a": "same"}
    assert _import(log, 10, {"a": _A}) == {"a": "same", "b": "gone", "c": "gone"}
