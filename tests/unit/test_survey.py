"""Surveys: what files say, what follows from it, how sure that is, and what may be told of it."""

from __future__ import annotations

import csv
import re
from collections import Counter
from datetime import date
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import msgspec
import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyreadstat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import multinomial_proportions_confint, proportion_confint
from typer.testing import CliRunner

from ingest.programmes.pack import Pack
from pipelines.cli import app
from pipelines.reports.document import Document, Table
from pipelines.reports.document.html import render_html
from pipelines.reports.document.markdown import render_markdown
from pipelines.reports.document.pdf import render_pdf
from pipelines.reports.document.xlsx import render_xlsx
from pipelines.reports.survey.compose import compose_survey
from pipelines.survey.analysis import Analysis, analyse, merged
from pipelines.survey.answers import Answers, answers_of, read_answers
from pipelines.survey.drafting import draft_forms
from pipelines.survey.files import AnswerFile
from pipelines.survey.form import Form, Item, Level, pack_form, read_form
from pipelines.survey.method import Method
from pipelines.survey.people import People, tied
from pipelines.survey.statistics import (
    associations,
    correlations,
    cronbach_alpha,
    differences,
    effective,
    item_result,
    mcdonald_omega,
    post_stratified,
    reliability,
    simultaneous_intervals,
    standardised_difference,
    straight_liners,
)
from pipelines.words import Label
from tests.conftest import ROOT
from warehouse.errors import BadConfiguration, BadSource

ON = date(2017, 12, 25)
LEVELS = (
    Level(4, "不满意", "Dissatisfied"),
    Level(3, "一般", "Neutral"),
    Level(2, "满意", "Satisfied"),
    Level(1, "很满意", "Very satisfied", ("非常满意",)),
)
FORM = Form(
    "f", "满意度", "Satisfaction", LEVELS, (Item("a", "平台", "Platform"), Item("b", "课程", "Courses", ("Q2",)), Item("c", "难度", "Difficulty", (), True)),
    neutral=3, not_applicable=("", "不适用", "NA"), key="who", groups={"place": "where"}, texts={"ideas": "say"},
)  # fmt: skip


def table(rows: list[dict[str, str]]) -> pa.Table:
    return pa.table({name: [row[name] for row in rows] for name in rows[0]})


def sheet(who: str, a: str, b: str, c: str, where: str = "x", say: str = "") -> dict[str, str]:
    return {"who": who, "平台": a, "Q2": b, "Difficulty": c, "where": where, "say": say}


# -- reading


def test_labels_codes_aliases_width_and_headers_in_any_language_are_read() -> None:
    found = answers_of(
        table([sheet("1", "很满意", " ２ ", "NEUTRAL"), sheet("2", "非常满意", "4.0", "不适用"), sheet("3", "", "1", "3")]), FORM, "f.csv"
    )  # fmt: skip
    assert found.codes.tolist() == [[4, 3, 2], [4, 1, 0], [0, 4, 2]]
    assert found.not_applicable == {"a": 1, "b": 0, "c": 1}
    assert found.problems == []
    assert found.keys == ["1", "2", "3"]


def test_what_does_not_fit_is_told_by_row_and_column_and_the_rest_stays() -> None:
    found = answers_of(
        table([sheet("1", "5", "满意", "一般"), sheet("1", "满意", "满意", "满意"), sheet("2", "满意", "13800138000", "x")]), FORM, "f.csv"
    )  # fmt: skip
    assert [(p.row, p.column, p.value) for p in found.problems] == [
        (2, "平台", "5"),
        (3, "who", ""),
        (4, "Difficulty", "x"),
        (4, "Q2", "…"),  # what may be somebody's number is not told again
    ]
    assert "row 2" in found.problems[1].why.en
    assert found.codes.tolist() == [[0, 3, 2], [3, 0, 0]]
    assert found.rows.tolist() == [2, 4]


def test_a_long_table_is_the_same_as_a_wide_one() -> None:
    wide = answers_of(table([sheet("1", "满意", "一般", "一般"), sheet("2", "4", "4", "")]), FORM, "f.csv")
    rows = [
        {"who": who, "where": "x", "say": "", "question": q, "reply": r}
        for who, q, r in (("1", "a", "满意"), ("1", "Q2", "一般"), ("2", "平台", "4"), ("1", "c", "3"), ("2", "b", "4"))
    ]
    long = msgspec_replace(FORM, long={"item": "question", "answer": "reply"})
    assert answers_of(table(rows), long, "f.csv").codes.tolist() == wide.codes.tolist()
    rows[0]["question"] = "whatever"
    with pytest.raises(BadConfiguration, match="row 2: 'whatever' is no item"):
        answers_of(table(rows), long, "f.csv")


def msgspec_replace(form: Form, **changes: object) -> Form:
    return msgspec.convert(msgspec.to_builtins(form) | changes, Form)


