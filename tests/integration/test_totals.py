"""Tables of totals from workbook to marts: what exports in any order come to, who is not taken and why, and that nobody is named on the way."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter

from tests.command_line import xueqing
from tests.conftest import ROOT
from tests.oracle import Oracle, Rules
from tests.rosters import Office
from tests.warehouse_help import raw_records, status_cells
from warehouse.query import connect

P = "tianshui-2017"
_MAP = """
platform = "yanxiu"
[columns]
"手机号" = "phone"
"姓名" = "name"
"学校" = "school"
[totals]
"学习时长(分钟)" = "video minutes"
"有效发帖" = "effective_post count"
"登录次数" = "session count"
"""
_HEADER = ["姓名", "手机号", "学校", "学习时长(分钟)", "有效发帖", "登录次数", "备注"]
_DAYS = (date(2017, 11, 1), date(2017, 11, 8), date(2017, 11, 15))


def _findings(stdout: str) -> Counter[str]:
    names = "used, corrected downward|used|nothing new|twice|unclear|not found|set aside"
    rows = re.findall(rf"^({names}) +([\d,]+)", stdout, re.M)
    assert len(rows) == len(names.split("|"))
    return +Counter({name: int(count.replace(",", "")) for name, count in rows})


def _write(file: Path, rows: list[list[str | float]], title: str = "") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with xlsxwriter.Workbook(str(file)) as book:
        sheet = book.add_worksheet("进度")
        for n, row in enumerate([[title], _HEADER, *rows] if title else [_HEADER, *rows]):
            sheet.write_row(n, 0, row)
    return file


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Office]:
    """A home with the people of one roster."""
    folder = tmp_path_factory.mktemp("totals")
    office = Office(share=0.004)
    office.write(folder / "花名册.xlsx", office.lines(0))
    done = xueqing(folder / "home", "import", "roster", str(folder / "花名册.xlsx"), "-p", P, "--apply")
    assert done.returncode == 0, done.stderr
    (folder / "map.toml").write_text(_MAP, encoding="utf-8")
    return folder / "home", office


def _totals(number: int, day: int) -> list[float]:
    """Minutes, effective posts and logins of a person by one of the dates; the first person's minutes fall at the end."""
    fall = 60 if number == 0 and day == 2 else 0
    return [10.5 * number + 40 * day - fall, float(day), float(number % 3 + day)]


