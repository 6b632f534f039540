"""The built wheel, in a virtual environment of its own, outside any checkout: ``xueqing demo``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
from collections import Counter, defaultdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ingest.programmes.pack import Pack
from tests.browser import measure
from tests.conftest import ROOT
from tests.oracle import Oracle, Raw, Rules, uncollected
from tests.warehouse_help import raw_records, scores_of, status_cells
from warehouse.query import connect

PROGRAMME = "tianshui-2017"


def run(command: list[str], cwd: Path, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("XUEQING_", "PYTHON"))}
    clean |= {"XUEQING_HOME": str(home), "COLUMNS": "130", "LANG": "C.UTF-8", **env}
    return subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, timeout=1000)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The command of the installed wheel, and a folder to run it in."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("xueqing-*.whl")
    venv.create(folder / "venv")
    python = folder / "venv" / "bin" / "python"
    # By the pip of this environment: that of a new one is unpacked and compiled first.
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    # The dependencies are those of this environment; xueqing itself is the wheel's alone.
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "venv" / "bin" / "xueqing", folder


@pytest.fixture(scope="module")
def demo(installed: tuple[Path, Path]) -> tuple[Path, str]:
    command, folder = installed
    done = run([str(command), "demo"], folder, folder / "home")
    assert done.returncode == 0, done.stderr
    return folder / "home", done.stdout


@pytest.fixture(scope="module")
def records(demo: tuple[Path, str]) -> list[Raw]:
    with uncollected():
        found = raw_records(demo[0] / "log.sqlite")
        for r in found:
            assert r.body  # read once, for all tests
    return found


def test_the_wheel_runs_its_own_code(installed: tuple[Path, Path]) -> None:
    command, folder = installed
    code = "import pipelines, warehouse.dbt as d; print(pipelines.__file__, d.project_dir(), d.project_dir().is_dir())"
    done = run([str(command.with_name("python")), "-c", code], folder, folder / "home")
    assert done.stdout.count(str(folder / "venv")) == 2, done.stdout + done.stderr
    assert done.stdout.endswith("True\n")


def test_the_demo_prints_the_published_rates_and_says_they_are_simulated(demo: tuple[Path, str]) -> None:
    home, output = demo
    assert "simulated" in output
    for text in ("6,983", "6,958", "6,888", "100.00 %", "99.64 %", "98.99 %"):
        assert text in output, text
    start = Path(output.strip().splitlines()[-1])
    assert start == home / "site" / "index.html"
    assert "simulated" in start.read_text(encoding="utf-8")
    page = start.with_name(f"status-{PROGRAMME}.en.html")
    html = page.read_text(encoding="utf-8")
    assert "<svg" in html
    assert "98.99 %" in html
    # Self-contained: nothing is loaded from anywhere.
    assert "http" not in html.replace("http://www.w3.org", "")
    assert "模拟数据" in (home / "reports" / f"status-{PROGRAMME}.zh.html").read_text(encoding="utf-8")


def test_the_demo_ends_with_every_report_on_the_site(demo: tuple[Path, str]) -> None:
    site = demo[0] / "site"
    for language in ("zh", "en"):
        for number in range(1, 7):
            for edition in ("all", "shizhi", "qinzhou", "wushan"):
                for ending in ("html", "pdf", "xlsx", "md"):
                    assert (site / f"bulletins/{PROGRAMME}/{number:03d}/{edition}.public.{language}.{ending}").is_file()
        briefings = site / "briefings" / PROGRAMME / "2017-12-25"
        for kind, count in (("class", 70), ("subject", 13), ("county", 3), ("evaluation", 1)):
            assert len(list(briefings.glob(f"{kind}*.public.{language}.html"))) == count, kind
        text = (briefings / f"evaluation.public.{language}.html").read_text(encoding="utf-8")
        assert "6,888" in text
        assert "98.99%" in text
    assert not list(site.rglob("*restricted*"))


def test_a_second_run_reuses_what_is_there(installed: tuple[Path, Path], demo: tuple[Path, str]) -> None:
    command, folder = installed
    before = (demo[0] / "warehouse" / "xueqing.duckdb").stat().st_mtime_ns
    done = run([str(command), "demo"], folder, folder / "home")
    assert done.returncode == 0, done.stderr
    assert (demo[0] / "warehouse" / "xueqing.duckdb").stat().st_mtime_ns == before
    assert run([str(command), "status"], folder, folder / "home").returncode == 0


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_rate_is_cut_off_on_a_narrow_terminal(
    installed: tuple[Path, Path], demo: tuple[Path, str], language: str
) -> None:
    command, folder = installed
    done = run([str(command), "status", "-p", PROGRAMME, "--lang", language], folder, folder / "home", COLUMNS="80")
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"(?: +\d+\.\d\d){3} *$", done.stdout, re.MULTILINE)
    # 13 subjects and their sum, in three counties and in all of them.
    assert len(rows) == 14 * 4
    assert "…" not in done.stdout


def test_totals_are_the_published_ones(records: list[Raw], packs: dict[str, Pack]) -> None:
    figures = {r["figure"]: int(r["value"]) for r in packs[PROGRAMME].table("simulation")}
    bodies = [r.body for r in records]
    kinds = Counter(b["event_type"] for b in bodies)
    staff = Counter(b["event_type"] for b in bodies if "staff_key" in b)
    stages = Counter(b["payload"]["school_stage"] for b in bodies if b["event_type"] == "enrolment.opened")
    roles = Counter(b["payload"]["role"] for b in bodies if b["event_type"] == "staff.appointed")
    awards = Counter(b["payload"]["kind"] for b in bodies if b["event_type"] == "award.granted")
    grader = {b["staff_key"]: b["payload"]["role"] for b in bodies if b["event_type"] == "staff.appointed"}

    def by(role: str, event_type: str, **payload: str) -> int:
        return sum(
            b["event_type"] == event_type and grader.get(b.get("staff_key", "")) == role
            and all(b["payload"].get(k) == v for k, v in payload.items())
            for b in bodies
        )  # fmt: skip

    assert {
        "enrolments": kinds["enrolment.opened"],
        "kindergarten_enrolments": stages["kindergarten"],
        "classes": len({b["payload"]["class_id"] for b in bodies if b["event_type"] == "enrolment.opened"}),
        "tutors": roles["tutor"],
        "experts": roles["expert"],
        "journals": kinds["journal.published"],
        "assignments": kinds["assignment.submitted"],
        "interactions": kinds["post.published"] - staff["post.published"],
        "announcements": kinds["announcement.published"],
        "tutor_posts": by("tutor", "post.published"),
        "class_briefings": by("tutor", "briefing.published"),
        "tutor_gradings": by("tutor", "assignment.graded"),
        "workshop_activities": kinds["workshop_activity.held"],
        "photos": kinds["photo.uploaded"],
        "articles": by("expert", "article.published"),
        "expert_qa_sessions": by("expert", "qa_session.held"),
        "qa_sessions": kinds["qa_session.held"],
        "expert_posts": by("expert", "post.published", kind="post"),
        "expert_replies": by("expert", "post.published", kind="reply"),
        "subject_briefings": by("expert", "briefing.published"),
        "expert_gradings": by("expert", "assignment.graded"),
        "featured_assignments": kinds["assignment.featured"],
        "featured_journals": kinds["journal.featured"],
        "resources": kinds["resource.shared"],
        "excellent_learners": awards["excellent_learner"],
        "excellent_tutors": awards["excellent_tutor"],
        "survey_respondents": kinds["survey.answered"],
    } == {k: v for k, v in figures.items() if k not in ("studied", "passed", "diagnostic_questions")}


def test_the_survey_prints_as_published_where_any_count_can(records: list[Raw], packs: dict[str, Pack]) -> None:
    answers = [r.body["payload"]["answers"] for r in records if b'"survey.answered"' in r.value]
    impossible = set()
    for row in packs[PROGRAMME].table("published_survey"):
        counts = Counter(a[row["item_id"]] for a in answers if row["item_id"] in a)
        for level, name in enumerate(("level_1_pct", "level_2_pct", "level_3_pct", "level_4_pct"), 1):
            printed = Decimal(row[name])
            if (Decimal(counts[level]) * 100 / 359).quantize(Decimal("0.01")) != printed.quantize(Decimal("0.01")):
                impossible.add((row["item_id"], name))
    # 0.48 % is no count of 359, and item 7's counts add up to 360.
    assert {item for item, _ in impossible} == {"item-5", "item-7"}
    assert len(impossible) == 2


@pytest.mark.parametrize(
    "day", [date(2017, 10, 9), date(2017, 10, 28), date(2017, 11, 30), date(2017, 12, 10), date(2017, 12, 25)]
)
def test_every_cell_is_the_oracles(demo: tuple[Path, str], oracle: Oracle, day: date) -> None:
    found = status_cells(demo[0] / "warehouse" / "xueqing.duckdb", PROGRAMME, day)
    assert found == oracle.status(day)
    with connect(demo[0] / "warehouse" / "xueqing.duckdb") as con:
        assert scores_of(con, PROGRAMME, day) == oracle.scores(day)
    if day == date(2017, 12, 25):
        headline = found["programme",]
        assert [headline[n] for n in ("called_up", "participating", "login", "study", "pass")] == [
            6983,
            6983,
            6983,
            6958,
            6888,
        ]
        assert len([c for c in found if c[0] == "county_subject"]) == 39


def test_what_staff_did_is_what_their_events_say(demo: tuple[Path, str], records: list[Raw]) -> None:
    day, zone = date(2017, 11, 15), ZoneInfo("Asia/Shanghai")
    counts: Counter[tuple[str, str]] = Counter()
    posted: dict[str, datetime] = {}
    replies: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    bodies = {r.body["event_id"]: r.body for r in records}
    for e in bodies.values():
        at = datetime.fromisoformat(e["occurred_at"])
        kind, payload = e["event_type"], e["payload"]
        if at.astimezone(zone).date() > day:
            continue
        if kind == "post.published" and "staff_key" not in e:
            posted[payload["post_id"]] = at
        if "staff_key" not in e:
            continue
        if kind == "post.published":
            counts[e["staff_key"], "post" if payload["kind"] == "post" else "reply"] += 1
            if payload.get("parent_post_id"):
                replies[payload["parent_post_id"]].append((at, e["staff_key"]))
        else:
            counts[e["staff_key"], kind] += 1
    answered: Counter[str] = Counter()
    for post, found in replies.items():
        assert posted[post] <= min(found)[0]
        answered[min(found)[1]] += 1
    assert sum(answered.values()) > 50
    columns = {
        "post": "post", "reply": "reply", "announcement": "announcement.published", "briefing": "briefing.published",
        "grading": "assignment.graded", "workshop_activity": "workshop_activity.held", "photo": "photo.uploaded",
        "article": "article.published", "qa_session": "qa_session.held",
    }  # fmt: skip
    with connect(demo[0] / "warehouse" / "xueqing.duckdb") as con:
        rows = con.execute(
            f"select staff_key, responded_post_count, {', '.join(f'{c}_count' for c in columns)} from rpt_staff where as_of_on = ?",
            [day],
        ).fetchall()
    assert len(rows) == 92
    for key, responded, *found in rows:
        assert responded == answered[key]
        assert dict(zip(columns, found, strict=True)) == {c: counts[key, kind] for c, kind in columns.items()}, key


def test_those_proposed_as_excellent_are_first_by_the_rule(demo: tuple[Path, str], oracle: Oracle) -> None:
    day = date(2017, 12, 25)
    order = []
    for enrolment, card in oracle.scores(day).items():
        if not card["card"][3]:
            continue
        amounts = oracle.amounts_of(enrolment, day)
        featured = amounts.get("journal_featured", 0) + amounts.get("assignment_featured", 0)
        study = amounts.get("video", 0) + amounts.get("text", 0)
        order.append((-card["card"][0], -featured, -amounts.get("effective_post", 0), -study, enrolment))
    with connect(demo[0] / "warehouse" / "xueqing.duckdb") as con:
        found = con.execute(
            "select enrolment_id, is_chosen from rpt_excellent_learners where as_of_on = ? order by position_number",
            [day],
        ).fetchall()
        tutors = con.execute(
            "select count(*) filter (is_chosen), count(*), max(position_number) from rpt_excellent_tutors where as_of_on = ?",
            [day],
        ).fetchone()
    assert [e for e, _ in found] == [e for *_, e in sorted(order)]
    assert [chosen for _, chosen in found] == [True] * 837 + [False] * (len(order) - 837)
    assert tutors == (25, 70, 70)


def test_proposals_say_their_reason(installed: tuple[Path, Path], demo: tuple[Path, str]) -> None:
    command, folder = installed
    told = run([str(command), "excellent", "--most", "2", "--lang", "en"], folder, demo[0]).stdout
    assert re.search(
        r"1  enrolment-\d{5}  100\.00 points, \d+ featured journals and assignments, \d+ effective posts, ", told
    )
    assert re.search(r"1  S\w+  100\.00% pass rate of the class, \d+ assignments graded", told)
    told = run([str(command), "excellent", "--most", "838", "--lang", "zh"], folder, demo[0]).stdout
    assert len(re.findall("（未入选）", told)) == 1 + 45


def test_the_builds_checks_are_told_and_its_bulletins_issued_once(
    installed: tuple[Path, Path], demo: tuple[Path, str]
) -> None:
    command, folder = installed
    told = run([str(command), "quality", "--lang", "en"], folder, demo[0])
    assert "as expected  No rate is above 1" in told.stdout
    assert (demo[0] / "reports" / "quality" / "index.html").exists()
    issued = demo[0] / "bulletins" / PROGRAMME / "006"
    before = {f.name: f.read_bytes() for f in issued.iterdir()}
    assert "98.64 %" in before["all.public.en.md"].decode()
    assert run([str(command), "bulletin", "issue", "6"], folder, demo[0]).returncode == 0
    assert {f.name: f.read_bytes() for f in issued.iterdir()} == before
    listed = run([str(command), "bulletin", "list", "--lang", "zh"], folder, demo[0]).stdout
    assert len(re.findall(r"^\d ", listed, re.M)) == 6
    assert listed.count("UTC") == 6
    same = run([str(command), "bulletin", "restate", "6"], folder, demo[0])
    assert "nothing has changed" in same.stdout
    unknown = run([str(command), "bulletin", "issue", "9"], folder, demo[0])
    assert unknown.returncode == 1
    assert "no bulletin 9; its calendar has 1, 2, 3, 4, 5, 6" in unknown.stderr


@pytest.fixture(scope="module")
def oracle(records: list[Raw], packs: dict[str, Pack]) -> Oracle:
    return Oracle.read(records, Rules(packs[PROGRAMME].path), PROGRAMME)


def test_behaviour_looks_like_people(records: list[Raw]) -> None:
    hours: Counter[int] = Counter()
    weekdays: Counter[int] = Counter()
    for r in records:
        if b'"session.started"' in r.value and b'"learner_key"' in r.value:
            text = r.body["occurred_at"]
            hours[(int(text[11:13]) + 8) % 24] += 1
            weekdays[date.fromisoformat(text[:10]).weekday()] += 1
    assert sum(hours[h] for h in (19, 20, 21, 22)) > 3 * sum(hours[h] for h in (2, 3, 4, 5, 6))
    assert (weekdays[5] + weekdays[6]) / 2 > sum(weekdays[d] for d in range(5)) / 5


def test_nobodys_name_is_in_log_lake_warehouse_or_reports(
    installed: tuple[Path, Path], demo: tuple[Path, str], records: list[Raw]
) -> None:
    command, folder = installed
    home = demo[0]
    key = next(r.body["learner_key"] for r in records if "learner_key" in r.body)
    shown = run([str(command), "people", "show", key], folder, home).stdout
    name = next(line.removeprefix("name: ") for line in shown.splitlines() if line.startswith("name: "))
    assert len(name) == 3
    forgotten = run([str(command), "people", "forget", key, "-p", PROGRAMME, "--yes"], folder, home)
    assert forgotten.returncode == 0, forgotten.stderr
    assert run([str(command), "people", "show", key], folder, home).returncode == 1
    for path in home.rglob("*"):
        if path.is_file():
            assert name.encode() not in path.read_bytes(), path
    found = run(
        [str(command), "sql", "-f", "csv", f"select count(*) from lake.records r where r::varchar like '%{name}%'"],
        folder,
        home,
    )
    assert found.stdout.strip().splitlines()[-1] == "0"


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_a_phone_and_a_desk_and_asks_the_network_for_nothing(
    demo: tuple[Path, str], browser: str, tmp_path: Path, width: int
) -> None:
    page = demo[0] / "site" / f"status-{PROGRAMME}.en.html"
    found = measure(
        browser,
        page,
        tmp_path,
        width,
        "{over: d.documentElement.scrollWidth - w.innerWidth, asked: w.performance.getEntriesByType('resource').length,"
        " charts: [...d.querySelectorAll('svg')].map(s => s.getBoundingClientRect().height),"
        " rows: d.querySelectorAll('tbody tr').length, text: d.body.innerText}",
    )
    assert found["over"] <= 0
    assert found["asked"] == 0
    assert found["charts"]
    assert min(found["charts"]) > 100
    assert found["rows"] > 10
    assert "98.64" in found["text"]