def test_every_kind_of_file_gives_the_same_answers(tmp_path: Path) -> None:
    rows = [sheet("一", "满意", "很满意", "不满意", "秦州", "好"), sheet("二", "一般", "2", "", "麦积", "")]
    names = list(rows[0])
    expected = answers_of(table(rows), FORM, "x").codes.tolist()

    def write(name: str, encoding: str, delimiter: str) -> Path:
        with (tmp_path / name).open("w", encoding=encoding, newline="") as target:
            writer = csv.DictWriter(target, names, delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
        return tmp_path / name

    files = [write("a.csv", "utf-8-sig", ","), write("b.csv", "gb18030", ","), write("c.tsv", "utf-8", "\t")]
    book = openpyxl.Workbook()
    assert book.active is not None
    for line in ([*names], *([row[n] for n in names] for row in rows)):
        book.active.append(line)
    book.active["B3"] = 3  # a code as a number
    book.save(tmp_path / "d.xlsx")
    frame = pd.DataFrame(rows).rename(columns={"平台": "a", "Q2": "b", "Difficulty": "c"})
    codes = {"很满意": 1, "满意": 2, "2": 2, "一般": 3, "不满意": 4, "": None}
    for item in "abc":
        frame[item] = pd.Series([codes[v] for v in frame[item]], dtype=float)
    labels = {1.0: "很满意", 2.0: "满意", 3.0: "一般", 4.0: "不满意"}
    pyreadstat.write_sav(frame, tmp_path / "e.sav", variable_value_labels=dict.fromkeys("abc", labels))
    for file in [*files, tmp_path / "d.xlsx", tmp_path / "e.sav"]:
        found = read_answers(file, FORM)
        assert (file.name, found.codes.tolist(), found.problems) == (file.name, expected, [])
        assert found.groups["place"].tolist() == ["秦州", "麦积"]


def test_an_unreadable_file_and_a_missing_column_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="there is no file"):
        read_answers(tmp_path / "none.csv", FORM)
    (tmp_path / "x.xlsx").write_bytes(b"no workbook")
    with pytest.raises(BadSource, match="cannot be read as XLSX"):
        read_answers(tmp_path / "x.xlsx", FORM)
    (tmp_path / "x.doc").write_bytes(b"")
    with pytest.raises(BadConfiguration, match=r"read from \.csv"):
        read_answers(tmp_path / "x.doc", FORM)
    rows = [sheet("1", "满意", "满意", "满意")]
    rows[0].pop("Q2")
    with pytest.raises(BadConfiguration, match="no column for the item b"):
        answers_of(table(rows), FORM, "f.csv")
    rows = [sheet("1", "满意", "满意", "满意")]
    rows[0].pop("where")
    with pytest.raises(BadConfiguration, match="'where' of the group place is missing"):
        answers_of(table(rows), FORM, "f.csv")


def test_a_wrong_form_lists_every_mistake(tmp_path: Path) -> None:
    file = tmp_path / "form.toml"
    file.write_text(
        'form_id = "f"\nlabel_zh = "f"\nlabel_en = "f"\nneutral = 9\nasked = 0\n'
        '[[levels]]\ncode = 1\nlabel_zh = "好"\nlabel_en = "2"\n[[levels]]\ncode = 2\nlabel_zh = "差"\nlabel_en = "Bad"\n'
        '[[items]]\nitem_id = "a"\nlabel_zh = "a"\nlabel_en = "a"\n[[items]]\nitem_id = "a"\nlabel_zh = "b"\nlabel_en = "b"\n',
        encoding="utf-8",
    )
    with pytest.raises(BadConfiguration) as raised:
        read_form(file)
    told = str(raised.value)
    assert all(
        part in told for part in ("neutral: 9", "asked: at least 1", "item_id a comes twice", "'2' means two things")
    )
    head = 'form_id = "f"\nlabel_zh = "f"\nlabel_en = "f"\n'
    rest = '[[items]]\nitem_id = "a"\nlabel_zh = "a"\nlabel_en = "a"\n[multiple.m]\nseparator = ""\n[multiple.n]\ncolumn = "x"\nseparator = ""\n'
    levels = '[[levels]]\nlabel_zh = "差"\nlabel_en = "Bad"\n[[levels]]\n{}label_zh = "好"\nlabel_en = "Good"\n'
    file.write_text(head + levels.format("") + rest, encoding="utf-8")
    with pytest.raises(BadConfiguration) as raised:
        read_form(file)
    assert "multiple.m: name its column" in str(raised.value)
    assert "multiple.n: separator" in str(raised.value)
    # Codes of some levels only say nothing of the others'.
    file.write_text(head + levels.format("code = 2\n"), encoding="utf-8")
    with pytest.raises(BadConfiguration, match="missing required field `code`"):
        read_form(file)
    file.write_text("levels = 3", encoding="utf-8")
    with pytest.raises(BadConfiguration, match=r"form\.toml"):
        read_form(file)


