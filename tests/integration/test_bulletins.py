"""Bulletins: what they say, in every edition, format and language; sealing; what would be others now."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from ingest.log.port import NewRecord
from ingest.log.sqlite import SqliteLog
from ingest.programmes.pack import Pack
from ingest.programmes.reference import reference_tables
from ingest.sink import Sink
from ingest.sources.simulate import simulate
from pipelines.quality import QualityGate
from pipelines.reading.bulletin import read_bulletin
from pipelines.reading.calendar import calendar
from pipelines.reading.status import read_status
from pipelines.reading.steps import read_steps
from pipelines.reports.bulletin.compose import compose
from pipelines.reports.bulletin.editions import county_edition, public_edition
from pipelines.reports.bulletin.model import Bulletin, Group
from pipelines.reports.bulletin.sealing import changed_figures, editions, issue, read_sealed
from pipelines.reports.document.html import render_html
from pipelines.reports.document.markdown import render_markdown
from pipelines.reports.document.pdf import render_pdf
from pipelines.reports.document.xlsx import render_xlsx
from pipelines.reports.page import write_pages
from pipelines.reports.site import issued, write_site
from pipelines.words import Label
from tests import samples
from tests.browser import measure
from tests.conftest import ROOT
from tests.oracle import Oracle, Rules
from tests.unit.test_disclosure import given_away
from tests.warehouse_help import raw_records
from warehouse.build import Warehouse
from warehouse.errors import BadConfiguration, SealBroken
from warehouse.lake import Lake
from warehouse.query import connect

P = "tianshui-2017"
ZONE = "Asia/Shanghai"
GOLDEN = ROOT / "tests" / "golden" / "bulletins"


class Home:
    """A small simulated programme, built and published."""

    def __init__(self, folder: Path, packs: dict[str, Pack]) -> None:
        self.folder, self.packs = folder, packs
        self.log = SqliteLog(folder / "log.sqlite")
        self.lake = Lake(str(folder / "lake"))
        self.warehouse = Warehouse(folder / "warehouse")
        (simulation,) = simulate(packs[P], fraction=0.02, faults=True)
        self.add(simulation.records)

    def add(self, records: list[NewRecord]) -> None:
        self.log.append(records)
        Sink(self.log, self.lake).run()
        self.warehouse.build(self.lake, reference_tables(self.packs), gate=QualityGate(self.folder / "docs"))

    @cached_property
    def bulletin_4(self) -> Bulletin:
        return self.bulletin(4)

    def bulletin(self, number: int, county_id: str | None = None) -> Bulletin:
        with connect(self.warehouse.published) as con:
            return read_bulletin(con, P, number, county_id=county_id)


@pytest.fixture(scope="module")
def home(packs: dict[str, Pack], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    made = Home(tmp_path_factory.mktemp("bulletins"), packs)
    yield made
    made.log.close()


def steady(bulletin: Bulletin) -> Bulletin:
    """Without what names the build."""
    return replace(bulletin, build_id="BUILD", definitions_digest="DEFINITIONS")


@pytest.mark.parametrize("number", [1, 4, 6])
def test_its_figures_are_the_oracles(home: Home, packs: dict[str, Pack], number: int) -> None:
    bulletin = home.bulletin(number)
    oracle = Oracle.read(raw_records(home.folder / "log.sqlite"), Rules(packs[P].path), P).status(bulletin.as_of)

    def counts(*cell: str) -> dict[str, int]:
        return oracle[cell]  # type: ignore[index]

    checked = [(bulletin.whole, counts("programme"))]
    checked += [(g, counts("county", g.group_id)) for g in bulletin.counties]
    checked += [(g, counts("subject", g.group_id)) for g in bulletin.subjects]
    checked += [(g, counts("county_subject", g.county_id or "", g.subject_id or "")) for g in bulletin.grid]
    checked += [(g, counts("class", g.group_id)) for g in bulletin.classes]
    checked += [(g, counts("school", g.group_id)) for g in bulletin.schools]
    assert len(checked) > 60
    for group, expected in checked:
        assert group.participating == expected["participating"]
        for indicator, share in group.shares.items():
            assert share.numerator == expected[indicator], (group.group_id, indicator)
    assert (
        len([x for x in bulletin.learners if not x.has_passed])
        == counts("programme")["participating"] - counts("programme")["pass"]
    )
    assert {i.indicator for i in bulletin.indicators if i.is_focus} <= set(bulletin.whole.shares)
    assert bulletin.previous_as_of == (None if number == 1 else bulletin.as_of - timedelta(days=14))


def test_warnings_pace_and_next_steps_follow_the_packs_rules(home: Home) -> None:
    bulletin = home.bulletin(4)
    (course,) = [i for i in bulletin.indicators if i.indicator == "course_study"]
    # 48 of the 51 days to 98 %.
    assert course.needed_ratio == (Decimal("0.98") * 48 / 51).quantize(Decimal("1e-8"))
    with connect(home.warehouse.published) as con:
        for warning in bulletin.warnings:
            assert warning.count == sum(n or 0 for n in warning.by_county.values())
            assert warning.count == sum(warning.warning in x.warnings for x in bulletin.learners)
        # Told again in plain Python, from the days of each enrolment.
        days = con.execute(
            "select enrolment_id, local_on, activity, event_count, quantity from fct_enrolment_days where local_on <= '2017-11-27'"
        ).fetchall()
        opened = dict(con.execute("select enrolment_id, min(valid_from_on) from fct_scorecards group by 1").fetchall())
        learning = {
            r[0]
            for r in con.execute(
                "select enrolment_id from dim_enrolments join fct_scorecards c using (programme_id, enrolment_id)"
                " where dim_enrolments.is_participating and not c.has_passed and c.valid_from_on <= '2017-11-27'"
                " and c.valid_to_on > '2017-11-27' and dim_enrolments.valid_from_on <= '2017-11-27'"
                " and dim_enrolments.valid_to_on > '2017-11-27'"
            ).fetchall()
        }
    on = date(2017, 11, 27)
    idle, studied, whole = set(), set(), {}
    for enrolment in learning:
        own = [d for d in days if d[0] == enrolment]
        sessions = [d[1] for d in own if d[2] == "session" and d[3] > 0]
        if (on - max([opened[enrolment], *sessions])).days >= 7:
            idle.add(enrolment)
        whole[enrolment] = sum(d[4] for d in own if d[2] in ("video", "text"))
        if (
            sum(d[4] for d in own if d[2] in ("video", "text") and (on - d[1]).days < 7) < 67 * 60
            and whole[enrolment] < 97_200
        ):
            studied.add(enrolment)
    told = {w: {x.enrolment_id for x in bulletin.learners if w in x.warnings} for w in ("no_session", "little_study")}
    assert told == {"no_session": idle, "little_study": studied}
    assert idle
    causes = {w.warning: w.count for w in bulletin.warnings}
    assert {a.when for a in bulletin.actions} >= {"pace:course_study", "pace:assignment_submission"}
    for action in bulletin.actions:
        assert action.due_on > bulletin.issued_on
        if action.when in causes:
            assert action.count == causes[action.when] > 0
            assert "{count}" in action.text.en


def test_who_is_behind_and_what_follows_are_as_plainly_counted(home: Home, packs: dict[str, Pack]) -> None:
    targets = {r["indicator"]: r for r in packs[P].tables["targets"]}
    least = {r["when"]: (r["action"], int(r["minimum_count"])) for r in packs[P].tables["actions"]}
    seen = set()
    with connect(home.warehouse.published) as con:
        for on in (date(2017, 10, 16), date(2017, 10, 28), date(2017, 11, 27), date(2017, 12, 20)):

            def rows(sql: str, on: date = on) -> list[tuple[Any, ...]]:
                return con.execute(sql, {"on": on}).fetchall()

            def asked(indicator: str, on: date = on) -> Fraction:
                row = targets[indicator]
                first, last = date.fromisoformat(row["from_on"]), date.fromisoformat(row["to_on"])
                return (
                    Fraction(row["target_pct"]) / 100 * (min(max(on, first), last) - first).days / (last - first).days
                )

            behind = {
                (indicator, breakdown, cell)
                for indicator, breakdown, cell, n, of in rows(
                    "select indicator, breakdown, cell_id, numerator_count, denominator_count from rpt_indicators where as_of_on = $on"
                )
                if indicator in targets and of and Fraction(n, of) < asked(indicator)
            }
            assert behind == set(rows("select indicator, breakdown, cell_id from rpt_behind_pace where as_of_on = $on"))
            causes = Counter(
                (("programme", ""), f"pace:{i}")
                for i, breakdown, cell in behind
                if breakdown == "county" and cell != "~"
            )
            for warning, class_id, subject_id in rows(
                "select w.warning, e.class_id, e.subject_id from rpt_warnings w join dim_enrolments e using (programme_id, enrolment_id)"
                " where w.as_of_on = $on and e.valid_from_on <= $on and e.valid_to_on > $on"
            ):
                groups = [("programme", ""), ("class", class_id), ("subject", subject_id)]
                causes.update(((kind, group), warning) for kind, group in groups if group is not None)
            steps = {
                (*group, least[cause][0], cause, n)
                for (group, cause), n in causes.items()
                if cause in least and n >= least[cause][1]
            }
            assert steps == set(
                rows("select breakdown, group_id, action, cause, cause_count from rpt_next_steps where as_of_on = $on")
            )
            seen |= {(step[0], step[3].partition(":")[0]) for step in steps}
            told = read_steps(con, P, on, on)
            assert {(*group, a.action, a.when, a.count) for group, actions in told.items() for a in actions} == steps
            order = [r["action"] for r in packs[P].tables["actions"]]
            assert all(
                [a.action for a in actions] == sorted((a.action for a in actions), key=order.index)
                for actions in told.values()
            )
    assert seen >= {
        ("programme", "pace"),
        ("programme", "no_session"),
        ("class", "no_session"),
        ("subject", "little_study"),
    }


def test_a_county_reads_its_own_figures_only(home: Home) -> None:
    """What is read for one county is what is cut for it from the whole, and asks for its own learners."""
    whole, causes = home.bulletin(4), set()
    for county in (g.county_id for g in whole.counties):
        assert county is not None
        cut = county_edition(whole, county)
        assert cut == county_edition(home.bulletin(4, county), county)
        counts = {w.warning: w.count for w in cut.warnings}
        for action in cut.actions:
            assert action.count == counts.get(action.when, action.count) > 0
        causes |= {(a.when, a.count) for a in cut.actions if a.when in counts}
    assert len(causes) > len({when for when, _ in causes})


@pytest.mark.parametrize("county", [None, "qinzhou"])
def test_a_page_is_the_same_from_what_it_prints(
    home: Home, county: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room, module in (("reading", "groups"), ("reports.bulletin", "compose")):
        monkeypatch.setattr(f"pipelines.{room}.{module}.PRINTED_GROUPS", 2)
    for room, module in (("reading", "learners"), ("reports.bulletin", "compose")):
        monkeypatch.setattr(f"pipelines.{room}.{module}.PRINTED_LEARNERS", 3)
    with connect(home.warehouse.published) as con:
        cut = read_bulletin(con, P, 4, county_id=county, only_printed=True)
    whole = home.bulletin(4)
    assert len(cut.learners) == 3 < len(whole.learners)
    assert len(cut.classes) == len(cut.schools) == 2
    if county is not None:
        with pytest.raises(ValueError, match="maiji"):
            county_edition(cut, "maiji")
        whole, cut = county_edition(whole, county), county_edition(cut, county)
    pages = [render_html(compose(b, "en", ZONE)) for b in (whole, cut)]
    assert pages[0] == pages[1]
    assert 'class="soft"' in pages[0]


@pytest.mark.parametrize(
    ("edition", "language"), [("all.restricted", "zh"), ("all.public", "en"), ("qinzhou.restricted", "en")]
)
def test_the_text_is_as_it_was(home: Home, edition: str, language: str) -> None:
    """Golden files; delete one and run this to write it anew, then read what it says."""
    bulletin = steady(home.bulletin(4))
    found = dict(editions(bulletin, public_edition(bulletin, 10)))
    text = render_markdown(compose(found[edition], language, ZONE))
    file = GOLDEN / f"4.{edition}.{language}.md"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        pytest.fail(f"{file} was written; read it, and run again")
    assert text == file.read_text(encoding="utf-8")


def test_every_edition_renders_in_every_format_and_says_the_same(home: Home) -> None:
    bulletin = home.bulletin(4)
    for name, cut in editions(bulletin, public_edition(bulletin, 10)):
        for language in ("zh", "en"):
            document = compose(cut, language, ZONE)
            html = render_html(document)
            assert not re.search(r"(src|href)=\"https?:", html), "needs the network"
            assert re.search(r"<html lang=\"(zh-CN|en)\"", html)
            pdf = PdfReader(BytesIO(render_pdf(document)))
            text = "".join(page.extract_text() for page in pdf.pages)
            book = openpyxl.load_workbook(BytesIO(render_xlsx(document)))
            if cut.whole.participating is not None:
                assert f">{cut.whole.participating:,}<" in html
                assert f"{cut.whole.participating:,}" in text
            assert ("模拟" if language == "zh" else "simulated") in html
            for sheet in book.worksheets[1:-1]:
                assert sheet.freeze_panes == "B3", (name, sheet.title)
                assert sheet.auto_filter.ref
            fonts = {
                str(f["/BaseFont"])
                for page in pdf.pages
                for f in (x.get_object() for x in page["/Resources"]["/Font"].values())
            }
            assert fonts
            assert all("NotoSansCJK" in f for f in fonts)


def test_a_workbook_has_numbers(home: Home) -> None:
    bulletin = home.bulletin(4)
    book = openpyxl.load_workbook(BytesIO(render_xlsx(compose(bulletin, "en", ZONE))))
    sheet = book["County"]
    heads = [c.value for c in sheet[2]]
    rows = {sheet.cell(line, 2).value: line for line in range(3, sheet.max_row + 1)}
    line = rows["Qinzhou"]
    (qinzhou,) = [g for g in bulletin.counties if g.group_id == "qinzhou"]
    count = sheet.cell(line, heads.index("Enrolments") + 1)
    rate = sheet.cell(line, heads.index("Login rate") + 1)
    assert count.value == qinzhou.participating
    login = qinzhou.shares["login"]
    assert login.numerator is not None
    assert login.denominator
    assert rate.value == pytest.approx(login.numerator / login.denominator, abs=5e-5)
    assert rate.number_format == "0.00%"


HOSTILE = [
    "<script>alert(1)</script>", '=HYPERLINK("http://evil","x")', "+1+1", "@SUM(A1)", "-2", "‮gnp.exe", "😀👩‍👩‍👧",
    "a|b*c_d`e[f](g)", "#set page(width: 1pt)", "\x00\x07\x1b[31m", "长" * 10_000, "{{ 7*7 }}", "$x^2$", "\n\n# no heading",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_harmless_in_every_format(home: Home, text: str) -> None:
    bulletin = home.bulletin(4)
    label = Label(text, text)
    bad = replace(
        bulletin,
        programme=label,
        title=label,
        counties=[replace(g, label=label) for g in bulletin.counties],
        classes=[replace(g, group_id=text, label=label) for g in bulletin.classes[:2]],
        schools=[],
        # The charts cost seconds; the labels of counties are in those of the first text.
        **({} if text == HOSTILE[0] else {"trend": [], "pace": {}}),
        learners=[
            msgspec.structs.replace(x, enrolment_id=text, class_id=text, school_id=text) for x in bulletin.learners[:2]
        ],
        actions=[replace(a, text=label, owner=label) for a in bulletin.actions[:1]],
    )
    document = compose(bad, "en", ZONE)
    html = render_html(document)
    assert "<script" not in html
    assert "{{" not in html or text == "{{ 7*7 }}"
    markdown = render_markdown(document)
    assert not re.search(r"(?m)^# no heading", markdown)
    assert "<script>" not in markdown
    book = openpyxl.load_workbook(BytesIO(render_xlsx(document)))
    assert not [
        c for sheet in book.worksheets for row in sheet.iter_rows() for c in row if c.data_type == "f" or c.hyperlink
    ]
    pages = PdfReader(BytesIO(render_pdf(document))).pages
    assert len(pages) >= 3
    assert float(pages[0].mediabox.width) == pytest.approx(595, abs=1)


def test_a_programme_without_anybody_and_a_class_of_one(home: Home) -> None:
    bulletin = home.bulletin(4)
    empty = replace(
        bulletin,
        whole=replace(bulletin.whole, participating=0, shares={}, shares_before={}),
        called_up=0, counties=[], subjects=[], grid=[], classes=[], schools=[], trend=[], pace={}, warnings=[], learners=[],
        featured=[], actions=[], last_recorded_at=None,
    )  # fmt: skip
    one = replace(bulletin, classes=[replace(bulletin.classes[0], participating=1)])
    for odd in (empty, one, county_edition(bulletin, "nowhere")):
        for language in ("zh", "en"):
            document = compose(odd, language, ZONE)
            assert render_html(document)
            assert render_pdf(document)
            assert render_xlsx(document)


def test_issued_it_is_sealed_and_facts_that_come_later_are_a_restatement(
    packs: dict[str, Pack], tmp_path: Path
) -> None:
    home = Home(tmp_path, packs)
    root = tmp_path / "issued"
    now = datetime(2017, 11, 28, tzinfo=UTC)
    first = issue(root, home.bulletin(4), time_zone=ZONE, smallest=10, sealed_at=now)
    files = {f.name: f.read_bytes() for f in first.folder.iterdir()}
    assert len(files) == 8 * 2 * 4 + 3
    assert (first.folder / "all.restricted.zh.html").stat().st_mode & 0o077 == 0
    for file in first.folder.iterdir():
        if file.name not in ("seal.json", "bulletin.json", "public.json"):
            file.unlink()

    # A learner of the bulletin is seen to have been withdrawn before its date.
    gone = first.bulletin.learners[0]
    event = {
        "event_id": "7d9a5a54-3d0a-4c8e-9a37-0d6e9be3f9a1", "event_type": "enrolment.withdrawn", "event_version": 1,
        "occurred_at": "2017-11-20T08:00:00Z", "programme_id": P, "source": "simulator", "learner_key": gone.learner_key,
        "payload": {"enrolment_id": gone.enrolment_id},
    }  # fmt: skip
    late = int(datetime(2018, 1, 5, tzinfo=UTC).timestamp() * 1e6)
    home.add([NewRecord(b"late", samples.encode(event), late)])
    changed = home.bulletin(4)
    assert changed.whole.participating == (first.bulletin.whole.participating or 0) - 1
    again = issue(root, changed, time_zone="UTC", smallest=0, sealed_at=now + timedelta(days=60))
    assert {f.name: f.read_bytes() for f in again.folder.iterdir()} == files

    found = changed_figures(first.bulletin, changed)
    assert ("whole", "", "participating") in {(c.kind, c.group_id, c.indicator) for c in found}
    assert {c.group_id for c in found if c.kind == "counties"} == {gone.county_id}
    assert changed_figures(first.bulletin, first.bulletin) == []

    (first.folder / "bulletin.json").write_bytes(files["bulletin.json"].replace(b'"number":4', b'"number":5'))
    with pytest.raises(SealBroken, match="was changed after bulletin 4 was issued"):
        read_sealed(root, P, 4)
    home.log.close()


def test_the_model_is_its_data(home: Home) -> None:
    bulletin = home.bulletin(6)
    assert msgspec.json.decode(msgspec.json.encode(bulletin, order="sorted"), type=Bulletin) == bulletin


def test_public_editions_name_no_person(home: Home) -> None:
    bulletin = home.bulletin(4)
    people = {x for learner in bulletin.learners for x in (learner.enrolment_id, learner.learner_key)}
    public = public_edition(bulletin, 10)
    for language in ("zh", "en"):
        document = compose(public, language, ZONE)
        texts = [render_html(document), render_markdown(document), msgspec.json.encode(public).decode()]
        assert not [p for p in people for t in texts if p in t]
    with pytest.raises(ValueError, match="from the public one"):
        public_edition(county_edition(bulletin, "qinzhou"), 10)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.dictionaries(st.sampled_from("ab"), st.lists(st.integers(1, 40), min_size=1, max_size=5), min_size=1),
    smallest=st.integers(2, 12),
)
def test_nobody_gets_a_class_of_several_subjects_back_from_its_county(
    home: Home, sizes: dict[str, list[int]], smallest: int
) -> None:
    bulletin = home.bulletin_4
    first = bulletin.classes[0]

    def group(name: str, county: str, n: int) -> Group:
        return replace(
            first, group_id=name, county_id=county, subject_id=None, participating=n, shares={}, shares_before={}
        )

    classes = [group(f"{county}{i}", county, n) for county, each in sizes.items() for i, n in enumerate(each)]
    public = public_edition(
        replace(
            bulletin, classes=classes, counties=[group(county, county, sum(each)) for county, each in sizes.items()],
            whole=group("", "", sum(map(sum, sizes.values()))), subjects=[], grid=[], schools=[],
        ),
        smallest,
    )  # fmt: skip
    shown = {g.group_id: g.participating or 0 for g in public.classes}
    hidden = [g.group_id for g in classes if g.group_id not in shown]
    known = [
        ({h for h in hidden if h[0] == county.group_id}, county.participating - sum(n for c, n in shown.items() if c[0] == county.group_id))
        for county in public.counties
        if county.participating is not None
    ]  # fmt: skip
    small = {g.group_id for g in classes if (g.participating or 0) < smallest}
    assert small <= set(hidden)
    assert small.isdisjoint(given_away(hidden, known))


def test_a_build_without_checks_does_not_claim_to_have_met_them(home: Home) -> None:
    bulletin = home.bulletin(4)
    assert bulletin.is_checked
    assert "All checks of the data were as expected" in render_markdown(compose(bulletin, "en", ZONE))
    unchecked = render_markdown(compose(replace(bulletin, is_checked=False), "en", ZONE))
    assert "All checks" not in unchecked
    assert "This build was not judged by the quality checks" in unchecked


def test_an_unknown_bulletin_says_which_there_are(home: Home) -> None:
    with connect(home.warehouse.published) as con:
        assert [i.number for i in calendar(con, P)] == [1, 2, 3, 4, 5, 6]
        with pytest.raises(BadConfiguration, match="no bulletin 7; its calendar has 1, 2, 3, 4, 5, 6"):
            read_bulletin(con, P, 7)


@pytest.fixture(scope="module")
def issued_folder(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("issued")
    now = datetime(2018, 1, 1, tzinfo=UTC)
    for number in (3, 4):
        issue(root, home.bulletin(number), time_zone=ZONE, smallest=10, sealed_at=now)
    return root


@pytest.fixture(scope="module")
def site(home: Home, issued_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    with connect(home.warehouse.published) as con:
        pages = write_pages(
            {code: read_status(con, P, None, language=code) for code in ("zh", "en")}, folder / "reports"
        )
    return write_site(folder / "site", issued(issued_folder), {P: pages}, language="zh").parent


def links(page: Path) -> list[str]:
    return re.findall(r'href="([^"#]+)"', page.read_text(encoding="utf-8"))


def test_the_site_leads_to_every_public_file_and_to_nobody(home: Home, site: Path, issued_folder: Path) -> None:
    assert (site / "index.html").read_bytes() == (site / "index.zh.html").read_bytes()
    reached = {link for code in ("zh", "en") for link in links(site / f"index.{code}.html")}
    assert all((site / link).is_file() for link in reached)
    files = {str(f.relative_to(site)) for f in site.rglob("*") if f.is_file()}
    assert files - reached <= {"index.html", "public.json"}
    # Two bulletins of four public editions in two languages.
    assert len([f for f in files if f.endswith(".pdf")]) == 16
    assert "restricted" not in "".join(files)
    learners = {x.enrolment_id for x in home.bulletin(4).learners}
    assert learners
    for file in site.rglob("*.html"):
        assert not [x for x in learners if x in file.read_text(encoding="utf-8")], file
    for file in site.rglob("all.public.*"):
        assert file.read_bytes() == (issued_folder / file.relative_to(site / "bulletins")).read_bytes()


def test_a_restricted_site_says_so_and_is_its_owners(issued_folder: Path, tmp_path: Path) -> None:
    start = write_site(tmp_path / "site", issued(issued_folder), {}, language="en", restricted=True)
    assert "do not publish it" in start.read_text(encoding="utf-8")
    assert (tmp_path / "site").stat().st_mode & 0o077 == 0
    assert list((tmp_path / "site").rglob("qinzhou.restricted.zh.html"))
    assert not (tmp_path / "site" / "public.json").exists()
    # Without them, the site is written anew, and they are gone.
    write_site(tmp_path / "site", issued(issued_folder), {}, language="en")
    assert not list((tmp_path / "site").rglob("*restricted*"))
    assert (tmp_path / "site" / "public.json").is_file()
    with pytest.raises(BadConfiguration, match="xueqing bulletin issue"):
        write_site(tmp_path / "empty", [], {}, language="en")


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_sites_search_narrows_down_and_it_fits(
    site: Path, browser: str, tmp_path: Path, width: int, language: str
) -> None:
    found = measure(
        browser,
        site / f"index.{language}.html",
        tmp_path,
        width,
        "(() => { const shown = () => [...d.querySelectorAll('#rows tr')].filter(r => !r.hidden).length,"
        " all = shown(), box = d.getElementById('find');"
        " box.value = d.querySelector('#rows th').textContent.toUpperCase(); box.dispatchEvent(new w.Event('input'));"
        " const some = shown(), said = d.getElementById('found').textContent;"
        " box.value = 'nobody is called so'; box.dispatchEvent(new w.Event('input'));"
        " return {all, some, said, none: shown(), over: d.documentElement.scrollWidth - w.innerWidth,"
        " asked: w.performance.getEntriesByType('resource').length,"
        " unlabelled: [...d.querySelectorAll('input')].filter(i => !i.labels.length).length}; })()",
    )
    assert found["all"] > found["some"] > found["none"] == 0
    assert str(found["some"]) in found["said"]
    assert found["over"] <= 0
    assert (found["asked"], found["unlabelled"]) == (0, 0)
