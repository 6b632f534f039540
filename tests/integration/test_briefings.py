"""Briefings, packs, the evaluation report and reminders: what they say, to whom, and that every figure can be had again."""

from __future__ import annotations

import csv
import json
import re
import shlex
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from pypdf import PdfReader

from ingest.packs import Pack
from ingest.sources.simulate.names import invented_people
from pipelines import steps, surveys
from pipelines.audit.against import compare
from pipelines.audit.auditing import audit
from pipelines.audit.compose import compose_audit
from pipelines.audit.model import Figure
from pipelines.audit.printed import Printed
from pipelines.reminders import COLUMNS, read_sent, sent_events
from pipelines.reports.briefing.compose import class_briefing, county_pack, staff_activity, subject_briefing
from pipelines.reports.briefing.files import read_index, write_briefings
from pipelines.reports.briefing.read import Standing, read_standing
from pipelines.reports.bulletin.editions import public_edition
from pipelines.reports.bulletin.model import Label, Share
from pipelines.reports.document import Document, Table
from pipelines.reports.document.files import file_part
from pipelines.reports.document.html import render_html
from pipelines.reports.document.markdown import render_markdown
from pipelines.reports.document.pdf import render_pdf
from pipelines.reports.document.xlsx import render_xlsx
from pipelines.reports.evaluation.compose import Evaluation, compose_evaluation, read_evaluation
from pipelines.settings import Settings
from pipelines.survey.answers import answers_of
from pipelines.survey.estimates import estimates
from pipelines.survey.form import pack_form
from pipelines.survey.statistics import Estimate
from pipelines.trace import parse_figure, trace
from pipelines.workspace import Workspace
from tests.conftest import ROOT
from tests.warehouse_help import raw_records
from warehouse.build import BuildOptions
from warehouse.errors import BadConfiguration, BadSource
from warehouse.query import connect

P = "tianshui-2017"
ZONE = "Asia/Shanghai"
ON = date(2017, 11, 27)
GOLDEN = ROOT / "tests" / "golden" / "briefings"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    home = tmp_path_factory.mktemp("briefings")
    made = Workspace(Settings.from_environment({"XUEQING_HOME": str(home)}))
    steps.run_simulation(made, P, seed=1, scale=1, faults=True, fraction=0.02)
    steps.run_sink(made)
    steps.build(made, BuildOptions())
    return made


@pytest.fixture(scope="module")
def standing(workspace: Workspace) -> Standing:
    with connect(workspace.warehouse.published) as con:
        found = read_standing(con, P, ON)
    return replace(found, bulletin=replace(found.bulletin, build_id="BUILD", definitions_digest="DEFINITIONS"))


@pytest.fixture(scope="module")
def evaluation(workspace: Workspace, packs: dict[str, Pack]) -> Evaluation:
    with connect(workspace.warehouse.published) as con:
        found = read_evaluation(con, packs[P], smallest=2)  # seven have answered the survey of the small programme
    return replace(found, bulletin=replace(found.bulletin, build_id="BUILD", definitions_digest="DEFINITIONS"))


@pytest.fixture(scope="module")
def reports(standing: Standing, evaluation: Evaluation) -> dict[str, Document]:
    full, public = standing.bulletin, public_edition(standing.bulletin, 10)
    largest = max(full.classes, key=lambda g: g.participating or 0).group_id
    small = public_edition(full, 2)
    made = {}
    for code in ("zh", "en"):
        made[f"class.restricted.{code}"] = class_briefing(standing, full, largest, code, ZONE)
        made[f"class.public.{code}"] = class_briefing(standing, small, largest, code, ZONE)
        made[f"subject.restricted.{code}"] = subject_briefing(standing, full, "chinese", code, ZONE)
        made[f"subject.public.{code}"] = subject_briefing(standing, public, "chinese", code, ZONE)
        made[f"county.restricted.{code}"] = county_pack(standing, full, "qinzhou", code, ZONE)
        made[f"county.public.{code}"] = county_pack(standing, public, "qinzhou", code, ZONE)
        made[f"staff.restricted.{code}"] = staff_activity(standing, code, ZONE)
        made[f"evaluation.public.{code}"] = compose_evaluation(evaluation, code, ZONE)
    assert all(made.values())
    return {name: document for name, document in made.items() if document is not None}