def test_a_form_is_begun_from_a_file_and_reads_it(tmp_path: Path) -> None:
    columns = {"who": ["1", "2", "3"], "q1": ["1", "2", "3"], "q2": ["3", "3", "1"], "comment": ["", "long", "other"]}
    (draft,) = draft_forms(AnswerFile("a file.csv", pa.table(columns), np.arange(2, 5)))
    file = tmp_path / "form.toml"
    file.write_text(draft.text, encoding="utf-8")
    form = read_form(file)
    assert [item.item_id for item in form.items] == ["who", "q1", "q2"]
    assert [level.code for level in form.levels] == [1, 2, 3]
    found = answers_of(pa.table(columns), form, "x")
    assert found.problems == []
    # 1 to 3 may be from the best or to the best.
    with pytest.raises(BadConfiguration, match="is_order_confirmed = true"):
        analyse(found)


def test_a_packs_form_has_the_best_level_last(packs: dict[str, Pack]) -> None:
    form = pack_form(packs["tianshui-2017"])
    assert [level.code for level in form.levels] == [4, 3, 2, 1]
    assert (form.neutral, len(form.items)) == (3, 11)
    with pytest.raises(BadConfiguration, match="no items and levels of a form 'other'"):
        pack_form(packs["tianshui-2017"], "other")
    with pytest.raises(BadConfiguration, match=r"has no survey_items\.csv"):
        pack_form(packs["open-university"])


# -- intervals