def test_exports_in_any_order_come_to_the_latest_totals(home: tuple[Path, Office]) -> None:
    folder, office = home[0].parent, home[1]
    told: list[str] = []

    def run(*arguments: str, fails: bool = False) -> str:
        done = xueqing(home[0], *arguments)
        told.append(done.stdout + done.stderr)
        assert (done.returncode != 0) is fails, done.stderr
        return done.stdout

    def table(*arguments: str) -> str:
        return run("import", "table", *arguments, "-p", P, "--map", str(folder / "map.toml"), "--lang", "en")

    people = office.teachers
    count = len(people)
    exports = folder / "exports"
    for day, on in enumerate(_DAYS):
        rows: list[list[str | float]] = [[t.name, t.phone, t.school, *_totals(t.number, day), ""] for t in people]
        rows.append(["合计", "", "", 1, 1, 1, ""])
        _write(exports / f"{on}" / "progress.xlsx", rows)

    def built() -> None:
        run("sink")
        run("build")

    # The latest first, then what its folders hold of earlier dates: each is built for itself.
    last = str(exports / f"{_DAYS[2]}")
    assert _findings(table(last)) == {"used": count}
    records = len(raw_records(home[0] / "log.sqlite"))
    assert _findings(table(last, "--apply")) == {"used": count}
    assert len(raw_records(home[0] / "log.sqlite")) == records + count
    assert _findings(table(last, "--apply")) == {"nothing new": count}
    assert len(raw_records(home[0] / "log.sqlite")) == records + count
    built()
    rest = table(str(exports), "--apply")
    assert _findings(rest) == {"used": 2 * count, "nothing new": count}
    built()
    assert _findings(table(str(exports), "--apply")) == {"nothing new": 3 * count}, "what the lake has is known, too"

    # Another platform adds up; what it corrects downward is told by row.
    (folder / "other.toml").write_text(_MAP.replace("yanxiu", "elsewhere"), encoding="utf-8")
    first = people[0]
    for minutes, finding in ((30.0, "used"), (25.0, "used, corrected downward")):
        file = _write(
            folder / f"elsewhere-{minutes:.0f}.xlsx", [["", first.phone, "", minutes, "-", ""]], "截至2017年11月20日"
        )
        out = run("import", "table", str(file), "-p", P, "--map", str(folder / "other.toml"), "--lang", "en", "--apply")
        assert _findings(out) == {finding: 1}
        assert "totals as of: 2017-11-20" in out
    assert "row 3, 2017-11-20: video 1,800 → 1,500" in out
    built()

    published = home[0] / "warehouse" / "xueqing.duckdb"
    events = {e["event_id"]: e for raw in raw_records(home[0] / "log.sqlite") if (e := json.loads(raw.value))}
    enrolments = {
        e["learner_key"]: e["payload"]["enrolment_id"] for e in events.values() if e["event_type"] == "enrolment.opened"
    }
    assert len(enrolments) == count
    with connect(published) as con:
        rows_told = con.execute(
            "select enrolment_id, platform, activity, as_of_on, total, change, is_correction, event_id, file_row from fct_totals"
            " where programme_id = ? and local_on = as_of_on",
            [P],
        ).fetchall()
        days = con.execute(
            "select sum(quantity) filter (activity = 'video'), sum(quantity) filter (activity = 'effective_post'),"
            " sum(event_count) filter (activity = 'session') from fct_enrolment_days where programme_id = ? and local_on <= ?",
            [P, _DAYS[1]],
        ).fetchone()
        falls = con.execute("select platform, as_of_on, change from fct_totals where is_correction").fetchall()
    assert len(rows_told) == 9 * count + 1
    for enrolment, platform, activity, on, total, _, _, event_id, file_row in rows_told:
        payload = events[event_id]["payload"]
        assert (payload["enrolment_id"], payload["platform"], payload["as_of"], payload["row"]) == (
            enrolment, platform, f"{on}", file_row,
        )  # fmt: skip
        assert Decimal(str(payload["totals"][activity])) == total
    # By the second date everybody has what the second export says.
    expected = [sum(column) for column in zip(*(_totals(t.number, 1) for t in people), strict=True)]
    assert days == (Decimal(str(expected[0] * 60)), Decimal(expected[1]), expected[2])
    # The first person's 40 minutes of the second date became 20 on the third.
    assert falls == [("yanxiu", _DAYS[2], Decimal(-1200))]

    oracle = Oracle.read(raw_records(home[0] / "log.sqlite"), Rules(ROOT / "programmes" / P), P)
    for day in (*_DAYS, date(2017, 11, 20)):
        assert oracle.status(day) == status_cells(published, P, day)

    # A figure leads to the reports that it rests on.
    out = folder / "events.csv"
    run("explain", f"{P} study_rate as-of 2017-11-20", "--export-events", str(out))
    with out.open(encoding="utf-8") as file:
        behind = [row for row in csv.DictReader(file) if row["event_type"] == "totals.reported"]
    assert {json.loads(row["payload"])["platform"] for row in behind} == {"yanxiu", "elsewhere"}

    for text in told:
        for t in people:
            assert t.name not in text
            assert t.phone not in text
    log = json.dumps(list(events.values()), ensure_ascii=False)
    assert not [t for t in people if t.name in log or t.phone in log]