@pytest.mark.parametrize(
    "name",
    ["class.restricted.zh", "class.public.en", "subject.restricted.en", "subject.public.zh", "county.restricted.zh",
     "county.public.en", "staff.restricted.en", "evaluation.public.zh", "evaluation.public.en"],
)  # fmt: skip
def test_the_text_is_as_it_was(reports: dict[str, Document], name: str) -> None:
    """Golden files; delete one and run this to write it anew, then read what it says."""
    text = render_markdown(reports[name])
    file = GOLDEN / f"{name}.md"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        pytest.fail(f"{file} was written; read it, and run again")
    assert text == file.read_text(encoding="utf-8")


def test_every_report_renders_in_every_format_without_network_or_formulas(reports: dict[str, Document]) -> None:
    for name, document in reports.items():
        html = render_html(document)
        assert not re.search(r"(src|href)=\"https?:", html), name
        assert ("模拟" if name.endswith("zh") else "simulated") in html
        anchors, links = set(re.findall(r' id="([^"]+)"', html)), re.findall(r'href="#([^"]+)"', html)
        assert set(links) <= anchors, name
        pages = PdfReader(BytesIO(render_pdf(document))).pages
        assert re.sub(r"\s", "", pages[0].extract_text()).startswith(re.sub(r"\s", "", document.title)[:12])
        book = openpyxl.load_workbook(BytesIO(render_xlsx(document)))
        assert not [c for s in book.worksheets for row in s.iter_rows() for c in row if c.data_type == "f"], name


def test_public_reports_name_no_person(reports: dict[str, Document], standing: Standing) -> None:
    people = {x.enrolment_id for x in standing.learners} | {x.staff_key for x in standing.staff}
    assert len(people) > 150
    for name, document in reports.items():
        page = render_html(document)
        found = [p for p in people if p in page]
        assert bool(found) == ("restricted" in name), (name, found[:3])


def test_public_editions_withhold_what_the_bulletin_does(standing: Standing) -> None:
    public = public_edition(standing.bulletin, 10)
    withheld = {g.group_id for g in standing.bulletin.classes} - {g.group_id for g in public.classes}
    assert withheld
    for class_id in withheld:
        assert class_briefing(standing, public, class_id, "en", ZONE) is None
    hidden = [g.group_id for g in public.subjects if g.participating is None]
    assert hidden
    assert subject_briefing(standing, public, hidden[0], "en", ZONE) is None


def table(document: Document, start: str) -> Table:
    return next(b for b in document.blocks if isinstance(b, Table) and b.name.startswith(start))


def test_a_packs_levels_add_up_and_open_down_to_the_learner(reports: dict[str, Document], standing: Standing) -> None:
    rows = table(reports["county.restricted.en"], "Down to the learner").rows
    numbers = [[v.number for v in row.cells] for row in rows]
    own = [x for x in standing.learners if x.county_id == "qinzhou"]
    assert Counter(r.level for r in rows)[3] == len(own)
    for level in (0, 1, 2):
        for i, row in enumerate(rows):
            if row.level == level:
                end = next((k for k in range(i + 1, len(rows)) if rows[k].level <= level), len(rows))
                inside = [numbers[k] for k in range(i + 1, end) if rows[k].level == level + 1]
                for column in (1, 2, 3, 5, 7, 9):
                    assert numbers[i][column] == sum(n[column] or 0 for n in inside), (level, column)
    sheet = openpyxl.load_workbook(BytesIO(render_xlsx(reports["county.restricted.en"])))["Down to the learner"]
    levels = [sheet.row_dimensions[line].outline_level for line in range(3, sheet.max_row + 1)]
    assert set(levels) == {0, 1, 2, 3}
    assert sheet.row_dimensions[3 + levels.index(3)].hidden
    assert not sheet.sheet_properties.outlinePr.summaryBelow


