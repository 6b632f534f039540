"""Briefings, packs, the evaluation report and reminders: what they say, to whom, and that every figure can be had again."""

from __future__ import annotations

import csv
import getpass
import io
import json
import re
import shlex
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import msoffcrypto
import openpyxl
import pyarrow as pa
import pytest
from pypdf import PdfReader

from ingest.identity import Reading
from ingest.programmes.pack import Pack
from ingest.sources.simulate.names import invented_people
from pipelines.audit.auditing import audit
from pipelines.audit.model import PrintedFigure
from pipelines.audit.printed import Printed
from pipelines.collect.simulation import run_simulation
from pipelines.collect.sink import run_sink
from pipelines.reading.asked_figure import parse_figure
from pipelines.reading.bulletin import read_bulletin
from pipelines.reading.comparison import compare
from pipelines.reading.evaluation import read_evaluation
from pipelines.reading.standing import read_standing
from pipelines.reading.trace import trace
from pipelines.reports.audit import compose_audit
from pipelines.reports.briefing.compose import class_briefing, county_pack, staff_activity, subject_briefing
from pipelines.reports.briefing.files import read_index, write_briefings
from pipelines.reports.briefing.model import Standing
from pipelines.reports.bulletin.editions import public_edition
from pipelines.reports.bulletin.sealing import Seal
from pipelines.reports.document import Document, Table
from pipelines.reports.document.html import render_html
from pipelines.reports.document.markdown import render_markdown
from pipelines.reports.document.names import file_part
from pipelines.reports.document.pdf import render_pdf
from pipelines.reports.document.xlsx import render_xlsx
from pipelines.reports.evaluation.compose import compose_evaluation
from pipelines.reports.evaluation.model import Evaluation
from pipelines.settings import Settings
from pipelines.steps import surveys
from pipelines.steps.build import build
from pipelines.steps.bulletins import draft_bulletin, unsealed, write_named_bulletin
from pipelines.steps.naming import Naming
from pipelines.steps.people import readings
from pipelines.steps.reminders import COLUMNS, read_sent, record_reminders, sent_events, write_reminders
from pipelines.steps.reports import write_briefings as write_named
from pipelines.survey.answers import answers_of
from pipelines.survey.estimates import estimates
from pipelines.survey.form import pack_form
from pipelines.survey.statistics import Estimate
from pipelines.words import Label, Share
from pipelines.workspace import Workspace
from tests.command_line import xueqing
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
    run_simulation(made, P, seed=1, scale=1, faults=True, fraction=0.02)
    run_sink(made)
    build(made, BuildOptions())
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
            n: PrintedFigure(n, Printed.parse(text), Label(n, n), indicator=indicator, group=group)
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
    written, without = write_reminders(workspace, P, ON, file, "zh", rule=None, phones=True)
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
    assert record_reminders(workspace, kept) == len(rows[::2])
    assert record_reminders(workspace, kept) == 0
    one = read_sent(kept)[:1]
    assert sent_events(one, datetime.now(UTC))[0].value != b""
    workspace.log.append(sent_events(one, datetime.now(UTC) + timedelta(seconds=1)))
    run_sink(workspace)
    for stored in Path(workspace.settings.lake).rglob("*.parquet"):
        assert rows[0]["phone"].encode() not in stored.read_bytes()
    kept.write_text("a,b\n1,2\n")
    with pytest.raises(BadSource, match="has no column programme_id"):
        record_reminders(workspace, kept)


def test_a_draft_says_so_and_seals_nothing(workspace: Workspace, standing: Standing) -> None:
    file = draft_bulletin(workspace, P, 4, county="qinzhou", language="en", ending="md")
    text = file.read_text(encoding="utf-8")
    assert "> Draft: this bulletin has not been issued" in text
    assert file.stat().st_mode & 0o077 == 0
    places = {x.enrolment_id: x.county_id for x in standing.learners}
    told = [e for e in places if e in text]
    assert told
    assert {places[e] for e in told} == {"qinzhou"}
    assert unsealed(workspace, P) == [1, 2, 3, 4, 5, 6]
    with pytest.raises(BadConfiguration, match="no county 'nowhere'; it has shizhi, qinzhou, wushan"):
        draft_bulletin(workspace, P, 4, county="nowhere", language="en", ending="md")


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


NAMING = Naming("an office", "a test")


