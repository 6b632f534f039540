"""Rosters of 6,983 people from workbook to marts: what a second one changes, to the digit, and that nobody is named on the way."""

from __future__ import annotations

import csv
import json
import random
import re
import shutil
import stat
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pytest

from ingest.identity import KeyFile, Vault
from ingest.programmes.folders import find_packs
from tests.command_line import xueqing
from tests.conftest import ROOT
from tests.oracle import Oracle, Rules
from tests.rosters import COUNTIES, FAULTS, Line, Office, Teacher, _cells
from tests.warehouse_help import raw_records, status_cells
from warehouse.query import connect

P = "tianshui-2017"
_FAULTS_EACH = 10
_BEFORE, _AFTER = date(2017, 10, 20), date(2017, 11, 2)


@dataclass
class Programme:
    """A home into which two rosters were imported, and who takes part by plain counting."""

    home: Path
    office: Office
    first: list[Line]
    second: list[Line]
    expected: Counter[str]
    told: list[str]
    before: dict[int, Teacher]
    after: dict[int, Teacher]


def _counts(stdout: str) -> Counter[str]:
    """The table of changes as it is printed."""
    rows = re.findall(r"^(new|back|moved|changed|same|gone|twice|unclear|set aside) +([\d,]+)", stdout, re.M)
    return Counter({name.replace(" ", "_"): int(count.replace(",", "")) for name, count in rows})


def _second(office: Office, before: dict[int, Teacher]) -> tuple[list[Line], Counter[str], dict[int, Teacher]]:
    """A second roster, of two of the three counties: some have moved, within their county and to the other, some are gone or new."""
    rng = random.Random(7)
    covered = [t for t in office.teachers if t.county != "wushan"]
    enrolled = [t.number for t in covered if t.number in before]
    # Of people whose first row was whole: what was wrong in a row says something new in the next roster.
    whole = [
        line.teacher.number for line in office.lines(_FAULTS_EACH) if not line.fault and line.teacher.county != "wushan"
    ]
    picked = rng.sample(whole, 120)
    within, across, gone, phone = picked[:50], picked[50:65], picked[65:95], picked[95:]
    after, lines, expected = dict(before), [], Counter[str]()
    says_more = {"landline", "phone_lost", "shared_phone"}
    faults = {line.teacher.number: line.fault for line in office.lines(_FAULTS_EACH)}
    for t in covered:
        if t.number in gone:
            del after[t.number]
            expected["gone"] += 1
            continue
        change = "same" if t.number in before else "new"
        if faults[t.number] in says_more:
            change = "changed"
        if t.number in within:
            t, change = replace(t, klass="研修十班", school="新阳镇中学"), "moved"
        elif t.number in across:
            t, change = replace(t, county="qinzhou" if t.county == "shizhi" else "shizhi"), "moved"
        elif t.number in phone:
            t, change = replace(t, phone=f"19{t.number + 100_000_000}"), "changed"
        after[t.number] = t
        expected[change] += 1
        lines.append(Line(t, _cells(t)))
    for n in range(40):
        t = office.teacher(10_000 + n, "qinzhou", rng)
        after[t.number] = t
        expected["new"] += 1
        lines.append(Line(t, _cells(t)))
    # Of two whose id numbers have lost digits one is recognised by nothing but the name: neither is withdrawn.
    for number, name in zip((enrolled[3], enrolled[7]), ("手机号", "身份证号"), strict=True):
        (line,) = [line for line in lines if line.teacher.number == number]
        expected["same" if line.teacher == before[number] else "moved"] -= 1
        expected["set_aside"] += 1
        after[number] = before[number]
        line.cells |= {"身份证号": 6.20502196501010e17} | ({"手机号": ""} if name == "手机号" else {})
    return lines, +expected, after


