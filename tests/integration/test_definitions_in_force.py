"""A programme's definitions have one source: the log, then the disk for what was never loaded. Every command asks it."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from ingest.events import encode
from ingest.events.enrolment import EnrolmentOpened
from ingest.events.learning import SessionStarted, VideoWatched
from ingest.events.support import SurveyAnswered
from ingest.log.port import NewRecord
from ingest.log.sqlite import SqliteLog
from ingest.programmes.rows import REFERENCE_COLUMNS
from ingest.programmes.template import new_pack
from ingest.sources.ids import stable_id
from pipelines.defs import assemble
from pipelines.settings import Settings
from pipelines.steps.due import due
from pipelines.workspace import Workspace
from tests.command_line import xueqing

P = "harbour-2016"
LEARNERS = 24
#: Detroit is five hours behind UTC in January: 22:00 there is 03:00 of the next date in London.
LATE = datetime(2016, 1, 21, 3, tzinfo=UTC)
ROWS = {
    "counties": "north,北区,North,city,province\nsouth,南区,South,city,province",
    "subjects": "maths,数学,Mathematics",
    "phases": "online,网络研修,Online,2016-01-15,2016-02-15",
    "courses": "c1,课程,Course,k,类,Kind,6",
    "bulletins": "1,2016-01-22,2016-01-20,login|study,第一期,First",
    "targets": "study,2016-01-15,2016-02-15,90",
    "warnings": "idle,red,no_session,3,2016-01-15,2016-02-15,未登录,Idle,三天未登录,no session in three days",
    "actions": "call,idle,1,班主任,Tutors,3,联系{count}人,Call {count}",
    "reminders": "r1,idle,sms,1,5,100,请登录{count},Please log in {count}",
    "excellence": "best,优秀,Best,learner,,3,,points,按分数,by points",
    "survey_items": "f,q1,满意,Satisfied,\nf,q2,推荐,Recommended,",
    "survey_levels": "f,1,好,Good,,\nf,2,中,Fair,,\nf,3,差,Bad,,",
}


def write_pack(folder: Path) -> Path:
    new_pack(folder, P)
    settings = (folder / "programme.toml").read_text(encoding="utf-8")
    year = settings.split("starts_on = ")[1][:4]
    for old, new in (
        (f"starts_on = {year}-03-01", "starts_on = 2016-01-15"), (f"ends_on = {year}-06-30", "ends_on = 2016-02-15"),
        (f"report_on = {year}-07-01", "report_on = 2016-01-20"), ("Asia/Shanghai", "America/Detroit"),
        ('label_en = "harbour-2016"', 'label_en = "Harbour"'), ('county_en = "County"', 'county_en = "Harbour side"'),
    ):  # fmt: skip
        assert old in settings
        settings = settings.replace(old, new)
    (folder / "programme.toml").write_text(settings, encoding="utf-8")
    for name, rows in ROWS.items():
        (folder / f"{name}.csv").write_text(f"{','.join(REFERENCE_COLUMNS[name])}\n{rows}\n", encoding="utf-8")
    (folder / "narrative.csv").write_text("slot,text_zh,text_en\ngoals,港口,The harbour office\n", encoding="utf-8")
    (folder / "roster.csv").write_text("name,phone\nAda,123\n", encoding="utf-8")
    return folder


def records() -> list[NewRecord]:
    found = []

    def tell(kind: str, at: datetime, payload: object, number: int) -> None:
        value = encode(
            payload, event_type=kind, event_id=stable_id(P, kind, str(number)), occurred_at=at, programme_id=P, source="t",  # type: ignore[arg-type]
            learner_key=f"Lharbour{number:03d}",
        )  # fmt: skip
        found.append(NewRecord(f"{number}".encode(), value, int(at.timestamp() * 1e6) + number))

    opened = datetime(2016, 1, 15, 15, tzinfo=UTC)
    for n in range(LEARNERS):
        key = f"e{n:03d}"
        county = "north" if n % 2 else "south"
        tell(
            "enrolment.opened",
            opened,
            EnrolmentOpened(enrolment_id=key, class_id=f"k{n % 2}", county_id=county, subject_id="maths"),
            n,
        )
        if n < LEARNERS - 4:
            tell("session.started", opened + timedelta(days=1), SessionStarted(enrolment_id=key, device="app"), n)
            # In Detroit it is still the 20th, the day of the report.
            tell("video.watched", LATE, VideoWatched(enrolment_id=key, course_id="c1", watched_s=40_000.0), n)
            tell(
                "survey.answered",
                opened + timedelta(days=2),
                SurveyAnswered(enrolment_id=key, form_id="f", answers={"q1": 1 + n % 3, "q2": 1}),
                n,
            )
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose log has the pack, and no folder that the settings name."""
    folder = tmp_path_factory.mktemp("definitions")
    write_pack(folder / "away" / P)
    done(folder, "programme", "load", str(folder / "away" / P))
    with SqliteLog(folder / "home" / "log.sqlite") as log:
        log.append(records())
    done(folder, "sink")
    done(folder, "build")
    return folder