@pytest.mark.parametrize(
    ("count", "n", "low", "high"), [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
)  # fmt: skip
def test_wilsons_interval_is_that_of_newcombes_examples(count: int, n: int, low: float, high: float) -> None:
    """R. G. Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3."""
    found = item_result((n - count, 0, count)).top_two
    assert found.low is not None
    assert found.high is not None
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


counts_of_levels = st.lists(st.integers(0, 400), min_size=2, max_size=9).filter(lambda c: sum(c) > 0)


@given(counts_of_levels)
def test_simultaneous_intervals_are_the_librarys_and_hold_their_shares(counts: list[int]) -> None:
    found = simultaneous_intervals(counts)
    for count, one in zip(counts, found, strict=True):
        assert one.value == count / sum(counts)
        low, high = proportion_confint(count, sum(counts), 0.05 / len(counts), "wilson")
        assert (one.low, one.high) == pytest.approx((low, high), abs=1e-9)
        assert one.low is not None
        assert one.high is not None
        assert one.low - 1e-12 <= one.value <= one.high + 1e-12


def test_goodman_and_sison_glaz_are_offered_only_where_they_hold() -> None:
    seven = [56, 72, 73, 59, 62, 87, 58]  # C. P. Sison and J. Glaz, JASA 90 (1995) 366
    for method in (Method.GOODMAN, Method.SISON_GLAZ):
        found = [(e.low, e.high) for e in simultaneous_intervals(seven, method=method)]
        assert np.allclose(found, multinomial_proportions_confint(seven, 0.05, method.value), atol=1e-9)
    with pytest.raises(BadConfiguration, match="five answers or more at each level, one has 0"):
        simultaneous_intervals([0, 50, 50], method=Method.GOODMAN)
    with pytest.raises(BadConfiguration, match="seven levels or more, not 3"):
        simultaneous_intervals([20, 50, 50], method=Method.SISON_GLAZ)
    with pytest.raises(BadConfiguration, match="finite population"):
        simultaneous_intervals(seven, method=Method.SISON_GLAZ, population=1000)


def test_a_census_has_no_interval_and_a_finite_population_narrows_it() -> None:
    counts = [3, 10, 120, 226]
    free, finite, census = (item_result(counts, population=n) for n in (None, 700, 359))
    for one, other in zip(
        [*free.shares, free.top_two, free.mean], [*finite.shares, finite.top_two, finite.mean], strict=True
    ):
        assert one.low is not None
        assert one.high is not None
        assert other.low is not None
        assert other.high is not None
        assert other.high - other.low < one.high - one.low
    assert all(e.low is None for e in [*census.shares, census.top_two, census.mean, census.median])
    assert census.shares[0].value == 3 / 359
    assert effective(359, None) == 359
    assert effective(359, 6983) == pytest.approx(359 * 6982 / 6624)
    with pytest.raises(ValueError, match="10 answered of 9"):
        effective(10, 9)


def test_a_mean_is_students_with_cochrans_correction() -> None:
    scores = np.repeat([1, 2, 3, 4], [3, 10, 120, 226])
    found = item_result((3, 10, 120, 226), population=1000).mean
    error = np.sqrt(np.var(scores, ddof=1) / 359 * (1 - 359 / 1000))
    low, high = stats.t.interval(0.95, 358, loc=scores.mean(), scale=error)
    assert (found.value, found.low, found.high) == pytest.approx((scores.mean(), low, high), abs=1e-9)


@given(counts_of_levels)
def test_a_median_is_the_middle_answer(counts: list[int]) -> None:
    found = item_result(counts).median
    assert found.value == float(np.median(np.repeat(np.arange(1, len(counts) + 1), counts)))
    if found.low is not None and found.high is not None:
        assert found.low <= found.value <= found.high


COVERED: list[tuple[tuple[float, ...], int, int | None]] = [
    ((0.01, 0.05, 0.34, 0.6), 60, None),  # cells are empty in most of them
    ((0.1, 0.2, 0.3, 0.2, 0.2), 359, None),
    ((0.05, 0.15, 0.3, 0.5), 359, 700),
]


def test_intervals_hold_as_often_as_they_say() -> None:
    chance, runs = np.random.default_rng(7), 1_500
    rates: dict[str, list[float]] = {}
    for shares, n, population in COVERED:
        levels = np.arange(1, len(shares) + 1)
        whole = np.round(np.array(shares) * (population or 1)).astype(int)
        truth = whole / whole.sum() if population else np.array(shares)
        draws = (
            chance.multivariate_hypergeometric(whole, n, runs) if population else chance.multinomial(n, np.array(shares), runs)
        )  # fmt: skip
        held: Counter[str] = Counter()
        for counts in draws.tolist():
            found = item_result(counts, population=population)
            held["shares"] += all(e.low <= p <= e.high for e, p in zip(found.shares, truth, strict=True))  # type: ignore[operator]
            held["top two"] += found.top_two.low <= truth[-2:].sum() <= found.top_two.high  # type: ignore[operator]
            held["mean"] += found.mean.low <= truth @ levels <= found.mean.high  # type: ignore[operator]
            held["median"] += found.median.low <= np.searchsorted(np.cumsum(truth), 0.5) + 1 <= found.median.high  # type: ignore[operator]
        for name, count in held.items():
            rates.setdefault(name, []).append(count / runs)
    for name in ("shares", "top two", "mean"):
        assert 0.94 <= np.mean(rates[name]) <= 0.97, rates
    assert min(min(rates[name]) for name in ("shares", "top two", "mean")) >= 0.93, rates
    assert min(rates["median"]) >= 0.94, rates  # of few levels, it holds oftener than it says


# -- reliability, correlation, groups


def test_alpha_is_that_of_the_variances_of_items_and_sums() -> None:
    codes = np.random.default_rng(1).integers(1, 6, (300, 7)).astype(np.int8)
    codes[:, 1:] = np.clip(codes[:, [0]] + codes[:, 1:] // 3, 1, 5)
    found = reliability(codes, [False] * 7, 5)
    assert found is not None
    assert found.alpha.value is not None
    items, whole = codes.var(axis=0, ddof=1).sum(), codes.sum(axis=1).var(ddof=1)
    assert found.alpha.value == pytest.approx(7 / 6 * (1 - items / whole), abs=1e-9)
    for n, value in enumerate(found.alpha_without):
        rest = np.delete(codes, n, axis=1)
        expected = 6 / 5 * (1 - rest.var(axis=0, ddof=1).sum() / rest.sum(axis=1).var(ddof=1))
        assert value == pytest.approx(expected, abs=1e-9)
        assert found.item_rest[n] == pytest.approx(np.corrcoef(codes[:, n], rest.sum(axis=1))[0, 1], abs=1e-9)
    turned = codes.copy()
    turned[:, 2] = 6 - turned[:, 2]
    again = reliability(turned, [False, False, True, False, False, False, False], 5)
    assert again is not None
    assert again.alpha.value == pytest.approx(found.alpha.value, abs=1e-9)


def test_omega_of_one_factor_is_exact() -> None:
    """R. P. McDonald, Test Theory (1999), 6.20: (Σλ)²/((Σλ)² + Σψ) of a covariance that one factor makes."""
    loadings, unique = np.array([0.9, 0.7, 0.8, 0.5, 0.6]), np.array([0.3, 0.5, 0.4, 0.9, 0.7])
    covariance = np.outer(loadings, loadings) + np.diag(unique)
    expected = loadings.sum() ** 2 / (loadings.sum() ** 2 + unique.sum())
    assert mcdonald_omega(covariance) == pytest.approx(expected, abs=1e-9)
    equal = np.full((4, 4), 0.5) + np.eye(4) * 0.5  # where all load alike, omega is alpha
    assert mcdonald_omega(equal) == pytest.approx(cronbach_alpha(equal), abs=1e-9)


def test_the_bootstrap_of_alpha_holds_as_often_as_it_says() -> None:
    chance = np.random.default_rng(3)
    cuts = [-1.0, 0.0, 1.0]

    def sample(n: int) -> np.ndarray:
        common = chance.normal(size=(n, 1))
        return (np.digitize(common + chance.normal(size=(n, 6)), cuts) + 1).astype(np.int8)

    truth = cronbach_alpha(np.cov(sample(100_000).T))
    held = 0
    for _ in range(100):
        found = reliability(sample(150), [False] * 6, 4, replicates=100)
        assert found is not None
        assert found.alpha.low is not None
        assert found.alpha.high is not None
        assert truth is not None
        held += found.alpha.low <= truth <= found.alpha.high
    assert held / 100 >= 0.88  # of 100 runs at 95 %, so few would come once in 1,000 times


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_correlations_and_differences_are_the_librarys(seed: int) -> None:
    chance = np.random.default_rng(seed)
    codes = chance.integers(0, 5, (80, 3)).astype(np.int8)
    groups = np.array(chance.choice(["x", "y", "z"], 80), object)
    both = (codes[:, 0] > 0) & (codes[:, 1] > 0)
    assert correlations(codes)[0, 1] == pytest.approx(
        stats.spearmanr(codes[both, 0], codes[both, 1]).statistic, abs=1e-9
    )
    found = differences(codes, {"g": groups}, 4)
    for one in found:
        said = codes[:, one.item] > 0
        parts = [codes[said & (groups == name), one.item] for name in ("x", "y", "z")]
        expected = stats.kruskal(*parts)
        assert (one.statistic, one.p) == pytest.approx((expected.statistic, expected.pvalue), abs=1e-9)
        assert one.adjusted >= one.p
        assert one.effect == pytest.approx(one.statistic / (said.sum() - 1))


def test_straight_liners_left_nothing_out_and_chose_one_level() -> None:
    codes = np.array([[1, 1, 1], [1, 1, 0], [2, 2, 2], [1, 2, 1]], np.int8)
    assert straight_liners(codes).tolist() == [True, False, True, False]
    assert not straight_liners(codes[:, :2]).any()


def test_behaviour_goes_with_satisfaction_as_ranks_do() -> None:
    scores, minutes = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10]), np.array([2.0, 1, 4, 3, 6, 5, 8, 7, 10, 9])
    (found,) = associations(scores, {"minutes": minutes, "posts": np.zeros(10)})
    assert (found.measure, found.respondents) == ("minutes", 10)
    assert found.rho.value == pytest.approx(stats.spearmanr(scores, minutes).statistic, abs=1e-9)
    assert found.rho.low is not None
    assert found.rho.low < 0.939 < 1
    assert standardised_difference(np.array([2.0, 4]), np.array([1.0, 3])) == pytest.approx(1 / np.sqrt(2))
    assert standardised_difference(np.array([2.0]), np.array([1.0, 3])) is None