@pytest.fixture(scope="module")
def programme(tmp_path_factory: pytest.TempPathFactory) -> Programme:
    folder = tmp_path_factory.mktemp("rosters")
    home, book, later = folder / "home", folder / "花名册.xlsx", folder / "第二次花名册.xlsx"
    office = Office()
    first = office.lines(_FAULTS_EACH)
    office.write(book, first)
    told = []

    def run(*arguments: str) -> str:
        done = xueqing(home, "import", "roster", *arguments, "-p", P, "--lang", "en")
        told.append(done.stdout + done.stderr)
        assert done.returncode == 0, done.stderr
        return done.stdout

    expected = Counter(office.expected.values())
    assert _counts(run(str(book))) == expected
    assert not (home / "lake").exists()
    assert (
        _counts(run(str(book), "--apply", "--map", str(folder / "roster.toml"), "--list", str(folder / "list.csv")))
        == expected
    )
    records = len(raw_records(home / "log.sqlite"))
    again = _counts(run(str(book), "--apply"))
    assert again == Counter(same=expected["new"]) + Counter({k: n for k, n in expected.items() if k != "new"})
    assert len(raw_records(home / "log.sqlite")) == records, "an import that is run again changes nothing"
    # What an import knows was in the log alone; the next one asks the lake.
    assert xueqing(home, "sink").returncode == 0

    before = {line.teacher.number: line.teacher for line in first if line.change == "new"}
    assert len(before) == expected["new"]
    second, changes, after = _second(office, before)
    office.write(later, second, "2017-11-01")
    assert _counts(run(str(later), "--apply")) == changes
    calm = Counter({k: n for k, n in changes.items() if k == "set_aside"})
    calm["same"] = changes.total() - calm["set_aside"] - changes["gone"]
    assert _counts(run(str(later), "--apply")) == calm
    assert xueqing(home, "sink").returncode == 0
    built = xueqing(home, "build")
    assert built.returncode == 0, built.stderr
    return Programme(home, office, first, second, changes, told, before, after)


@pytest.mark.parametrize("day", [_BEFORE, _AFTER])
def test_the_marts_have_who_the_rosters_have(programme: Programme, day: date) -> None:
    published = programme.home / "warehouse" / "xueqing.duckdb"
    people = (programme.before if day == _BEFORE else programme.after).values()
    with connect(published) as con:
        rows = con.execute(
            "select county_id, subject_id, school_stage, count(*) from dim_enrolments where programme_id = ? and is_participating"
            " and valid_from_on <= ? and valid_to_on > ? group by all",
            [P, day, day],
        ).fetchall()
        groups = con.execute(
            "select count(distinct class_id), count(distinct school_id) from dim_enrolments where programme_id = ? and is_participating"
            " and valid_from_on <= ? and valid_to_on > ?",
            [P, day, day],
        ).fetchone()
    assert {row[:3]: row[3] for row in rows} == Counter((t.county, t.subject, t.stage) for t in people)
    assert groups == (len({(t.county, t.klass) for t in people}), len({(t.county, t.school) for t in people}))


@pytest.mark.parametrize("day", [_BEFORE, _AFTER])
def test_the_status_is_the_oracles(programme: Programme, day: date) -> None:
    oracle = Oracle.read(raw_records(programme.home / "log.sqlite"), Rules(ROOT / "programmes" / P), P)
    assert oracle.status(day) == status_cells(programme.home / "warehouse" / "xueqing.duckdb", P, day)


def test_schools_and_classes_are_named_once(programme: Programme) -> None:
    named = [e["payload"] for e in _events(programme.home) if e["event_type"] == "group.named"]
    assert len({(p["kind"], p["group_id"]) for p in named}) == len(named)
    people = [*programme.before.values(), *programme.after.values()]
    assert {(p["kind"], p["county_id"], p["label_zh"]) for p in named} == {
        *(("class", t.county, t.klass) for t in people), *(("school", t.county, t.school) for t in people)
    }  # fmt: skip


def _events(home: Path) -> list[dict[str, dict[str, str]]]:
    return [json.loads(raw.value) for raw in raw_records(home / "log.sqlite") if raw.value]