def test_the_learners_of_a_standing_are_those_of_its_figures(standing: Standing) -> None:
    whole = standing.bulletin.whole
    assert len(standing.learners) == whole.participating
    for name, column in (("login", "has_logged_in"), ("study", "has_studied"), ("pass", "has_passed")):
        assert sum(getattr(x, column) for x in standing.learners) == whole.shares[name].numerator
    for (kind, group), components in standing.components.items():
        own = [x for x in standing.learners if x.group(kind) == group]
        assert sum(c.points_sum for c in components) == sum(x.points or 0 for x in own)


def test_files_are_listed_and_ids_are_no_paths(standing: Standing, tmp_path: Path) -> None:
    hostile = "../../etc/passwd"
    bulletin = standing.bulletin
    subjects = [replace(g, group_id=hostile, label=Label(hostile, hostile)) if g.group_id == "chinese" else g for g in bulletin.subjects]  # fmt: skip
    odd = replace(standing, bulletin=replace(bulletin, subjects=subjects))
    folder, entries = write_briefings(tmp_path, odd, time_zone=ZONE, kinds=["subject"], ids=[hostile], formats=["html"])
    names = {f.name for f in folder.iterdir()}
    assert names == {"index.json", *(f"subject.{file_part(hostile)}.{a}.{c}.html" for a in ("public", "restricted") for c in ("zh", "en"))}  # fmt: skip
    assert {p for p in tmp_path.rglob("*") if p.is_file()} == {folder / n for n in names}
    for file in folder.glob("*.restricted.*"):
        assert file.stat().st_mode & 0o077 == 0
    # What is written later is added to the list.
    write_briefings(tmp_path, standing, time_zone=ZONE, kinds=["staff"], formats=["md"])
    index = read_index(folder)
    assert index is not None
    assert [(e.kind, e.audience) for e in index.entries] == [("subject", "public"), ("subject", "restricted"), ("staff", "restricted")]  # fmt: skip
    assert index.is_simulated
    assert entries == index.entries[:2]
    with pytest.raises(BadConfiguration, match="there is no subject nowhere; there are: "):
        write_briefings(tmp_path, standing, time_zone=ZONE, kinds=["subject"], ids=["nowhere"])


def test_every_trace_gives_its_figure_again(workspace: Workspace, evaluation: Evaluation) -> None:
    with connect(workspace.warehouse.published) as con:
        for figure in evaluation.figures.values():
            if isinstance(figure.value, Share):
                found = trace(con, parse_figure(figure.trace))
                assert figure.value == Share(found.numerator_count, found.denominator_count), figure.name
                assert found.reconciles
            else:
                (value,) = con.execute(figure.trace).fetchone() or (None,)
                assert value == figure.value, figure.name
        rows = table(compose_evaluation(evaluation, "en", ZONE), "12. Traces").rows
        assert len(rows) > 50
        for row in rows:
            command, kind, what = shlex.split(row.cells[2].text)
            assert command == "xueqing"
            if kind == "sql":
                assert con.execute(what).fetchall(), what
            else:
                assert trace(con, parse_figure(what)).reconciles
    # Every figure of every table leads to one of them.
    document = compose_evaluation(evaluation, "zh", ZONE)
    anchors = {row.anchor for b in document.blocks if isinstance(b, Table) for row in b.rows if row.anchor}
    linked = {v.link for b in document.blocks if isinstance(b, Table) for row in b.rows for v in row.cells if v.link}
    assert linked == anchors