def people_of(workspace: Workspace) -> dict[str, dict[str, str]]:
    """Enrolment → the details that the vault has, by other means than the reports'."""
    with connect(workspace.warehouse.published) as con:
        keys = dict(con.execute("select distinct enrolment_id, learner_key from dim_enrolments").fetchall())
    with closing(workspace.vault()) as vault:
        return {enrolment: vault.show(key) for enrolment, key in keys.items()}


def readings_of(workspace: Workspace) -> list[Reading]:
    return readings(workspace, None)[0]


def test_reports_with_names_have_those_of_their_group_and_no_other(workspace: Workspace, standing: Standing) -> None:
    people = people_of(workspace)
    group = max(standing.bulletin.classes, key=lambda g: g.participating or 0)
    own = {x.enrolment_id for x in standing.learners if x.class_id == group.group_id}
    before = len(readings_of(workspace))
    folder, files = write_named(
        workspace, P, ON, kinds=["class"], ids=[group.label.zh], formats=["md"], languages=["zh"], naming=NAMING
    )
    assert (files, folder.is_relative_to(workspace.settings.named)) == (1, True)
    (file,) = folder.glob("*.md")
    text = file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o077 == 0
    assert "本件含姓名与电话" in text
    for enrolment, details in people.items():
        assert (details["phone"] in text) == (enrolment in own), enrolment
    assert all(people[enrolment]["name"] in text for enrolment in own)
    assert group.label.zh in text
    (entry,) = readings_of(workspace)[before:]
    tutors = sum((x.scope_kind, x.scope_id) == ("class", group.group_id) for x in standing.staff)
    assert (entry.by_whom, entry.purpose, entry.person_count) == ("an office", "a test", len(own) + tutors)
    assert f"class {group.label.zh}" in entry.scope
    assert f"第 {entry.number} 号，校验 {entry.link[:12]}" in text
    # Without the names it is the edition that is written otherwise.
    plain = render_markdown(class_briefing(standing, standing.bulletin, group.group_id, "zh", ZONE))  # type: ignore[arg-type]
    assert "电话" not in plain
    assert {e for e in people if e in plain} == {e for e in people if e in text}


def test_a_county_pack_with_names_opens_with_its_password(workspace: Workspace, standing: Standing) -> None:
    people = people_of(workspace)
    own = [x.enrolment_id for x in standing.learners if x.county_id == "qinzhou"]
    with pytest.raises(BadConfiguration, match="no password can be put on md"):
        write_named(workspace, P, ON, kinds=["county"], formats=["md"], naming=replace(NAMING, password="x"))
    locked = replace(NAMING, password="秘密")
    folder, _ = write_named(
        workspace, P, ON, kinds=["county"], ids=["qinzhou"], formats=["xlsx"], languages=["zh"], naming=locked
    )
    file = msoffcrypto.OfficeFile(io.BytesIO((folder / "county.qinzhou.restricted.zh.xlsx").read_bytes()))
    file.load_key(password="秘密", verify_password=True)
    opened = io.BytesIO()
    file.decrypt(opened)
    rows = list(openpyxl.load_workbook(opened)["逐级明细"].iter_rows(min_row=2, values_only=True))
    assert rows[0][:3] == ("区县／学校／班级／学员", "电话", "注册号")
    told = {row[2]: row[:2] for row in rows[1:] if row[2]}
    assert told == {e: (people[e]["name"], people[e]["phone"]) for e in own}
    assert readings_of(workspace)[-1].person_count == len(own)


def test_lists_of_warnings_and_of_completion_name_those_whom_they_are_about(
    workspace: Workspace, standing: Standing
) -> None:
    people, on = people_of(workspace), date(2017, 12, 25)
    with connect(workspace.warehouse.published) as con:
        passed = {r[0] for r in con.execute("select enrolment_id from rpt_learners where as_of_on = ? and has_passed and county_id = 'wushan'", [on]).fetchall()}  # fmt: skip
        warned = {
            r[0] for r in con.execute("select enrolment_id from rpt_warnings where as_of_on = ?", [ON]).fetchall()
        }
    assert len(passed) > 10
    assert len(warned) > 5
    folder, _ = write_named(
        workspace, P, on, kinds=["completion"], ids=["wushan"], formats=["xlsx"], languages=["zh"], naming=NAMING
    )
    rows = list(
        openpyxl.load_workbook(folder / "completion.wushan.restricted.zh.xlsx")["结业名单"].iter_rows(
            min_row=3, values_only=True
        )
    )
    assert {row[2]: row[:2] for row in rows} == {e: (people[e]["name"], people[e]["phone"]) for e in passed}
    assert all(str(row[3]).startswith("武山县") and str(row[4]).startswith("武山") for row in rows)
    assert readings_of(workspace)[-1].person_count == len(passed)
    plain, files = write_named(workspace, P, ON, kinds=["warnings"], formats=["xlsx"], languages=["en"])
    assert (plain.is_relative_to(workspace.settings.briefings), files) == (True, 1)
    rows = list(
        openpyxl.load_workbook(plain / "warnings.restricted.en.xlsx")["List of warnings"].iter_rows(
            min_row=3, values_only=True
        )
    )
    assert [row[0] for row in rows] == list(dict.fromkeys(row[0] for row in rows))
    assert {row[0] for row in rows} == warned
    assert xueqing(workspace.settings.home, "report", "completion", "nowhere", "--with-names").returncode == 1