def test_nobody_is_named_on_the_way(programme: Programme) -> None:
    """Neither in the log, nor in the lake, nor in what is printed, nor in the mapping and the list."""
    folder = programme.home.parent
    texts = [json.dumps(event, ensure_ascii=False) for event in _events(programme.home)]
    texts += [*programme.told, (folder / "roster.toml").read_text(), (folder / "list.csv").read_text()]
    texts += [file.read_bytes().decode("latin-1") for file in (programme.home / "lake").rglob("*.json")]
    people = [*programme.before.values(), *programme.after.values()]
    said = set(texts)
    for names in ({t.name for t in people}, {t.phone for t in people}, {t.id_number for t in people}):
        length = len(min(names))
        assert {len(name) for name in names} == {length}
        assert not names & {text[n : n + length] for text in said for n in range(len(text))}


def test_the_vault_has_who_is_enrolled(programme: Programme) -> None:
    key = KeyFile.parse((programme.home / "vault.key").read_text())
    keys = {e["learner_key"] for e in _events(programme.home) if e["event_type"] == "enrolment.opened"}
    with closing(Vault(programme.home / "vault.sqlite", key)) as vault:
        details = [vault.show(str(k)) for k in keys]
    numbers = {t.id_number: t for t in [*programme.before.values(), *programme.after.values()]}
    assert {d["id_number"] for d in details} == set(numbers)
    latest = {t.id_number: t for t in [*programme.before.values(), *programme.after.values()]}
    for d in details:
        assert d["name"] == latest[d["id_number"]].name


def test_the_senders_copy_says_why(programme: Programme) -> None:
    file = programme.home.parent / "花名册-returned.xlsx"
    assert not (programme.home / "rejected").exists()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    book = openpyxl.load_workbook(file)
    source = openpyxl.load_workbook(programme.home.parent / "花名册.xlsx")
    programme.office.write(programme.home.parent / "again.xlsx", programme.first)
    told: dict[tuple[str, int], str] = {}
    for sheet in source.worksheets:
        for own, copy in zip(sheet.iter_rows(), book[sheet.title].iter_rows(), strict=True):
            assert [c.value for c in copy[: len(own)]] == [c.value for c in own]
            if len(copy) > len(own) and copy[-1].value:
                told[sheet.title, copy[-1].row] = copy[-1].value
    noted = {key for key, why in told.items() if "taken, but" in why or why == "Why it was not taken"}
    expected = {key for key, change in programme.office.expected.items() if change != "new"}
    assert told.keys() - noted == expected
    assert [sheet.merged_cells.ranges for sheet in source] == [sheet.merged_cells.ranges for sheet in book]
    with ZipFile(file) as parts:
        assert parts.testzip() is None


def test_the_list_has_every_row_and_nobody(programme: Programme) -> None:
    with (programme.home.parent / "list.csv").open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    count = sum(int(row["last_row"]) - int(row["first_row"]) + 1 for row in rows if row["change"] == "new")
    assert count == len(programme.before)


def test_each_usual_fault_is_there() -> None:
    assert len(FAULTS) >= 20
    assert sum(size for _, size in COUNTIES.values()) == 6_983
    assert set(COUNTIES) == {row["county_id"] for row in find_packs(None)[P].tables["counties"]}


# Small rosters: other files, the mapping, the scope.


def _people(count: int, start: int = 0) -> list[Teacher]:
    rng = random.Random(5)
    return [Office.teacher(start + n, "qinzhou", rng) for n in range(count)]


def _text(file: Path, teachers: list[Teacher], encoding: str = "utf-8", **renamed: str) -> Path:
    """A roster as text, with some columns called otherwise."""
    names = ["区县", "姓名", "身份证号", "手机号", "学校", "学段", "学科", "班级"]
    with file.open("w", encoding=encoding, newline="") as out:
        writer = csv.writer(out, delimiter="\t" if encoding == "utf-16" else ",")
        writer.writerow([renamed.get(name, name) for name in names])
        writer.writerows([[_cells(t)[name] for name in names] for t in teachers])
    return file