def test_the_survey_table_is_an_independent_count(workspace: Workspace, evaluation: Evaluation) -> None:
    counted: Counter[tuple[str, int]] = Counter()
    seen = set()
    for record in raw_records(workspace.settings.home / "log.sqlite"):
        body = json.loads(record.value) if b'"survey.answered"' in record.value else None
        if body and body["event_id"] not in seen:
            seen.add(body["event_id"])
            counted.update(body["payload"]["answers"].items())
    told = {(item, level): n for item, _, counts in evaluation.survey for level, n in counts.items()}
    assert told == counted
    assert len(evaluation.survey) == 11


def test_the_published_reports_contradictions_are_found_by_rule(evaluation: Evaluation) -> None:
    errors = [(s.rule, s.figures[0]) for s in evaluation.audit.errors]
    assert errors == [
        ("grim", "pass_rate"), ("grim", "pass_rate_again"), ("quotient", "pass_rate_offline"), ("grim", "item-5·level_4"),
        ("sum", "item-5·level_1"), ("sum", "item-7·level_1"), ("same", "pass_rate_again"), ("relation", "pass_rate"),
        ("relation", "assessed_hours"),
    ]  # fmt: skip
    rows = table(compose_evaluation(evaluation, "en", ZONE), "11. Where the published report contradicts itself").rows
    assert len(rows) == len(evaluation.audit.findings)


def test_printed_figures_stand_beside_those_of_the_events(workspace: Workspace) -> None:
    with connect(workspace.warehouse.published) as con:
        counts = con.execute(
            "select participating_count, login_count, pass_count from rpt_status where programme_id = ? and breakdown = 'programme'"
            " and as_of_on = (select max(as_of_on) from rpt_status where as_of_on <= '2017-12-25')", [P],
        ).fetchone()  # fmt: skip
        assert counts is not None
        whole, login, passed = counts
        told = {
            "right": (str(login), "login", ""), "wrong": (str(login + 1), "login", ""), "rate": (f"{100 * passed / whole:.1f}%", "pass", ""),
            "unknown": ("5", "nothing_of_the_kind", ""), "county": ("100.00%", "login", "秦州区"), "silent": ("7", "", ""),
        }  # fmt: skip
        figures = {
            n: Figure(n, Printed.parse(text), Label(n, n), indicator=indicator, group=group)
            for n, (text, indicator, group) in told.items()
        }
        found = compare(con, P, None, figures)
    assert found.is_simulated
    by_name = {row.figure: row for row in found.rows}
    assert "silent" not in by_name
    assert (by_name["right"].agrees, by_name["right"].difference) == (True, 0)
    assert (by_name["wrong"].agrees, by_name["wrong"].difference) == (False, -1)
    assert by_name["rate"].agrees
    assert by_name["unknown"].recomputed is None
    assert by_name["county"].recomputed is not None
    document = compose_audit(audit(figures), "zh", file="f.csv", on=found.as_of, compared=found)
    text = render_markdown(document)
    assert "模拟数据" in text
    assert "不一致" in text


def test_the_evaluation_withholds_small_groups_and_what_would_give_them_away(
    workspace: Workspace, packs: dict[str, Pack]
) -> None:
    with connect(workspace.warehouse.published) as con:
        whole, strict, everybody = (read_evaluation(con, packs[P], smallest=n) for n in (2, 40, 1_000))
    stages = {n: f.value for n, f in whole.figures.items() if n.startswith("stage:") and "+" not in n}
    assert min(v for v in stages.values() if isinstance(v, int)) < 40
    hidden = {n for n in stages if strict.figures[n].value is None}
    assert len(hidden) >= 2
    assert sum(v for n, v in stages.items() if n in hidden and isinstance(v, int)) >= 40
    assert {n for n in stages if strict.figures[n].value is not None} == {n for n in stages if n not in hidden}
    assert all(
        f.value is None for n, f in strict.figures.items() if n.startswith(("expert:", "staff:", "stage:primary+"))
    )
    assert strict.figures["tutor:grading"].value is None or whole.figures["tutors"].value >= 40  # type: ignore[operator]
    text = render_markdown(compose_evaluation(strict, "en", ZONE))
    assert "| Kindergarten | \\* |" in text
    # A programme of fewer tells of its courses only.
    told = {n.partition(":")[0] for n, f in everybody.figures.items() if f.value is not None}
    assert told == {"topics", "hours", "bulletins"}
    assert everybody.survey == []