def test_a_sealed_bulletin_stays_without_names_and_the_one_with_names_says_what_it_is(
    workspace: Workspace, standing: Standing
) -> None:
    with connect(workspace.warehouse.published) as con:
        bulletin = read_bulletin(con, P, 4)
    folder = workspace.settings.bulletins / P / "004"
    with pytest.raises(BadConfiguration, match="was not issued yet"):
        write_named_bulletin(workspace, P, 4, NAMING, language="zh", formats=["md"])
    folder.mkdir(parents=True)
    data, public = (msgspec.json.encode(b, order="sorted") for b in (bulletin, public_edition(bulletin, 10)))
    seal = Seal(
        P, 4, datetime.now(UTC), bulletin.as_of, bulletin.known_by, bulletin.build_id, bulletin.definitions_digest, ZONE, 10,
        sha256(data).hexdigest(), sha256(public).hexdigest(), {},
    )  # fmt: skip
    for name, content in (("bulletin.json", data), ("public.json", public), ("seal.json", msgspec.json.encode(seal))):
        (folder / name).write_bytes(content)
    people = people_of(workspace)
    there, files = write_named_bulletin(workspace, P, 4, NAMING, counties=["wushan"], language="zh", formats=["md"])
    (file,) = files
    text = file.read_text(encoding="utf-8")
    assert (there.is_relative_to(workspace.settings.named), file.stat().st_mode & 0o077) == (True, 0)
    assert "不属于已封存的内容" in text
    places = {x.enrolment_id: x.county_id for x in standing.learners}
    told = {e for e, details in people.items() if details["phone"] in text}
    assert told
    assert {places[e] for e in told} == {"wushan"}
    assert {x.enrolment_id for x in bulletin.learners if x.county_id == "wushan"} <= told | {
        x.enrolment_id for x in bulletin.learners[60:]
    }
    assert "武山县" in readings_of(workspace)[-1].scope
    with pytest.raises(BadConfiguration, match="no county nowhere"):
        write_named_bulletin(workspace, P, 4, NAMING, counties=["nowhere"], language="zh", formats=["md"])
    for old in folder.iterdir():
        old.unlink()


def test_people_are_listed_found_shown_and_every_reading_is_recorded(workspace: Workspace) -> None:
    home, people = workspace.settings.home, people_of(workspace)
    before = len(readings_of(workspace))
    with connect(workspace.warehouse.published) as con:
        enrolment, class_id, label, count = con.execute(
            """
            with taking_part as (
                select * from dim_enrolments where is_participating and valid_to_on = '9999-12-31' and valid_from_on <= '2017-12-25'
            )
            select min(e.enrolment_id), e.class_id, min(g.label_zh), count(*) from taking_part e
            join dim_groups g on g.kind = 'class' and g.group_id = e.class_id group by e.class_id order by 4 desc, 2 limit 1
            """
        ).fetchone()  # type: ignore[misc]
    listed = xueqing(home, "people", "list", "--class", label, "--lang", "zh")
    assert listed.stdout.count("是") + listed.stdout.count("否") >= count
    assert people[enrolment]["phone"] in listed.stdout
    phone = people[enrolment]["phone"]
    found = xueqing(home, "people", "find", phone, "--class", class_id)
    assert (people[enrolment]["name"] in found.stdout, enrolment in found.stdout) == (True, True)
    nobody = xueqing(home, "people", "find", "10099999999", "--class", class_id)
    assert (nobody.returncode, nobody.stdout) == (1, "")
    shown = xueqing(home, "people", "show", enrolment)
    assert f"phone: {phone}" in shown.stdout
    file = home / "list.csv"
    assert xueqing(home, "people", "list", "--class", label, "--to", str(file), "--lang", "en").returncode == 0
    rows = list(csv.reader(io.StringIO(file.read_text(encoding="utf-8-sig"))))
    assert (len(rows), rows[0][0], file.stat().st_mode & 0o077) == (count + 1, "Name", 0)
    assert {row[1] for row in rows[1:]} <= {details["phone"] for details in people.values()}
    entries = readings_of(workspace)[before:]
    assert [(e.purpose, e.person_count) for e in entries] == [
        ("people list", count), ("people find", 1), ("people find", 0), ("people show", 1), ("people list", count),
    ]  # fmt: skip
    assert {e.by_whom for e in entries} == {getpass.getuser()}
    told = xueqing(home, "people", "readings", enrolment)
    assert f"{len(readings_of(workspace)):,} readings, each as it was written" in told.stdout
    assert "no class 'nowhere'" in xueqing(home, "people", "list", "--class", "nowhere").stderr