def _roster(home: Path, file: Path, *more: str) -> tuple[int, Counter[str], str]:
    done = xueqing(home, "import", "roster", str(file), "-p", P, "--lang", "en", *more)
    return done.returncode, _counts(done.stdout), done.stdout + done.stderr


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
def test_text_files_come_back_as_they_were(tmp_path: Path, encoding: str) -> None:
    people = _people(5)
    file = _text(tmp_path / "名册.csv", [*people, people[2]], encoding)
    code, counts, _ = _roster(tmp_path / "home", file, "--apply", "--returned", str(tmp_path / "back"))
    assert (code, counts) == (0, Counter(new=5, twice=1))
    own = file.read_text(encoding=encoding).splitlines()
    back = (tmp_path / "back" / "名册-returned.csv").read_text(encoding=encoding).splitlines()
    mark = "\t" if encoding == "utf-16" else ","
    assert back[0] == f"{own[0]}{mark}Why it was not taken"
    assert back[1:6] == [f"{line}{mark}" for line in own[1:6]]
    assert back[6].startswith(f"{own[6]}{mark}stands twice")


def test_the_copy_can_be_corrected_and_imported(tmp_path: Path) -> None:
    office = Office(share=0.01)
    lines = office.lines(1)
    office.write(tmp_path / "a.xlsx", lines)
    missing = sum(change in ("set_aside", "unclear") for change in office.expected.values())
    _roster(tmp_path / "home", tmp_path / "a.xlsx", "--apply", "--returned", str(tmp_path))
    copy = tmp_path / "a-returned.xlsx"
    book = openpyxl.load_workbook(copy)
    by_number = {line.teacher.number: line for line in lines}
    for sheet in book.worksheets[1:]:
        for row in sheet.iter_rows(min_row=5):
            if "no name" in str(row[-1].value):
                row[2].value = next(line.teacher.name for line in by_number.values() if line.fault == "no_name")
    book.save(copy)
    code, counts, _ = _roster(tmp_path / "home", copy, "--apply", "--returned", str(tmp_path))
    assert (code, counts["new"]) == (0, 1)
    assert counts["set_aside"] + counts["unclear"] == missing - 1
    again = openpyxl.load_workbook(tmp_path / "a-returned-returned.xlsx")
    assert again.worksheets[1].max_column == book.worksheets[1].max_column, (
        "the column of reasons is written anew, not once more"
    )


def test_the_mapping_says_what_columns_and_places_are(tmp_path: Path) -> None:
    file, mapping = _text(tmp_path / "a.csv", _people(4), 区县="片区", 手机号="联络"), tmp_path / "roster.toml"
    home = tmp_path / "home"
    _, counts, said = _roster(home, file, "--map", str(mapping))
    assert counts == Counter(set_aside=4)
    assert "for the first time" not in said
    assert "there is no county" in said
    assert stat.S_IMODE(mapping.stat().st_mode) == 0o600
    told = mapping.read_text(encoding="utf-8")
    mapping.write_text(
        told.replace('"片区" = ""', '"片区" = "county"').replace('"联络" = ""', '"联络" = "phone"'), encoding="utf-8"
    )
    assert _roster(home, file, "--map", str(mapping))[1] == Counter(new=4)
    mapping.write_text(
        mapping.read_text(encoding="utf-8")
        .replace('"county"', '"city"')
        .replace("[counties]", '[counties]\n"秦州区" = "wushan"')
    )
    assert _roster(home, file, "--map", str(mapping), "--apply")[1] == Counter(new=4)
    assert {e["payload"]["county_id"] for e in _events(home)} == {"wushan"}


