"""Files of answers as they come: encodings, headers, titles, lost digits, and what form services put beside the questions."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import msgspec
import numpy as np
import openpyxl
import pandas as pd
import pyreadstat
import pytest

from pipelines.survey.analysis import analyse
from pipelines.survey.answers import Answers, read_answers, seconds_of
from pipelines.survey.files import read_file
from pipelines.survey.form import Form, Item, Level, Multiple
from pipelines.survey.people import People, tied
from pipelines.words import Label
from warehouse.errors import BadConfiguration

LEVELS = (Level(1, "不满意", "Dissatisfied"), Level(2, "一般", "Neutral"), Level(3, "满意", "Satisfied"))
#: Twelve rows: of the first item 6 满意 and 6 一般, mean (6 × 3 + 6 × 2) / 12 = 2.5; of the second 6 满意 and 6 不满意, mean 2.
ROWS = [["满意", "满意"] if n % 2 == 0 else ["一般", "不满意"] for n in range(12)]
MEANS = [2.5, 2.0]


def form(first: str, second: str, **more: object) -> Form:
    items = (Item("a", first, first), Item("b", second, second))
    return Form("f", "满意度", "Satisfaction", LEVELS, items, **more)  # type: ignore[arg-type]


def means(answers: Answers) -> list[float | None]:
    return [item.mean.value for item in analyse(answers).items]


def write(
    file: Path, rows: list[list[str]], encoding: str = "utf-8", delimiter: str = ",", *, quoted: bool = False
) -> Path:
    with file.open("w", encoding=encoding, newline="") as target:
        csv.writer(target, delimiter=delimiter, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL).writerows(rows)
    return file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("quoted", [True, False])
@pytest.mark.parametrize(
    "names", [("平台", "课程"), ("您对内容\n（单选）", "您对平台"), ("内容, 含课程", "平台, 含手机端; 都算")], ids=["plain", "line break", "commas"]
)  # fmt: skip
def test_a_csv_is_read_whatever_its_encoding_and_header(
    tmp_path: Path, encoding: str, delimiter: str, quoted: bool, names: tuple[str, str]
) -> None:
    file = write(tmp_path / "a.csv", [[*names], *ROWS], encoding, delimiter, quoted=quoted)
    found = read_answers(file, form(*names))
    assert (found.respondents, found.problems, means(found)) == (12, [], MEANS)
    assert found.rows.tolist() == list(range(2, 14))


def test_a_quoted_first_header_behind_a_mark_may_be_the_key(tmp_path: Path) -> None:
    rows = [["编号", "Q1", "Q2"], *([f"k{n}", *row] for n, row in enumerate(ROWS))]
    found = read_answers(write(tmp_path / "a.csv", rows, "utf-8-sig", quoted=True), form("Q1", "Q2", key="编号"))
    assert found.keys == [f"k{n}" for n in range(12)]
    assert means(found) == MEANS


def test_rows_have_their_number_in_the_file_and_too_long_ones_are_told(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("Q1,Q2\n满意,满意\n\n一般,不满意\n满意,满意,多,余\n满意,别的\n一般\n", encoding="utf-8")
    found = read_answers(file, form("Q1", "Q2"))
    assert found.rows.tolist() == [2, 4, 6, 7]
    assert [(p.row, p.column, p.why.en) for p in found.problems] == [
        (5, "", "more cells than columns: the row is left out"), (6, "Q2", "no level of the form"),
    ]  # fmt: skip
    assert found.codes.tolist() == [[3, 3], [2, 1], [3, 0], [2, 0]]


def workbook(file: Path, rows: list[list[object]], merged: tuple[str, ...] = ()) -> Path:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    for area in merged:
        book.active.merge_cells(area)
    book.save(file)
    return file


@pytest.mark.parametrize("merged", [("A1:C1",), ()])
def test_a_title_may_stand_above_the_columns(tmp_path: Path, merged: tuple[str, ...]) -> None:
    rows = [["2026年满意度调查"], ["编号", "内容", "平台"], *([n, *row] for n, row in enumerate(ROWS))]
    file = workbook(tmp_path / "a.xlsx", rows, merged)
    assert read_file(file).table.column_names == ["编号", "内容", "平台"]
    found = read_answers(file, form("内容", "平台", key="编号"))
    assert (found.respondents, found.rows[0], means(found)) == (12, 3, MEANS)


TWO_ROWS = [["编号", "您对培训的满意度", None, "建议"], [None, "内容", "平台", None]]


@pytest.mark.parametrize("merged", [("A1:A2", "B1:C1", "D1:D2"), ("B1:C1",), ()])
@pytest.mark.parametrize("names", [("内容", "平台"), ("您对培训的满意度—内容", "您对培训的满意度—平台")])
def test_a_header_of_two_rows_names_its_columns_by_both(
    tmp_path: Path, merged: tuple[str, ...], names: tuple[str, str]
) -> None:
    file = workbook(tmp_path / "a.xlsx", [*TWO_ROWS, *([n, *row, None] for n, row in enumerate(ROWS))], merged)
    assert read_file(file).table.column_names == ["编号", "您对培训的满意度—内容", "您对培训的满意度—平台", "建议"]
    found = read_answers(file, form(*names, key="编号"))
    assert (found.respondents, found.rows[0], found.problems, means(found)) == (12, 3, [], MEANS)


def test_columns_without_a_name_are_no_reason_to_refuse(tmp_path: Path) -> None:
    rows = [["Q1", "", "Q2", ""], *([first, "", second, ""] for first, second in ROWS)]
    assert read_file(write(tmp_path / "a.csv", rows)).table.column_names == ["Q1", "Q2"]
    rows = [["Q1", "", "Q2"], *([first, "x", second] for first, second in ROWS)]
    assert read_file(write(tmp_path / "b.csv", rows)).table.column_names == ["Q1", "column 2", "Q2"]
    with pytest.raises(BadConfiguration, match="the column Q1 comes twice"):
        read_file(write(tmp_path / "c.csv", [["Q1", "Q1"], *ROWS]))


def test_lost_digits_of_a_key_are_told_and_nobody_answered_before(tmp_path: Path) -> None:
    """620000000000000000 to …011 are one number in a workbook: nobody is taken for somebody else, and all twelve answers count."""
    numbers = [620000000000000000 + n for n in range(12)]
    rows = [["编号", "Q1", "Q2"], *([number, *row] for number, row in zip(numbers, ROWS, strict=True))]
    lost = read_answers(workbook(tmp_path / "a.xlsx", rows), form("Q1", "Q2", key="编号"))
    saved = [["编号", "Q1", "Q2"], *(["6.2E+17", *row] for row in ROWS)]
    again = read_answers(write(tmp_path / "b.csv", saved), form("Q1", "Q2", key="编号"))
    for found in (lost, again):
        assert (found.respondents, means(found)) == (12, MEANS)
        assert [p.row for p in found.problems] == list(range(2, 14))
        assert {p.why.en.partition(",")[0] for p in found.problems} == {"a number cell keeps 15 digits"}
        assert "6.2" not in str(found.problems)
    whole = [["编号", "Q1", "Q2"], *([str(number), *row] for number, row in zip(numbers, ROWS, strict=True))]
    found = read_answers(write(tmp_path / "c.csv", whole), form("Q1", "Q2", key="编号"))
    assert (len(set(found.keys)), found.problems) == (12, [])
    short = [["编号", "Q1", "Q2"], *([f"{n}E12", *row] for n, row in enumerate(ROWS))]
    assert read_answers(write(tmp_path / "d.csv", short), form("Q1", "Q2", key="编号")).problems == []


def test_an_answer_whose_key_lost_its_digits_is_nobodys_in_a_programme_and_told_once(tmp_path: Path) -> None:
    rows = [["Q1", "Q2", "编号"], ["满意", "满意", "6.2E+17"], ["满意", "一般", "e1"], ["满意", "一般", ""]]
    found = read_answers(write(tmp_path / "a.csv", rows), form("Q1", "Q2", key="编号"))
    names = np.array(["x"], object)
    people = People("p", Label("p", "p"), date(2026, 6, 1), True, ["e1"], {"county": names}, {}, {}, {})
    tied_answers = tied(found, people)
    assert tied_answers.keys == ["e1"]
    assert [(p.row, p.why.en[:13]) for p in tied_answers.problems] == [(2, "a number cell"), (4, "without a key")]


def test_a_file_with_one_answer_a_row_is_read_by_its_own_headers(tmp_path: Path) -> None:
    rows = [["一份长表"], ["谁", "题", "答"]]
    for n, (first, second) in enumerate(ROWS):
        rows += [[f"k{n}", "Q1", first], [f"k{n}", "Q2", second]]
    wide = msgspec.to_builtins(form("Q1", "Q2", key="谁"))
    long = msgspec.convert(wide | {"long": {"item": "题", "answer": "答"}}, Form)
    found = read_answers(write(tmp_path / "a.csv", rows), long)
    assert (found.respondents, found.rows.tolist()[:2], means(found)) == (12, [3, 5], MEANS)


# -- form services


def test_qualtrics_has_three_rows_of_names(tmp_path: Path) -> None:
    rows = [
        ["ResponseId", "Duration (in seconds)", "Q1", "Q2"],
        ["Response ID", "Duration (in seconds)", "How was the\ncontent?", "And the platform?"],
        ['{"ImportId":"_recordId"}', '{"ImportId":"duration"}', '{"ImportId":"QID1"}', '{"ImportId":"QID2"}'],
        *([f"R_{n}", str(60 + n), *row] for n, row in enumerate(ROWS)),
    ]  # fmt: skip
    file = write(tmp_path / "a.csv", rows)
    assert read_file(file).labels == {
        "ResponseId": "Response ID",
        "Q1": "How was the\ncontent?",
        "Q2": "And the platform?",
    }
    for names in (("Q1", "Q2"), ("How was the content?", "And the platform?")):
        found = read_answers(file, form(*names, seconds="Duration (in seconds)"))
        assert (found.respondents, found.rows[0], found.problems, means(found)) == (12, 4, [], MEANS)
        assert found.median_seconds == 65.5  # of 60 to 71


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("205秒", 205), ("3分25秒", 205), ("1小时0分5秒", 3605), ("0:03:25", 205), ("03:25", 205), ("205", 205), ("20.5", 20.5), ("２０５秒", 205),
        ("", None), ("soon", None), ("秒", None), ("-5", None), ("inf", None),
    ],
)  # fmt: skip
def test_the_time_taken_is_read_as_services_write_it(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


def test_a_time_that_is_none_is_told_and_the_answers_stay(tmp_path: Path) -> None:
    rows = [["Q1", "Q2", "用时"], ["满意", "满意", "60秒"], ["一般", "满意", "bald"], ["一般", "满意", ""]]
    found = read_answers(write(tmp_path / "a.csv", rows), form("Q1", "Q2", seconds="用时"))
    assert [(p.row, p.column, p.why.en) for p in found.problems] == [(3, "用时", "no length of time")]
    assert (found.respondents, found.median_seconds) == (3, 60)


def test_several_answers_are_counted_by_option(tmp_path: Path) -> None:
    """Of five who answered anything: 手机 3, 电脑 2, 其他 1, of the 4 who chose; what stands beside 其他 is nobody's option."""
    cells = ["手机┋电脑", "手机", "(跳过)", "电脑┋其他〖自带平板〗", "手机"]
    rows = [
        ["Q1", "Q2", "设备", "r/短信", "r/微信"],
        *(["满意", "一般", cell, str(n % 2), "1"] for n, cell in enumerate(cells)),
        ["", "", "手机", "1", "1"],
    ]
    asked = {"设备": Multiple("设备", "┋"), "渠道": Multiple(columns={"短信": "r/短信", "微信": "r/微信"})}
    found = read_answers(write(tmp_path / "a.csv", rows), form("Q1", "Q2", multiple=asked))
    assert found.respondents == 5  # who answered no item is left out
    assert found.multiple["设备"].counts() == [("手机", 3), ("电脑", 2), ("其他", 1)]
    assert found.multiple["设备"].answered == 4
    # 电脑 and 其他 are of fewer than 3: two people chose either.
    assert found.multiple["设备"].counts(3) == [("手机", 3), ("", 2)]
    assert found.multiple["渠道"].counts() == [("微信", 5), ("短信", 2)]
    assert "自带" not in str(found.multiple)