def test_slots_are_told_apart_and_filled_from_the_pack(workspace: Workspace, packs: dict[str, Pack]) -> None:
    pack = packs[P]
    told = replace(
        pack, files={**pack.files, "narrative.csv": b"slot,text_zh,text_en\nbudget,\xe4\xb8\x87\xe5\x85\x83,Enough\n"}
    )
    with connect(workspace.warehouse.published) as con:
        text = render_html(compose_evaluation(read_evaluation(con, told), "en", ZONE))
    assert '<p class="slot"><b>Budget</b> Enough</p>' in text
    assert text.count("for the programme office to fill in") == 14


def test_reminders_go_out_once_and_come_back_as_events(
    workspace: Workspace, packs: dict[str, Pack], tmp_path: Path
) -> None:
    file = tmp_path / "out" / "reminders.csv"
    written, without = steps.write_reminders(workspace, P, ON, file, "zh", rule=None, phones=True)
    assert (without, file.stat().st_mode & 0o077) == (0, 0)
    with file.open(encoding="utf-8-sig", newline="") as source:
        rows = list(csv.DictReader(source))
    assert len(rows) == written > 10
    with connect(workspace.warehouse.published) as con:
        warned = {
            (w, e): n
            for w, e, n in con.execute(
                "select warning, enrolment_id, measured_count from rpt_warnings where as_of_on = ? and programme_id = ?",
                [ON, P],
            ).fetchall()
        }
        sent = con.execute(
            "select rule_id, enrolment_id, count(*), max(valid_from_on) from fct_reminders where valid_from_on <= ? group by all",
            [ON],
        ).fetchall()
    rules = {r["rule_id"]: r for r in packs[P].tables["reminders"]}
    before = {(rule, e): (n, last) for rule, e, n, last in sent}
    expected = {
        (name, e)
        for name, rule in rules.items()
        for w, e in warned
        if w == rule["warning"]
        and before.get((name, e), (0, None))[0] < int(rule["quota_count"])
        and (before.get((name, e), (0, None))[1] is None or (ON - before[name, e][1]).days > int(rule["quiet_days"]))
    }
    assert {(r["rule_id"], r["enrolment_id"]) for r in rows} == expected
    phones = {key: details["phone"] for key, _, details in invented_people(1, [r["learner_key"] for r in rows])}
    assert all(re.fullmatch(r"100\d{8}", r["phone"]) for r in rows)
    assert len(phones) == len({r["learner_key"] for r in rows})
    assert all(str(warned[rules[r["rule_id"]]["warning"], r["enrolment_id"]]) in r["text"] for r in rows)

    # Half of them were sent. Told twice, they count once.
    kept = tmp_path / "sent.csv"
    with kept.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS)
        writer.writeheader()
        writer.writerows(rows[::2])
    assert steps.record_reminders(workspace, kept) == len(rows[::2])
    assert steps.record_reminders(workspace, kept) == 0
    one = read_sent(kept)[:1]
    assert sent_events(one, datetime.now(UTC))[0].value != b""
    workspace.log.append(sent_events(one, datetime.now(UTC) + timedelta(seconds=1)))
    steps.run_sink(workspace)
    for stored in Path(workspace.settings.lake).rglob("*.parquet"):
        assert rows[0]["phone"].encode() not in stored.read_bytes()
    kept.write_text("a,b\n1,2\n")
    with pytest.raises(BadSource, match="has no column programme_id"):
        steps.record_reminders(workspace, kept)