def done(folder: Path, *arguments: str, code: int = 0, **env: str) -> str:
    ran = xueqing(folder / "home", *arguments, **env)
    assert ran.returncode == code, (arguments, ran.stdout, ran.stderr)
    return ran.stdout + ran.stderr


def opened(folder: Path, **env: str) -> Workspace:
    return Workspace(Settings.from_environment({"XUEQING_HOME": str(folder / "home"), **env}))


def test_a_pack_that_only_the_log_has_works_in_every_command(home: Path) -> None:
    studied = f"{LEARNERS - 4}"
    told = done(home, "status", "-p", P, "--known-by", "2016-01-20", "--lang", "en")
    assert "2016-01-21 05:00 UTC" in told  # the end of that date in Detroit
    assert re.search(rf"Studied +{studied} ", told)
    told = done(home, "status", "-p", P, "--known-by", "2016-01-19", "--lang", "en")
    assert re.search(r"Studied +0 ", told)
    told = done(home, "explain", f"{P} study_rate as-of 2016-01-20", "--lang", "en")
    assert f"events of {studied} enrolments" in told
    assert "2016-01-21 03:00:00" in told
    assert "2016-01-21 03:00:00" not in done(home, "explain", f"{P} login_rate as-of 2016-01-19", "--lang", "en")
    assert "North" in done(home, "indicators", P, "--by", "county", "--lang", "en")
    assert "20 events came in between" in done(home, "restate", P, "--known-by", "2016-01-19")
    assert "Study time" in done(home, "scorecard", P, "e000", "--lang", "en")
    done(home, "excellent", P)
    done(home, "page", P)
    done(home, "quality", "-p", P)
    assert "America/Detroit" in done(home, "programme", "show", P)
    assert "Harbour" in done(home, "programme", "show")
    assert "First" in done(home, "bulletin", "list", "-p", P, "--lang", "en")
    done(home, "bulletin", "draft", "1", "-p", P, "-f", "md", "--lang", "en")
    (draft,) = (home / "home" / "reports" / "drafts").iterdir()
    assert "Harbour side" in draft.read_text(encoding="utf-8")
    done(home, "bulletin", "issue", "1", "-p", P)
    assert "nothing has changed" in done(home, "bulletin", "restate", "1", "-p", P)
    for kind in ("class", "subject", "county", "staff"):
        done(home, "report", kind, "-p", P, "-f", "md")
    done(home, "report", "evaluation", "-p", P, "-f", "md")
    report = home / "home" / "briefings" / P / "2016-01-20" / "evaluation.public.en.md"
    assert "The harbour office" in report.read_text(encoding="utf-8")
    done(home, "report", "survey", "-p", P, "-f", "md")
    assert "Satisfied" in done(home, "survey", "analyse", "-p", P, "--lang", "en")
    done(
        home,
        "reminders",
        "due",
        str(home / "todo.csv"),
        "-p",
        P,
        "--no-phones",
        "--as-of",
        "2016-01-20",
        "--lang",
        "en",
    )
    assert "Please log in" in (home / "todo.csv").read_text(encoding="utf-8-sig")
    (home / "figures.csv").write_text(
        "figure_id,label_en,value_as_printed,unit,computed\na,Studied,20,learners,studied\n", encoding="utf-8"
    )
    done(home, "audit", str(home / "figures.csv"), "--against", P, "--as-of", "2016-01-20")
    done(home, "site", "--lang", "en")
    assert P in done(home, "sql", "select distinct programme_id from survey_estimates")


def copied(home: Path, folder: Path) -> Path:
    """The home as it was built: what the commands wrote is left out."""
    shutil.copytree(
        home / "home", folder / "home", ignore=shutil.ignore_patterns("bulletins", "briefings", "site", "reports")
    )
    return folder


def test_dagster_issues_the_bulletins_of_a_pack_that_only_the_log_has(home: Path, tmp_path: Path) -> None:
    copied(home, tmp_path)
    definitions = assemble(lambda: opened(tmp_path))
    keys = definitions.get_repository_def().asset_graph.get_all_asset_keys()
    assert {dg.AssetKey([kind, P]) for kind in ("bulletins", "briefings", "evaluation")} <= keys
    # Eight in the morning there, an hour past noon in London.
    assert due(opened(tmp_path), P, datetime(2016, 1, 22, 12, 59, tzinfo=UTC)) == []
    assert due(opened(tmp_path), P, datetime(2016, 1, 22, 13, 0, tzinfo=UTC)) == [1]
    # A bulletin of a pack loaded later has no partition yet: it waits, and stops nobody else's.
    shutil.copytree(home / "away", tmp_path / "packs")
    with (tmp_path / "packs" / P / "bulletins.csv").open("a", encoding="utf-8") as file:
        file.write("2,2016-01-29,2016-01-27,login,第二期,Second\n")
    done(tmp_path, "programme", "load", str(tmp_path / "packs" / P), "--from", "2016-01-01")
    done(tmp_path, "build")
    assert due(opened(tmp_path), P, datetime.now(UTC)) == [1, 2]
    assert asked_for(definitions) == [f"{P}/1"]
    assert asked_for(assemble(lambda: opened(tmp_path))) == [f"{P}/1", f"{P}/2"]