# -- post-stratification


strata = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 60)), min_size=1, max_size=5).filter(
    lambda rows: any(a + b > 0 for a, b, _ in rows)
)


@given(strata)
def test_weights_are_those_of_whole_fractions(rows: list[tuple[int, int, int]]) -> None:
    population = [a + b + more for a, b, more in rows]
    shares, errors, design = post_stratified(np.array([[a, b] for a, b, _ in rows], float), population)
    there = [(a, a + b, a + b + more) for a, b, more in rows if a + b]
    whole = sum(size for _, _, size in there)
    share = sum(Fraction(size, whole) * Fraction(a, n) for a, n, size in there)
    variance = sum(
        Fraction(size, whole) ** 2 * (1 - Fraction(n, size)) * Fraction(a, n) * (1 - Fraction(a, n)) / (n - 1)
        for a, n, size in there if n > 1
    )  # fmt: skip
    weights = [Fraction(size, n) for _, n, size in there for _ in range(n)]
    kish = len(weights) * sum(w * w for w in weights) / sum(weights) ** 2
    assert shares[0] == pytest.approx(float(share), abs=1e-9)
    assert errors[0] == pytest.approx(float(variance) ** 0.5, abs=1e-9)
    assert design == pytest.approx(float(kish), abs=1e-9)
    assert sum(shares) == pytest.approx(1, abs=1e-9)


def test_who_answers_more_often_is_weighed_down() -> None:
    """Of two halves one answered 9 in 10, the other 1 in 10: the raw share leans, the weighted one does not."""
    shares, _, design = post_stratified(np.array([[9.0, 81], [5, 5]]), [100, 100])
    assert shares == pytest.approx([(0.1 + 0.5) / 2, (0.9 + 0.5) / 2])
    assert design > 1
    even = post_stratified(np.array([[9.0, 81], [45, 45]]), [100, 100])
    assert even[2] == pytest.approx(1)


# -- the whole analysis


def read(data: Path, name: str, form: str) -> Answers:
    return read_answers(data / name, read_form(ROOT / "docs" / "forms" / f"{form}.toml"))