def test_what_cannot_be_used_comes_back_with_its_reason(home: tuple[Path, Office], tmp_path: Path) -> None:
    mine = Path(shutil.copytree(home[0], tmp_path / "home"))
    people = home[1].teachers
    rows: list[list[str | float]] = [
        [people[1].name, people[1].phone, "", 5000, 9, 9, ""],
        ["无名氏", "13900000000", "", 5, 1, 1, ""],
        [people[2].name, people[2].phone, "", "许多", 1, 1, ""],
        [people[3].name, people[3].phone, "", "-", "", "", ""],
        [people[4].name, people[4].phone, "", 5000, 9, 9, ""],
        [people[4].name, people[4].phone, "", 5001, 9, 9, ""],
        [people[5].name, people[5].phone, "", 5000, 9, 9, ""],
        [people[5].name, people[5].phone, "", 5000, 9, 9, ""],
        ["别人名", people[6].phone, "", 5000, 9, 9, ""],
        [people[7].name, "", people[7].school, 5000, 9, 9, ""],
        ["无名氏", "", people[7].school, 5000, 9, 9, ""],
        ["无名氏", "", "", 5000, 9, 9, ""],
        [people[8].name, people[8].phone, "", 5000, 9.5, 9, ""],
    ]
    file = _write(tmp_path / "export-20171118.xlsx", rows)
    arguments = ("import", "table", str(file), "-p", P, "--map", str(home[0].parent / "map.toml"), "--lang", "en")
    done = xueqing(mine, *arguments, "--apply")
    assert done.returncode == 0, done.stderr
    assert _findings(done.stdout) == {
        "used": 3, "twice": 1, "unclear": 3, "not found": 2, "set aside": 4,
    }, done.stdout  # fmt: skip
    sheet = openpyxl.load_workbook(tmp_path / "export-20171118-returned.xlsx")["进度"]
    reasons = [sheet.cell(n, len(_HEADER) + 1).value for n in range(1, len(rows) + 2)]
    assert reasons[0] == "Why it was not taken"
    wrong, other = (
        "a cell is no total in the unit that the map says",
        "another row tells other totals of the same person and date",
    )
    assert reasons[1:] == [
        None, "nobody of the programme is known by this", wrong, "no total is told", f"{other} (进度 7)", f"{other} (进度 6)", None,
        "stands twice; the first row counts (进度 8)", "the phone or the account is another person's: the name or the id number differs", None,
        "nobody of the programme is known by this",
        "there is no account, id number or phone, nor name and school, to tell who it is", wrong,
    ]  # fmt: skip
    assert not [t for t in people if t.name in done.stdout + done.stderr or t.phone in done.stdout + done.stderr]


def test_a_first_map_is_guessed_and_says_what_it_does_not_know(home: tuple[Path, Office], tmp_path: Path) -> None:
    file = _write(tmp_path / "export.xlsx", [["张三", "13900000000", "", 5, 1, 1, ""]])
    arguments = ("import", "table", str(file), "-p", P, "--map", str(tmp_path / "map.toml"), "--lang", "en")
    done = xueqing(home[0], *arguments, "--guess")
    assert done.returncode == 0, done.stderr
    assert "columns that are not known: 备注" in done.stderr
    written = (tmp_path / "map.toml").read_text(encoding="utf-8")
    assert '"学习时长(分钟)" = "video minutes"' in written
    assert xueqing(home[0], *arguments, "--guess").returncode == 1, "a map that is there is not written over"
    done = xueqing(home[0], *arguments)
    assert "platform is a name" in done.stderr
    (tmp_path / "map.toml").write_text(written.replace('platform = ""', 'platform = "y"'), encoding="utf-8")
    done = xueqing(home[0], *arguments)
    assert "nothing says of which date" in done.stderr
    done = xueqing(home[0], *arguments, "--as-of", "2017-11-01")
    assert _findings(done.stdout) == {"not found": 1}
    assert "张三" not in done.stdout + done.stderr