def test_an_spss_file_keeps_codes_labels_questions_and_missing_values(tmp_path: Path) -> None:
    """q2: 12 × 满意, 12 × 非常满意, 6 × 一般: 4 levels, mean (12 × 4 + 12 × 3 + 6 × 2) / 30 = 3.2; nobody chose 不满意."""
    frame = pd.DataFrame({"q1": [1.0] * 15 + [2.0] * 9 + [4.0] * 6, "q2": [1.0] * 12 + [2.0] * 12 + [3.0] * 6})
    frame.loc[0, "q1"] = 9.0
    labels = {1.0: "非常满意", 2.0: "满意", 3.0: "一般", 4.0: "不满意"}
    file = tmp_path / "a.sav"
    pyreadstat.write_sav(
        frame, file, column_labels=["培训内容", "平台"], variable_value_labels={"q1": labels | {9.0: "未答"}, "q2": labels},
        missing_ranges={"q1": [9.0]},
    )  # fmt: skip
    found = read_file(file)
    assert found.labels == {"q1": "培训内容", "q2": "平台"}
    assert (
        found.levels["q1"] == found.levels["q2"] == [("1", "非常满意"), ("2", "满意"), ("3", "一般"), ("4", "不满意")]
    )
    assert found.missing == ["未答"]
    assert found.table.column("q2").to_pylist() == ["非常满意"] * 12 + ["满意"] * 12 + ["一般"] * 6
    assert np.array_equal(found.rows, np.arange(1, 31))