def test_the_student_evaluation_is_analysed_as_it_is_known(shared_data: Path) -> None:
    answers = read(shared_data, "survey/turkiye-student-evaluation_generic.csv", "student-evaluation")
    found = analyse(answers)
    assert answers.respondents == 5_820
    assert found.straight.sum() == 2_985
    assert found.reliability is not None
    assert found.reliability.alpha.value is not None
    assert round(found.reliability.alpha.value, 5) == 0.99196
    with (shared_data / "survey/turkiye-student-evaluation_generic.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    for n, item in enumerate(found.items, 1):
        counted = Counter(row[f"Q{n}"] for row in rows)
        assert item.counts == tuple(counted[str(level)] for level in range(1, 6))
    sizes = Counter(row["instr"] for row in rows)
    assert {name: g.respondents for name, g in found.by_group["instructor"].items()} == dict(sizes)


def test_the_pre_course_survey_is_analysed_with_its_own_form(shared_data: Path) -> None:
    answers = read(shared_data, "dataedu/pre_survey.csv", "pre-survey")
    found = analyse(answers)
    with (shared_data / "dataedu/pre_survey.csv").open(encoding="utf-8-sig") as file:
        rows = [
            [row[f"Q1MaincellgroupRow{n}"] for n in range(1, 11)] for row in csv.DictReader(file)
        ]  # fmt: skip
    said = [row for row in rows if any(v not in ("NA", "") for v in row)]
    assert answers.respondents == len(said)
    assert answers.problems == []
    for n, item in enumerate(found.items):
        counted = Counter(row[n] for row in said)
        assert item.counts == tuple(counted[str(float(level))] + counted[str(level)] for level in range(1, 6))
    whole = np.array([[float(v) for v in row] for row in said if all(v not in ("NA", "") for v in row)])
    whole[:, [3, 6]] = 6 - whole[:, [3, 6]]
    assert found.reliability is not None
    expected = 10 / 9 * (1 - whole.var(axis=0, ddof=1).sum() / whole.sum(axis=1).var(ddof=1))
    assert found.reliability.alpha.value == pytest.approx(expected, abs=1e-9)


EDGES = {
    "nobody": [],
    "one": [("满意", "一般", "满意")],
    "one level": [("满意", "满意", "满意")] * 12,
    "not applicable": [("不适用", "", "NA")] * 5,
    "two": [("满意", "", ""), ("", "一般", "")],
}


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.parametrize("asked", [None, 12])
def test_a_survey_of_hardly_anybody_is_analysed_and_written(name: str, asked: int | None) -> None:
    rows = [sheet(str(n), *row) for n, row in enumerate(EDGES[name])]
    data = table(rows) if rows else table([sheet("", "", "", "")]).slice(0, 0)
    found = analyse(answers_of(data, FORM, "f.csv"), asked=asked)
    assert found.answers.respondents == (0 if name == "not applicable" else len(rows))
    for language in ("zh", "en"):
        for is_public in (True, False):
            document = compose_survey(found, language, on=ON, is_public=is_public)
            assert render_html(document)
            assert render_markdown(document)
            assert render_xlsx(document)


def some(sizes: dict[str, int], *, people: bool = False, seed: int = 5) -> Analysis:
    chance = np.random.default_rng(seed)
    rows = [
        sheet(f"e{n}", *[str(v) for v in chance.integers(1, 5, 3)], where, f"意见{n}" if n % 3 == 0 else "")
        for n, where in enumerate(where for where, size in sizes.items() for _ in range(size))
    ]
    answers = answers_of(table(rows), FORM, "f.csv")
    if not people:
        return analyse(answers)
    everybody = [*(row["who"] for row in rows), *(f"n{n}" for n in range(100))]
    places = [*(row["where"] for row in rows), *(list(sizes)[n % len(sizes)] for n in range(100))]
    asked = People(
        "p", Label("项目", "Programme"), ON, True, everybody, {"county": np.array(places, object)},
        {"minutes": chance.normal(100, 20, len(everybody)), "passed": chance.integers(0, 2, len(everybody)).astype(float)},
        {"county": Label("区县", "County")}, {"county": {}},
    )  # fmt: skip
    return analyse(tied(answers, asked), asked)


def cells(document: Document) -> list[tuple[str, list[str]]]:
    return [
        (block.name, [cell.text for cell in row.cells])
        for block in document.blocks if isinstance(block, Table) for row in block.rows
    ]  # fmt: skip


def test_answers_are_tied_by_a_key_or_not_at_all() -> None:
    found = some({"x": 12}, people=True)
    assert found.people is not None
    keyless = msgspec_replace(FORM, key=None)
    with pytest.raises(BadConfiguration, match="the form names no key"):
        tied(answers_of(table([sheet("e1", "1", "1", "1")]), keyless, "f.csv"), found.people)
    unknown = tied(
        answers_of(table([sheet("stranger", "1", "1", "1"), sheet("e1", "2", "2", "2")]), FORM, "f.csv"), found.people
    )
    assert (unknown.keys, [(p.row, p.why.en) for p in unknown.problems]) == (
        ["e1"],
        [(2, "not among those who take part")],
    )


def test_small_groups_are_merged_so_that_none_can_be_had_by_subtraction() -> None:
    values = np.array([*["big"] * 40, *["middle"] * 15, *["small"] * 4], object)
    assert Counter(merged(values, 10)) == {"big": 40, "": 19}  # 4 alone would be what is left
    assert Counter(merged(np.array([*["big"] * 40, *["a"] * 6, *["b"] * 5], object), 10)) == {"big": 40, "": 11}
    assert Counter(merged(values, 0)) == {"big": 40, "middle": 15, "small": 4}


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.integers(0, 12))
def test_no_merged_group_is_smaller_than_allowed(sizes: list[int], smallest: int) -> None:
    values = np.array([f"g{n}" for n, size in enumerate(sizes) for _ in range(size)], object)
    found = Counter(merged(values, smallest))
    assert sum(found.values()) == sum(sizes)
    assert all(size >= smallest for size in found.values()) or len(found) == 1


