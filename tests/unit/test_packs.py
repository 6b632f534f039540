"""A pack that is wrong gives one list of everything that is wrong with it, and loads nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.programmes import vocabulary
from ingest.programmes.folders import find_packs
from ingest.programmes.indicators import MOST_SHARES, in_full
from ingest.programmes.pack import Pack, check_pack, load_pack
from ingest.programmes.template import new_pack
from pipelines.survey.form import pack_form
from pipelines.words import labels_of
from warehouse.errors import BadConfiguration


@pytest.fixture
def mine(packs: dict[str, Pack], tmp_path: Path) -> Path:
    folder = tmp_path / "packs" / "mine"
    shutil.copytree(packs["tianshui-2017"].path, folder)
    return folder


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_packs_that_ship_have_nothing_wrong(packs: dict[str, Pack]) -> None:
    assert {name: check_pack(pack.path) for name, pack in packs.items()} == {name: [] for name in packs}


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("indicators.csv", ",event_count,>=,1,", ",event_count,>=,0,", "row 3, threshold: 0; expected greater than 0"),
        ("indicators.csv", ",quantity,>,0,", ",quantity,>,-1,", "row 5, threshold: -1; expected 0 or more"),
        ("indicators.csv", ",quantity,>,0,", ",quantity,<,0,", "row 5, operator: '<' is unknown"),
        ("indicators.csv", "\nstudy,", "\nStudy rate,", "row 5, indicator: 'Study rate'; expected a name of small letters"),
        ("indicators.csv", "\nworkshop,", "\nparticipating,", "row 9, indicator: participating is a whole group"),
        ("indicators.csv", "effective_post,quantity", "effective_post,luck", "row 9, measure: 'luck' is unknown"),
        ("indicators.csv", "effective_post,quantity", "effective_post,", "row 9, measure: empty; expected quantity"),
        ("indicators.csv", "effective_post,quantity", "effective_post,has_passed", "row 9, activity: workshop follows from"),
        ("indicators.csv", "\nstudy,", "\nstudied,", "indicators.csv: no row for study"),
        ("indicators.csv", "\nstudy,", "\nstudied,", "row 15, denominator: 'study' is unknown"),
        ("indicators.csv", "rate,called_up,,", "rate,participating,,", "row 2, denominator: 'participating'; participation is a share of"),
        ("indicators.csv", "Study rate,participating", "Study rate,pass_of_studied", "row 5, denominator: study of pass_of_studied of study: no"),
        ("indicators.csv", "effective_post,quantity", "effective_post,event_count", "row 9, measure: effective_post is decided anew"),
        ("indicators.csv", "Pass rate,participating,", "Pass rate,participating,video", "row 14, activity: pass follows from placement"),
        ("indicators.csv", "video|text", "video|film", "row 5, activity: 'film' is unknown"),
        ("excellence.csv", ",837,,", ",837,12,", "row 2, quota_count: expected either quota_count or quota_pct"),
        ("excellence.csv", ",837,,", ",,120,", "row 2, quota_pct: 120; expected above 0 and at most 100"),
        ("excellence.csv", "points|featured", "points|charm", "row 2, order_by: 'charm' is unknown"),
        ("assessment_rules.csv", "online,60,36,", "online,60,half,", "row 2, stage_pass_points: 'half' is no number"),
        ("assessment_rules.csv", "online,60,36,", "online,60,0,", "row 2, stage_pass_points: 0; expected greater than 0"),
        ("assessment_rules.csv", "online,60,36,", "online,60,61,", "row 2, stage_pass_points: 61 of 60 points: nobody"),
        ("assessment_rules.csv", "online,60,36,", "online,60,35,", "row 3, stage_pass_points: '36', and '35' in row 2"),
        ("assessment_rules.csv", "study time,20,", "study time,-20,", "row 2, max_points: -20; expected 0 or more"),
        ("assessment_rules.csv", "study time,20,", "study time,21,", "the components of online add up to 61, not to 60"),
        ("assessment_rules.csv", ",1620,linear", ",0,linear", "row 2, target: 0; expected greater than 0"),
        ("assessment_rules.csv", ",1620,linear", ",1620,cubic", "row 2, scoring: 'cubic' is unknown"),
        ("counties.csv", "wushan,", "qinzhou,", "row 4, county_id: 'qinzhou' stands in row 3 already"),
        ("counties.csv", "county_id,", "county,", "row 1, county_id: no such column in the file"),
        ("counties.csv", "county_id,", "county,", "row 1, county: unknown column"),
        ("counties.csv", "武山县,", "", "row 4: not the 5 cells of the header"),
        ("subjects.csv", "chinese,", " ,", "row 2, subject_id: empty"),
        ("phases.csv", "2017-10-09", "2017-10-32", "row 2, ends_on: '2017-10-32' is no date"),
        ("phases.csv", "2017-10-09", "2017-08-09", "row 2, ends_on: before starts_on"),
        ("bulletins.csv", "2017-10-17,2017-10-16", "2017-10-15,2017-10-16", "row 2, issued_on: before as_of_on"),
        ("bulletins.csv", "2017-10-31,2017-10-30", "2017-10-31,2017-10-10", "row 3, as_of_on: not after the bulletin before it"),
        ("bulletins.csv", "registration|", "enthusiasm|", "row 2, focus: 'enthusiasm' is unknown"),
        ("bulletins.csv", "\n1,", "\n2,", "row 3, number: '2' stands in row 2 already"),
        ("targets.csv", "2017-10-20,100", "2017-10-20,120", "row 2, target_pct: 120; expected above 0 and at most 100"),
        ("targets.csv", "login,2017-10-10,2017-10-20", "login,2017-10-20,2017-10-20", "row 2, to_on: not after from_on"),
        ("targets.csv", "login,", "fame,", "row 2, indicator: 'fame' is unknown"),
        ("warnings.csv", "red,no_session", "red,no_smile", "row 2, kind: 'no_smile' is unknown"),
        ("warnings.csv", "no_session,red", "no_session,pink", "row 2, level: 'pink' is unknown"),
        ("warnings.csv", "no_session,7,", "no_session,0,", "row 2, threshold: 0; expected a whole number above 0"),
        ("actions.csv", ",no_session,1,", ",no_sleep,1,", "row 2, when: 'no_sleep' is unknown"),
        ("actions.csv", "Class tutors,3,", "Class tutors,soon,", "row 2, days: 'soon' is no number"),
        ("programme.toml", "Asia/Shanghai", "Asia/Tianshui", "timezone: no time zone 'Asia/Tianshui'"),
        ("programme.toml", "starts_on = 2017-10-10", 'starts_on = "soon"', "starts_on: 'soon' is no date"),
        ("programme.toml", "ends_on = 2017-12-20", "ends_on = 2016-12-20", "ends_on: before starts_on"),
        ("programme.toml", "label_zh = ", "label_cn = ", "label_zh: no such setting in the file"),
        ("programme.toml", "label_zh = ", "label_cn = ", "label_cn: unknown setting"),
        ("programme.toml", "grade = 60", "grade = 0", "assignment_pass_grade: 0; expected"),
        ("programme.toml", "label_zh = ", "label_zh ", "programme.toml: cannot be read"),
    ],
)  # fmt: skip
def test_each_mistake_is_told_with_its_place(mine: Path, file: str, old: str, new: str, told: str) -> None:
    edit(mine / file, old, new)
    problems = [str(p) for p in check_pack(mine)]
    assert any(told in p and p.startswith(file) for p in problems), problems
    with pytest.raises(BadConfiguration, match=re.escape(told)):
        load_pack(mine)


NAMES = "school_id,county_id,label_zh,label_en,valid_from_on\n"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("s2,nowhere,乙校,,", "schools.csv row 3, county_id: 'nowhere' is unknown; expected one of"),
        ("s2,qinzhou,,,", "schools.csv row 3, label_zh: ''; expected a name of 1 to 200 characters"),
        ("s2,qinzhou,乙校,,soon", "schools.csv row 3, valid_from_on: 'soon' is no date such as 2017-10-10"),
        ("s1,qinzhou,乙校,,", "schools.csv row 3, school_id: 's1' has a name of that date in row 2 already"),
        (",qinzhou,乙校,,", "schools.csv row 3, school_id: ''; expected an id of 1 to 200 characters"),
    ],
)
def test_a_groups_name_is_one_of_its_date_in_a_county_of_the_pack(mine: Path, row: str, told: str) -> None:
    (mine / "schools.csv").write_text(f"{NAMES}s1,qinzhou,甲校,School A,\n{row}\n", encoding="utf-8")
    assert any(str(p).startswith(told) for p in check_pack(mine)), check_pack(mine)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("xapi,v,*,,video.watched", "sources.csv row 2, counts_as: 'video.watched' is unknown; expected one of assignment.graded"),
        ("xapi,v,*,affected,post.published", "sources.csv row 2, learner: the learner of a statement is its actor"),
        ("xapi,v,course=1;kind=k,,post.published", "sources.csv row 2, condition: of statements only kind="),
        ("xapi,v,kind=http://example.org/k|other,,post.published", ""),
        ("xapi,v,*,,", ""),
    ],
)  # fmt: skip
def test_a_row_about_statements_asks_what_staging_knows(mine: Path, row: str, told: str) -> None:
    (mine / "sources.csv").write_text(f"platform,event,condition,learner,counts_as\n{row}\n", encoding="utf-8")
    problems = [str(p) for p in check_pack(mine)]
    assert bool(problems) == bool(told)
    assert all(p.startswith(told) for p in problems), problems


def test_a_group_may_be_named_anew_from_a_date_on(mine: Path) -> None:
    (mine / "schools.csv").write_text(f"{NAMES}s1,qinzhou,甲校,School A,\ns1,,乙校,,2017-11-01\n", encoding="utf-8")
    assert check_pack(mine) == []
    assert "schools.csv" in load_pack(mine).texts


def test_everything_is_told_at_once_and_nothing_is_loaded(mine: Path) -> None:
    edit(mine / "programme.toml", '"tianshui-2017"', '"mine"')
    edit(mine / "counties.csv", "wushan,", "qinzhou,")
    edit(mine / "phases.csv", "2017-10-09", "never")
    edit(mine / "assessment_rules.csv", ",1620,", ",-1,")
    with pytest.raises(BadConfiguration) as told:
        find_packs(mine.parent)
    assert str(told.value).splitlines() == [
        "the pack mine has 3 errors; nothing of it is loaded:",
        "  counties.csv row 4, county_id: 'qinzhou' stands in row 3 already",
        "  phases.csv row 2, ends_on: 'never' is no date such as 2017-10-10",
        "  assessment_rules.csv row 2, target: -1; expected greater than 0",
    ]


def test_a_new_pack_has_nothing_wrong(tmp_path: Path) -> None:
    folder = new_pack(tmp_path / "packs" / "mine", "mine-2026")
    assert check_pack(folder) == []
    assert find_packs(tmp_path / "packs")["mine-2026"].label_zh == "mine-2026"
    with pytest.raises(BadConfiguration, match="is there already"):
        new_pack(folder, "mine-2026")


def test_two_packs_of_one_name_are_refused(mine: Path) -> None:
    with pytest.raises(BadConfiguration, match="two packs are called tianshui-2017"):
        find_packs(mine.parent)


def test_a_file_that_is_missing_or_in_another_encoding_is_told(mine: Path) -> None:
    (mine / "phases.csv").unlink()
    (mine / "counties.csv").write_bytes("county_id,label_zh\nx,武山\n".encode("gb18030"))
    assert {str(p).split(":")[0] for p in check_pack(mine)} == {"phases.csv", "counties.csv"}


def test_a_pack_may_lack_the_calendar_and_what_hangs_on_it(mine: Path) -> None:
    for name in ("bulletins", "targets", "warnings", "actions", "reminders", "survey_items", "survey_levels"):
        (mine / f"{name}.csv").unlink()
    assert check_pack(mine) == []
    pack = load_pack(mine)
    assert pack.table("bulletins") == []
    assert "bulletins.csv" not in pack.definition


def test_a_wrong_reminder_and_a_level_twice_are_told_by_row_and_column(mine: Path) -> None:
    (mine / "reminders.csv").write_text(
        "rule_id,warning,channel,quiet_days,quota_count,daily_quota_count,text_zh,text_en\n"
        "a,no_session,pigeon,-1,0,1.5,甲,A\n"
        "a,unknown,sms,7,3,500,乙,B\n",
        encoding="utf-8",
    )
    (mine / "survey_levels.csv").write_text(
        "form_id,level,label_zh,label_en\nf,1,好,Good\ng,1,好,Good\nf,1,差,Bad\nf,high,中,Fair\n", encoding="utf-8"
    )
    told = [(p.file, p.row, p.column) for p in check_pack(mine)]
    assert sorted(told) == [
        ("reminders.csv", 2, "channel"),
        ("reminders.csv", 2, "daily_quota_count"),
        ("reminders.csv", 2, "quiet_days"),
        ("reminders.csv", 2, "quota_count"),
        ("reminders.csv", 3, "rule_id"),
        ("reminders.csv", 3, "warning"),
        ("survey_levels.csv", 4, "level"),
        ("survey_levels.csv", 5, "level"),
    ]


def test_levels_may_be_ordered_by_scores_of_their_own(mine: Path) -> None:
    head = "form_id,level,label_zh,label_en"
    (mine / "survey_items.csv").write_text("form_id,item_id,label_zh,label_en\nf,a,甲,A\n", encoding="utf-8")
    (mine / "survey_levels.csv").write_text(f"{head}\nf,1,好,Good\nf,2,差,Bad\n", encoding="utf-8")
    pack = load_pack(mine)
    assert [level.label_en for level in pack_form(pack).levels] == ["Bad", "Good"]
    assert pack.table("survey_items")[0]["is_reversed"] == ""
    more = f"{head},score,is_neutral"
    (mine / "survey_levels.csv").write_text(f"{more}\nf,1,差,Bad,1,\nf,2,好,Good,2,\n", encoding="utf-8")
    assert [level.label_en for level in pack_form(load_pack(mine)).levels] == ["Bad", "Good"]
    (mine / "survey_levels.csv").write_text(
        f"{more}\nf,1,差,Bad,1,true\nf,2,好,Good,,true\nf,3,优,Best,x,maybe\n", encoding="utf-8"
    )
    (mine / "survey_items.csv").write_text(
        "form_id,item_id,label_zh,label_en,is_reversed\nf,a,甲,A,yes\n", encoding="utf-8"
    )
    told = [(p.file, p.row, p.column) for p in check_pack(mine)]
    assert sorted(told, key=str) == [
        ("survey_items.csv", 2, "is_reversed"), ("survey_levels.csv", 2, "score"), ("survey_levels.csv", 3, "is_neutral"),
        ("survey_levels.csv", 4, "is_neutral"), ("survey_levels.csv", 4, "score"),
    ]  # fmt: skip


def test_every_measure_and_scoring_rule_has_words() -> None:
    assert set(labels_of("awards.measures")) == {
        name for names in vocabulary.award_measures().values() for name in names
    }
    assert vocabulary.scoring_rules() <= labels_of("evaluation").keys()


def test_a_breakdown_is_some_dimensions_under_a_name_of_its_own(mine: Path) -> None:
    header = "breakdown,dimensions,label_zh,label_en\n"

    def told(rows: str) -> list[str]:
        (mine / "breakdowns.csv").write_text(header + rows, encoding="utf-8")
        return [str(problem) for problem in check_pack(mine)]

    assert told("city_by_tier,city_id|tier,市与分层,City and tier\n") == []
    for rows, problem in (
        ("county,county_id,区县,County\n", "row 2, breakdown: county is there in any case"),
        ("County tier,county_id|tier,a,b\n", "row 2, breakdown: 'County tier'; expected a name of small letters"),
        ("tiers,tier|tier,a,b\n", "row 2, dimensions: 'tier|tier' names one twice"),
        ("tiers,tier|age,a,b\n", "row 2, dimensions: 'age' is unknown"),
        ("tiers,tier,a,b\ntiers,gender,a,b\n", "row 3, breakdown: 'tiers' stands in row 2 already"),
    ):
        assert any(problem in one for one in told(rows)), (rows, told(rows))


def test_a_share_of_shares_is_followed_to_its_group() -> None:
    def row(indicator: str, denominator: str) -> dict[str, str]:
        return {"indicator": indicator, "denominator": denominator, "measure": "event_count"}

    chain = [row("a0", "called_up"), *(row(f"a{n}", f"a{n - 1}") for n in range(1, 12))]
    others = [row("loop", "pool"), row("pool", "loop"), row("lost", "nowhere"), row("called_up", "participating")]
    found = {one["indicator"]: one for one in in_full([*chain, *others])}
    assert (found["a0"]["shares_of"], found["a0"]["whole_group"]) == ("", "called_up")
    assert (found["a3"]["shares_of"], found["a3"]["whole_group"]) == ("a2|a1|a0", "called_up")
    # A pack that nobody has checked harms nobody: not by its length, not by a circle, not by the name of a group.
    assert list(found) == [f"a{n}" for n in range(MOST_SHARES + 1)]


def test_definitions_are_the_same_in_every_process() -> None:
    """What differs is a reason to build in whole: no order of a set, which each process draws anew, may come in."""
    code = (
        "from ingest.programmes.folders import find_packs; from ingest.programmes.reference import reference_tables;"
        "print([(name, rows.to_pylist()) for name, rows in sorted(reference_tables(find_packs(None)).items())])"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, env=os.environ | {"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