def test_what_looks_like_a_part_of_a_county_withdraws_nobody_unasked(tmp_path: Path) -> None:
    home, everybody = tmp_path / "home", _people(40)
    school = replace(everybody[0], school="新阳镇中学")
    everybody[0] = school
    _roster(home, _text(tmp_path / "a.csv", everybody), "--apply")
    part = _text(tmp_path / "b.csv", [school])
    code, counts, said = _roster(home, part, "--as-of", "2017-11-01")
    assert (code, counts) == (0, Counter(same=1, gone=39))
    assert "--scope school" in said
    before = len(_events(home))
    code, _, said = _roster(home, part, "--as-of", "2017-11-01", "--apply")
    assert code != 0
    assert "39 of 40 in qinzhou would be withdrawn" in said
    assert len(_events(home)) == before
    assert _roster(home, part, "--as-of", "2017-11-01", "--scope", "school", "--apply")[1] == Counter(same=1)
    assert _roster(home, part, "--as-of", "2017-11-01", "--scope", "county", "--apply")[1] == Counter(same=1, gone=39)


def test_copies_of_one_name_do_not_replace_each_other(tmp_path: Path) -> None:
    files = []
    for n, folder in enumerate((tmp_path / "a", tmp_path / "b")):
        folder.mkdir()
        files.append(str(_text(folder / "名册.csv", _people(2, 10 * n) * 2)))
    done = xueqing(
        tmp_path / "home", "import", "roster", *files, "-p", P, "--lang", "en", "--returned", str(tmp_path / "back")
    )
    assert _counts(done.stdout) == Counter(new=4, twice=4)
    assert {file.name for file in (tmp_path / "back").iterdir()} == {"名册-returned.csv", "名册-returned-2.csv"}


def test_a_later_roster_that_changes_something_has_to_say_from_when_it_holds(tmp_path: Path) -> None:
    home, file = tmp_path / "home", _text(tmp_path / "a.csv", _people(3))
    first = _roster(home, file, "--apply")[2]
    assert "the programme's first day" in first
    assert re.search(r"for the first time: [123] schools, [123] classes", first)
    assert _roster(home, file, "--apply")[:2] == (0, Counter(same=3))
    more = _text(tmp_path / "b.csv", _people(4))
    code, counts, said = _roster(home, more)
    assert (code, counts) == (0, Counter(same=3, new=1))
    assert "--as-of" in said
    assert _roster(home, more, "--apply")[0] != 0
    assert _roster(home, more, "--as-of", "2999-01-01")[0] != 0
    assert _roster(home, more, "--as-of", "2017-11-01", "--apply")[1] == Counter(same=3, new=1)