def test_a_draft_says_so_and_seals_nothing(workspace: Workspace, standing: Standing) -> None:
    file = steps.draft_bulletin(workspace, P, 4, county="qinzhou", language="en", ending="md")
    text = file.read_text(encoding="utf-8")
    assert "> Draft: this bulletin has not been issued" in text
    assert file.stat().st_mode & 0o077 == 0
    places = {x.enrolment_id: x.county_id for x in standing.learners}
    told = [e for e in places if e in text]
    assert told
    assert {places[e] for e in told} == {"qinzhou"}
    assert steps.unsealed(workspace, P) == [1, 2, 3, 4, 5, 6]
    with pytest.raises(BadConfiguration, match="no county 'nowhere'; it has shizhi, qinzhou, wushan"):
        steps.draft_bulletin(workspace, P, 4, county="nowhere", language="en", ending="md")


def test_a_class_of_one_and_a_programme_without_staff(standing: Standing) -> None:
    one = standing.learners[0]
    alone = [replace(g, participating=1) for g in standing.bulletin.classes if g.group_id == one.class_id]
    odd = replace(
        standing, learners=[one], staff=[], weeks={}, components={}, reminders=[],
        bulletin=replace(standing.bulletin, classes=alone, learners=[], warnings=[]),
    )  # fmt: skip
    for code in ("zh", "en"):
        document = class_briefing(odd, odd.bulletin, str(one.class_id), code, ZONE)
        assert document is not None
        for render in (render_html, render_pdf, render_xlsx, render_markdown):
            assert render(document)
            assert render(staff_activity(odd, code, ZONE))
    assert class_briefing(odd, public_edition(odd.bulletin, 10), str(one.class_id), "en", ZONE) is None


def test_a_programmes_survey_is_that_of_its_events_and_marts(workspace: Workspace) -> None:
    found = surveys.programme_survey(workspace, P, None, smallest=2)
    with connect(workspace.warehouse.published) as con:
        on = found.people.as_of if found.people else None
        counted = con.execute(
            "select item_id, level, answer_count from rpt_survey_items where as_of_on = ?", [on]
        ).fetchall()
        rows = con.execute(
            "select breakdown, coalesce(group_id, ''), participating_count, respondent_count, respondent_study_s, participating_study_s,"
            " respondent_pass_count from rpt_survey_response where as_of_on = ? and programme_id = ?",
            [on, P],
        ).fetchall()
    form = found.answers.form
    assert {
        (item.item_id, level.code): n
        for item, result in zip(form.items, found.items, strict=True)
        for level, n in zip(form.levels, result.counts, strict=True) if n
    } == {(item, level): n for item, level, n in counted}  # fmt: skip
    response = {(b, g): (asked, n) for b, g, asked, n, *_ in rows}
    assert response.pop(("programme", "")) == (found.asked, found.answers.respondents)
    told = {(b, g): (r.asked, r.respondents) for b, groups in found.response.items() for g, r in groups.items()}
    assert response == told
    assert sum(asked for (b, _), (asked, _) in told.items() if b == "county") == found.asked
    (whole,) = [row for row in rows if row[0] == "programme"]
    beside = {one.measure: one for one in found.beside_others}
    assert beside["minutes"].respondents == pytest.approx(float(whole[4]) / 60 / whole[3])
    assert beside["minutes"].others == pytest.approx(float(whole[5] - whole[4]) / 60 / (whole[2] - whole[3]))
    assert beside["passed"].respondents == pytest.approx(whole[6] / whole[3])
    assert set(found.weighted) == {"county", "subject", "school_stage"}