def test_a_person_gets_everything_about_them_and_nobody_elses(workspace: Workspace, tmp_path: Path) -> None:
    with connect(workspace.warehouse.published, workspace.lake) as con:
        enrolment, key = con.execute(
            "select enrolment_id, learner_key from fct_scorecards join dim_enrolments using (programme_id, enrolment_id)"
            " where has_passed order by 1 limit 1"
        ).fetchone()  # type: ignore[misc]
        expected = con.execute(
            "select count(*) from lake.accepted where learner_key = $1 or enrolment_id = $2", [key, enrolment]
        ).fetchone()
    details = people_of(workspace)[enrolment]
    done = xueqing(
        workspace.settings.home, "people", "export", enrolment, "--to", str(tmp_path / "own"), "--lang", "zh"
    )
    assert done.returncode == 0, done.stderr
    files = sorted((tmp_path / "own").iterdir())
    assert [f.name for f in files] == ["person.html", "person.json", "person.pdf"]
    assert all(f.stat().st_mode & 0o077 == 0 for f in files)
    own = json.loads((tmp_path / "own" / "person.json").read_bytes())
    assert (own["keys"], own["details"]) == ([key], details)
    assert expected == (len(own["records"]),)
    assert {r["learner_key"] for r in own["records"] if r["learner_key"]} == {key}
    assert {r["enrolment_id"] for r in own["records"] if r["enrolment_id"]} == {enrolment}
    assert {
        r["enrolment_id"] for section in ("enrolments", "scores", "indicators", "activities") for r in own[section]
    } == {enrolment}
    assert own["readings"][-1]["purpose"] == "people export"
    text = (tmp_path / "own" / "person.html").read_text(encoding="utf-8")
    assert details["name"] in text
    others = [d["phone"] for d in people_of(workspace).values() if d != details]
    assert not [phone for phone in others if phone in text or phone in json.dumps(own)]


def test_correcting_and_merging_change_names_and_no_figure(workspace: Workspace) -> None:
    home = workspace.settings.home
    people = people_of(workspace)
    first, second = sorted(people)[:2]
    figures = workspace.warehouse.published.read_bytes()
    assert xueqing(home, "people", "correct", first, "--name", "欧阳修").returncode == 0
    assert people_of(workspace)[first] == people[first] | {"name": "欧阳修"}
    assert "say what is right" in xueqing(home, "people", "correct", first).stderr
    merged = xueqing(home, "people", "merge", first, second)
    assert "is the same person as" in merged.stdout
    assert "keys of the same person" in xueqing(home, "people", "show", first).stdout
    assert people_of(workspace)[first] == people[second]
    assert "is parted from" in xueqing(home, "people", "merge", first, "--undo").stdout
    assert people_of(workspace)[first]["name"] == "欧阳修"
    assert xueqing(home, "people", "merge", first).returncode == 1
    assert workspace.warehouse.published.read_bytes() == figures


def test_names_are_in_the_vault_and_in_files_with_names_only(workspace: Workspace) -> None:
    """Comes last: whatever the tests before have written is looked through, as it lies there."""
    wanted = [text.encode() for d in people_of(workspace).values() for text in (d["phone"],)][:50]
    allowed = (workspace.settings.named, workspace.settings.home / "list.csv")
    found = [
        str(file)
        for file in workspace.settings.home.rglob("*")
        if file.is_file()
        and not any(file == place or file.is_relative_to(place) for place in allowed)
        and any(phone in file.read_bytes() for phone in wanted)
    ]
    assert found == []