def test_people_whom_no_roster_could_name_are_not_withdrawn(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert xueqing(home, "import", "ndjson", "-", stdin=_foreign("qinzhou")).returncode == 0
    _, counts, said = _roster(home, _text(tmp_path / "a.csv", _people(3)), "--as-of", "2017-11-01", "--apply")
    assert counts == Counter(new=3)
    assert "no roster has told of them before" in said


def _foreign(county: str) -> bytes:
    event = {
        "event_id": "00000000-0000-0000-0000-000000000001", "event_type": "enrolment.opened", "event_version": 1,
        "occurred_at": "2017-10-10T00:00:00Z", "programme_id": P, "learner_key": "Lq3x7f9k2m", "source": "platform",
        "payload": {"enrolment_id": "e-1", "class_id": "c-1", "county_id": county},
    }  # fmt: skip
    return json.dumps(event).encode()


def test_conflicting_numbers_are_unclear_and_a_phone_that_was_given_up_is_free(tmp_path: Path) -> None:
    home = tmp_path / "home"
    a, b, c = _people(3)
    _roster(home, _text(tmp_path / "a.csv", [a, b]), "--apply")
    crossed = replace(a, phone=b.phone)
    _, counts, said = _roster(home, _text(tmp_path / "b.csv", [crossed, b]), "--as-of", "2017-11-01", "--apply")
    assert counts == Counter(unclear=1, same=1)
    assert "different known persons" in said
    heir = replace(c, phone=b.phone)
    rows = _text(tmp_path / "c.csv", [a, b, heir])
    assert _roster(home, rows, "--as-of", "2017-11-01")[1] == Counter(same=2, unclear=1), "b has it still"
    rows = _text(tmp_path / "d.csv", [a, replace(b, phone="19900000000")])
    assert _roster(home, rows, "--as-of", "2017-11-01", "--apply")[1] == Counter(same=1, changed=1)
    rows = _text(tmp_path / "e.csv", [a, replace(b, phone="19900000000"), heir])
    assert _roster(home, rows, "--as-of", "2017-11-01", "--apply")[1] == Counter(same=2, new=1)


def test_a_folder_of_oneroster(tmp_path: Path) -> None:
    folder, people = tmp_path / "oneroster", _people(4)
    folder.mkdir()

    def write(name: str, rows: list[dict[str, str]]) -> None:
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)

    write("orgs", [
        {"sourcedId": "o1", "name": "秦州区", "type": "district", "parentSourcedId": ""},
        {"sourcedId": "o2", "name": "太京中学", "type": "school", "parentSourcedId": "o1"},
    ])  # fmt: skip
    write(
        "classes",
        [{"sourcedId": "c1", "title": "秦州27班", "grades": "初中", "subjects": "语文", "schoolSourcedId": "o2"}],
    )
    write("users", [
        {"sourcedId": f"u{n}", "givenName": t.name[1:], "familyName": t.name[0], "username": f"teacher{n}", "sms": t.phone,
         "userIds": f"{{Other:1}},{{IDNumber:{t.id_number}}}"}
        for n, t in enumerate(people)
    ])  # fmt: skip

    def enrolments(gone: str = "") -> None:
        write("enrollments", [
            {"sourcedId": f"e{n}", "status": "tobedeleted" if gone == f"u{n}" else "active", "classSourcedId": "c1", "schoolSourcedId": "o2",
             "userSourcedId": f"u{n}", "role": "teacher" if n == 3 else "student", "beginDate": "2017-10-10", "endDate": "2017-10-25"}
            for n in range(4)
        ])  # fmt: skip

    home = tmp_path / "home"
    enrolments()
    assert _roster(home, folder, "--apply")[1] == Counter(new=3)
    opened = [e["payload"] for e in _events(home) if e["event_type"] == "enrolment.opened"]
    assert {(p["county_id"], p["subject_id"], p["school_stage"]) for p in opened} == {("qinzhou", "chinese", "junior")}
    enrolments(gone="u1")
    assert _roster(home, folder, "--as-of", "2017-11-01", "--apply")[1] == Counter(same=2, gone=1)
    (left,) = [e for e in _events(home) if e["event_type"] == "enrolment.withdrawn"]
    assert left["occurred_at"] == "2017-10-24T16:00:00Z", "the end of the enrolment, in the programme's zone"


def test_a_person_is_the_same_in_several_programmes(tmp_path: Path) -> None:
    home, packs = tmp_path / "home", tmp_path / "packs"
    shutil.copytree(ROOT / "programmes" / P, packs / "next-2018")
    settings = packs / "next-2018" / "programme.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace(f'"{P}"', '"next-2018"'), encoding="utf-8")
    file = _text(tmp_path / "a.csv", _people(5))
    _roster(home, file, "--apply")
    done = xueqing(
        home, "import", "roster", str(file), "-p", "next-2018", "--lang", "en", "--apply", XUEQING_PROGRAMMES=str(packs)
    )
    assert _counts(done.stdout) == Counter(new=5)
    opened = [e for e in _events(home) if e["event_type"] == "enrolment.opened"]
    assert Counter(e["learner_key"] for e in opened) == Counter({e["learner_key"]: 2 for e in opened})
    assert len({e["payload"]["enrolment_id"] for e in opened}) == 10