def test_the_public_edition_tells_of_no_small_group_and_quotes_nobody() -> None:
    found = some({"秦州": 40, "麦积": 25, "清水": 3}, people=True)
    public, restricted = (compose_survey(found, "zh", on=ON, is_public=p) for p in (True, False))
    assert "意见0" in render_markdown(restricted)
    assert "意见" not in render_markdown(public).replace("意见栏", "")
    response = [row for name, row in cells(public) if name == "各组答卷率"]
    assert [row[2:] for row in response if row[1] == "清水"] == [["*"] * 3]
    assert sum(row[2:] == ["*"] * 3 for row in response) == 2  # and one more, or the rest would tell
    assert not [row for row in response if row[3] in ("1", "2", "3", "4", "5", "6", "7", "8", "9")]
    assert not [row for name, row in cells(public) if "各题结果，按" in name and row[0] == "清水"]
    assert "模拟" in render_markdown(public)
    few = some({"秦州": 7})
    assert "不予公布" in render_markdown(compose_survey(few, "zh", on=ON, is_public=True))
    assert [name for name, _ in cells(compose_survey(few, "zh", on=ON, is_public=True)) if name == "各题结果"] == []


def test_options_of_few_are_together_in_the_public_edition_and_nobody_is_quoted() -> None:
    """Of 40: 手机 40, 电脑 20; 12 wrote an option each of their own, which none of the public's business is."""
    rows = [
        sheet(f"e{n}", "满意", "满意", "一般") | {"用什么": "┋".join(["手机", *(["电脑"] if n % 2 else []), *([f"我的{n}"] if n < 12 else [])]), "用时": "60秒"}
        for n in range(40)
    ]  # fmt: skip
    form = msgspec_replace(FORM, multiple={"设备": {"column": "用什么", "separator": "┋"}}, seconds="用时")
    found = analyse(answers_of(table(rows), form, "f.csv"))
    public, restricted = (compose_survey(found, "zh", on=ON, is_public=p) for p in (True, False))
    told = [row for name, row in cells(public) if name == "设备"]
    assert told == [["手机", "40", "100.00"], ["电脑", "20", "50.00"], ["其他选项（合并）", "12", "30.00"]]
    assert "我的" not in render_markdown(public)
    assert "我的3" in render_markdown(restricted)
    assert "答卷用时中位数60秒" in render_markdown(public)
    few = msgspec_replace(form, multiple={"设备": {"columns": {"手机": "用什么"}}})
    for n, row in enumerate(rows):
        row["用什么"] = "1" if n < 4 else ""
    hidden = compose_survey(analyse(answers_of(table(rows), few, "f.csv")), "zh", on=ON, is_public=True)
    assert [row for name, row in cells(hidden) if name == "设备"] == []
    assert "*人作答" in render_markdown(hidden).replace("\\", "")


def test_sheets_to_look_at_are_named_in_the_restricted_edition_only() -> None:
    rows = [sheet("a", "1", "1", "1"), sheet("b", "1", "2", "1"), sheet("c", "1", "2", "1"), sheet("d", "1", "3", "1")]
    found = analyse(answers_of(table(rows), FORM, "f.csv"), smallest=0)
    assert (found.straight.tolist(), found.alike.tolist()) == (
        [True, False, False, False],
        [False, True, True, False],
    )
    named = [
        row for name, row in cells(compose_survey(found, "en", on=ON, is_public=False)) if name.endswith("look at")
    ]
    assert [(row[0], row[1]) for row in named] == [("2", "a"), ("3", "b"), ("4", "c")]
    assert not [name for name, _ in cells(compose_survey(found, "en", on=ON, is_public=True)) if "look at" in name]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_report_is_whole_in_every_format(language: str) -> None:
    document = compose_survey(
        some({"秦州": 40, "麦积": 25, "清水": 13}, people=True), language, on=ON, is_public=False, sort="mean"
    )
    page = render_html(document)
    assert page.count("<svg") == 3  # the items, and the groups of the file and of the records
    assert "{" not in re.sub(r"<style.*?</style>|<svg.*?</svg>|<script.*?</script>", "", page, flags=re.S)
    assert render_pdf(document)[:5] == b"%PDF-"
    book = openpyxl.load_workbook(BytesIO(render_xlsx(document)))
    assert len(book.sheetnames) >= 10
    with_numbers = next(s for s in book.worksheets if s["A2"].value in ("题目", "Item"))
    assert isinstance(with_numbers["B3"].value, int | float)
    means = [float(row[4]) for name, row in cells(document) if name in ("各题结果", "Items")]
    assert means == sorted(means, reverse=True)