def test_what_was_inferred_from_a_survey_is_a_table_that_equals_its_counts_and_its_report(workspace: Workspace) -> None:
    found = surveys.programme_survey(workspace, P, None)
    assert found.reliability is not None
    with connect(workspace.warehouse.published) as con:
        keys = "programme_id, as_of_on, form_id, statistic, item_id, level, other_item_id, breakdown, group_id, measure"
        assert con.execute(
            f"select count(*) = count(distinct ({keys})) and count(*) > 100 from survey_estimates"
        ).fetchone() == (True,)
        shares = con.execute(
            """
            select coalesce(c.answer_count, 0) / e.respondent_count - e.estimate, e.low <= e.estimate and e.estimate <= e.high
            from survey_estimates e left join rpt_survey_items c using (programme_id, as_of_on, form_id, item_id, level)
            where e.statistic = 'share'
            """
        ).fetchall()
        assert len(shares) == sum(len(i.shares) for i in found.items)
        assert all(abs(off) < 1e-12 and is_within for off, is_within in shares)

        def told(statistic: str) -> list[tuple[Any, ...]]:
            return con.execute(
                "select estimate, low, high from survey_estimates where statistic = ? order by item_id, level, breakdown",
                [statistic],
            ).fetchall()

        def of(estimates: Iterable[Estimate]) -> list[tuple[Any, ...]]:
            return [(e.value, e.low, e.high) for e in estimates]

        by_id = sorted(range(len(found.items)), key=lambda n: found.answers.form.items[n].item_id)
        assert told("mean") == of(found.items[n].mean for n in by_id)
        assert told("top_two_share") == of(found.items[n].top_two for n in by_id)
        assert told("alpha") == of([found.reliability.alpha])
        assert told("omega") == of([found.reliability.omega])
        assert len(told("design_effect")) == sum(w is not None for ws in found.weighted.values() for w in ws)
        assert len(told("kruskal_wallis")) == len(found.differences)
    with pytest.raises(ValueError, match="those who take part"):
        next(estimates(replace(found, people=None)))


def test_a_survey_report_is_written_beside_the_briefings(workspace: Workspace) -> None:
    folder, files = surveys.write_survey(workspace, P, None, formats=["html", "md"], smallest=2)
    assert files == 8
    index = read_index(folder)
    assert index is not None
    assert {(e.kind, e.id, e.audience) for e in index.entries} >= {
        ("survey", "satisfaction-2017", "public"), ("survey", "satisfaction-2017", "restricted"),
    }  # fmt: skip
    assert (folder / "survey.satisfaction-2017.restricted.zh.md").stat().st_mode & 0o077 == 0
    assert "模拟" in (folder / "survey.satisfaction-2017.public.zh.md").read_text(encoding="utf-8")


def test_a_files_answers_become_events_once_and_only_of_those_who_take_part(
    workspace: Workspace, packs: dict[str, Pack]
) -> None:
    with connect(workspace.warehouse.published) as con:
        enrolments = [
            r[0]
            for r in con.execute(
                "select enrolment_id from rpt_learners where programme_id = ? and as_of_on = '2017-12-25' order by 1 limit 3", [P]
            ).fetchall()
        ]  # fmt: skip
    form = pack_form(packs[P])
    rows: dict[str, list[str]] = {"enrolment_id": [*enrolments, "nobody", ""]}
    for item in form.items:
        rows[item.label_zh] = ["很满意", "4", "没有这一级", "满意", "满意"]
    rows[form.items[0].label_zh][2] = "一般"
    answers = answers_of(pa.table(rows), form, "answers.csv")
    written, found = surveys.import_answers(workspace, answers, P, date(2017, 12, 20))
    assert written == 3
    assert [(p.row, p.why.en) for p in found.problems if p.column == "enrolment_id"] == [
        (5, "not among those who take part"), (6, "without a key: nobody knows whose"),
    ]  # fmt: skip
    assert len(found.problems) == 2 + 10
    assert surveys.import_answers(workspace, answers, P, date(2017, 12, 20))[0] == 0
    records = raw_records(workspace.settings.home / "log.sqlite")
    payloads = [json.loads(r.value)["payload"] for r in records if b'"survey-file"' in r.value]
    assert {p["enrolment_id"]: set(p["answers"].values()) for p in payloads} == dict(
        zip(enrolments, [{1}, {4}, {3}], strict=True)
    )