def asked_for(definitions: dg.Definitions) -> list[str | None]:
    repository = definitions.get_repository_def()
    with dg.instance_for_test() as instance, dg.build_sensor_context(instance, repository_def=repository) as context:
        found = repository.get_sensor_def("bulletins_due").evaluate_tick(context).run_requests or []
    return [request.run_key for request in found]


def test_the_log_gets_the_files_of_the_pack_and_no_other(home: Path) -> None:
    pack = opened(home).definitions.in_force(P)
    assert "narrative.csv" in pack.files
    assert "roster.csv" not in pack.files


def test_a_pack_on_the_disk_changes_nothing_until_it_is_loaded(home: Path, tmp_path: Path) -> None:
    copied(home, tmp_path)
    packs = tmp_path / "packs"
    shutil.copytree(home / "away", packs)
    env = {"XUEQING_PROGRAMMES": str(packs)}
    asked = [
        ("status", "-p", P, "--known-by", "2016-01-20", "--lang", "en"), ("programme", "show", P), ("indicators", P, "--lang", "en"),
        ("explain", f"{P} study_rate as-of 2016-01-20", "--lang", "en"), ("survey", "analyse", "-p", P, "--lang", "en"),
        ("report", "evaluation", "-p", P, "-f", "md"), ("bulletin", "list", "-p", P, "--lang", "en"),
    ]  # fmt: skip

    def answers() -> list[str]:
        return [xueqing(tmp_path / "home", *arguments, **env).stdout for arguments in asked]

    before = answers()
    for name, old, new in (
        ("programme.toml", "America/Detroit", "UTC"), ("programme.toml", '"Harbour"', '"Port"'),
        ("indicators.csv", "video|text,quantity,>,0", "video|text,quantity,>,60000"), ("survey_items.csv", "Satisfied", "Content"),
    ):  # fmt: skip
        text = (packs / P / name).read_text(encoding="utf-8-sig")
        assert old in text
        (packs / P / name).write_text(text.replace(old, new), encoding="utf-8")
    assert "differs from the one loaded" in done(tmp_path, "build", **env)
    assert answers() == before
    # Nor does a draft with errors.
    counties = (packs / P / "counties.csv").read_text(encoding="utf-8")
    (packs / P / "counties.csv").write_text("county_id\n", encoding="utf-8")
    assert answers() == before
    (packs / P / "counties.csv").write_text(counties, encoding="utf-8")
    done(tmp_path, "programme", "load", str(packs / P), "--from", "2016-01-01", **env)
    done(tmp_path, "build", **env)
    after = answers()
    assert all(now != then for now, then in zip(after[:5], before[:5], strict=True))
    assert "Port" in after[1]
    definitions = opened(tmp_path, **env).definitions
    assert definitions.time_zone(P) == "UTC"
    assert definitions.known_before(datetime.now(UTC) - timedelta(days=1)).time_zone(P) == "America/Detroit"


def test_rules_are_those_of_the_day_and_the_rest_is_the_newest(home: Path, tmp_path: Path) -> None:
    copied(home, tmp_path)
    shutil.copytree(home / "away", tmp_path / "packs")
    for name, old, new in (
        ("programme.toml", "assignment_pass_grade = 60", "assignment_pass_grade = 70"), ("programme.toml", "report_on = 2016-01-20", "report_on = 2016-02-16"),
        ("targets.csv", ",90", ",95"), ("counties.csv", "North,", "Norther,"),
    ):  # fmt: skip
        file = tmp_path / "packs" / P / name
        file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    done(tmp_path, "programme", "load", str(tmp_path / "packs" / P), "--from", "2016-02-01")
    definitions = opened(tmp_path).definitions
    for day, grade, target in ((31, 60, "90"), (32, 70, "95")):
        on = (datetime(2016, 1, 1) + timedelta(days=day - 1)).date()  # noqa: DTZ001 - local dates
        pack = definitions.in_force(P, on)
        assert (pack.assignment_pass_grade, pack.tables["targets"][0]["target_pct"]) == (grade, target)
        assert (str(pack.report_on), pack.tables["counties"][0]["label_en"]) == ("2016-02-16", "Norther")