HOSTILE = [
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "\u202eevil",
    "🎓" * 50,
    "x" * 10_000,
    "#let x = 1",
    "| a | b |",
]


def test_hostile_text_is_only_text() -> None:
    rows = [
        sheet(f"e{n}", "满意", "一般", "满意", HOSTILE[n % len(HOSTILE)], HOSTILE[n % len(HOSTILE)]) for n in range(70)
    ]
    document = compose_survey(analyse(answers_of(table(rows), FORM, "f.csv")), "en", on=ON, is_public=False)
    page = render_html(document)
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert render_pdf(document)[:5] == b"%PDF-"
    book = openpyxl.load_workbook(BytesIO(render_xlsx(document)))
    assert all(cell.data_type != "f" for s in book.worksheets for row in s.iter_rows() for cell in row)
    assert "<script>" not in render_markdown(document)


# -- commands


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "answers.csv"
    rows = [
        "id,q1,q2,q3,comment",
        *(f"p{n},{n % 4 + 1},{n % 3 + 1},{(n * 7) % 4 + 1},words {n}" for n in range(40)),
        "p41,9,1,1,",
    ]
    found.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return found


def run(*args: object) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["survey", *map(str, args)], catch_exceptions=False)
    return found.exit_code, found.output


def test_from_a_file_to_its_report(file: Path, tmp_path: Path) -> None:
    form = tmp_path / "form.toml"
    assert run("form", file, "--to", form)[0] == 0
    with pytest.raises(BadConfiguration, match="is there already"):
        run("form", file, "--to", form)
    # A person puts the scale right: 9 is no level of it.
    text = form.read_text(encoding="utf-8")
    text = re.sub(r"\n\[\[levels\]\]\ncode = 9\n[^\[]*", "\n", text).replace('# key = "enrolment_id"', 'key = "id"')
    text = text.replace("is_order_confirmed = false", "is_order_confirmed = true")
    form.write_text(text, encoding="utf-8")
    page, book = tmp_path / "r.html", tmp_path / "r.xlsx"
    code, told = run(
        "analyse", file, "--form", form, "--asked", 60, "--lang", "en", "--to", page, "--to", book, "--problems", tmp_path / "bad.csv"
    )  # fmt: skip
    assert code == 0
    assert "row 42, q1: 9 no level of the form" in told
    assert "Response rate (%) 68.33" in told
    assert "words" not in page.read_text(encoding="utf-8")
    assert (tmp_path / "bad.csv").read_text(encoding="utf-8-sig").splitlines()[1] == "42,q1,9,no level of the form"
    assert book.stat().st_size > 5_000


def test_wrong_questions_are_told(file: Path, tmp_path: Path) -> None:
    form = tmp_path / "form.toml"
    run("form", file, "--to", form)
    with pytest.raises(BadConfiguration, match=r"how is answers\.csv to be read"):
        run("analyse", file)
    with pytest.raises(BadConfiguration, match="name a file of answers"):
        run("analyse")
    with pytest.raises(BadConfiguration, match="nobody has confirmed the order of the levels"):
        run("analyse", file, "--form", form)
    text = form.read_text(encoding="utf-8")
    form.write_text(text.replace("is_order_confirmed = false", "is_order_confirmed = true"), encoding="utf-8")
    with pytest.raises(BadConfiguration, match="41 answered, more than the 5"):
        run("analyse", file, "--form", form, "--asked", 5)
    with pytest.raises(BadConfiguration, match=r"write the report as \.html"):
        run("analyse", file, "--form", form, "--to", "x.doc")


def test_a_groups_shares_are_those_of_its_own_answers() -> None:
    found = some({"秦州": 40, "麦积": 25})
    rows = [row for name, row in cells(compose_survey(found, "en", on=ON, is_public=True)) if name == "Items by place"]
    own = found.answers.codes[found.answers.groups["place"] == "麦积"]
    assert len(rows) == 6
    for row, item in zip([r for r in rows if r[0] == "麦积"], range(3), strict=True):
        counts = [int((own[:, item] == level).sum()) for level in (4, 3, 2, 1)]
        assert row[2:] == ["25", *(f"{100 * n / 25:.2f}" for n in counts), f"{own[:, item].mean():.2f}"]
