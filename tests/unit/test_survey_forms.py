"""Form files to start from: scales in their order, one form a scale, and nothing guessed where nothing says the order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyreadstat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.survey.analysis import analyse
from pipelines.survey.answers import Answers, answers_of, read_answers
from pipelines.survey.drafting import Draft, draft_forms
from pipelines.survey.files import AnswerFile, read_file
from pipelines.survey.form import Form, plain, read_form
from pipelines.survey.scales import direction_told, known_scales, recognise
from pipelines.survey.services import sorted_out
from warehouse.errors import BadConfiguration


def drafts(columns: dict[str, list[str]], labels: dict[str, str] | None = None) -> list[Draft]:
    table = pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()})
    return draft_forms(AnswerFile("a.csv", table, np.arange(2, table.num_rows + 2), labels or {}))


def read(tmp_path: Path, draft: Draft) -> Form:
    file = tmp_path / "form.toml"
    file.write_text(draft.text, encoding="utf-8")
    return read_form(file)


def figures(answers: Answers) -> list[tuple[float, float]]:
    """Top two in percent and mean of each item."""
    return [(round(100 * (i.top_two.value or 0), 2), round(i.mean.value or 0, 3)) for i in analyse(answers).items]


# -- scales


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("satisfaction", "非常不满意 不满意 一般 满意 非常满意"), ("satisfaction", "不满意 一般 满意 非常满意"), ("satisfaction", "不满意 一般 满意"),
        ("satisfaction", "很不满意 不满意 一般 满意 很满意"), ("satisfaction", "非常不满意 比较不满意 一般 比较满意 非常满意"),
        ("satisfaction", "不满意 基本满意 满意 非常满意"), ("satisfaction", "不满意 一般 比较满意 满意 非常满意"), ("satisfaction", "不满意 基本满意 满意"),
        ("agreement", "非常不同意 不同意 一般 同意 非常同意"), ("agreement", "完全不同意 不同意 不确定 同意 完全同意"), ("conformity", "完全不符合 比较不符合 一般 比较符合 完全符合"),
        ("frequency", "从不 偶尔 有时 经常 总是"), ("quality", "很差 差 一般 好 很好"), ("importance", "非常不重要 不重要 一般 重要 非常重要"),
        ("satisfaction", "Very dissatisfied|Dissatisfied|Neutral|Satisfied|Very satisfied"),
        ("agreement", "Strongly disagree|Disagree|Neither agree nor disagree|Agree|Strongly agree"),
        ("agreement", "Strongly disagree|Somewhat disagree|Neither agree nor disagree|Somewhat agree|Strongly agree"),
        ("frequency", "Never|Rarely|Sometimes|Often|Always"), ("quality", "Poor|Fair|Good|Very good|Excellent"),
        ("importance", "Not at all important|Slightly important|Moderately important|Very important"),
        ("extent", "Not at all|A little|Somewhat|Very much|Extremely"), ("likelihood", "Very unlikely|Unlikely|Neutral|Likely|Very likely"),
        ("satisfaction", "D.不满意|C.一般|B.满意|A.非常满意"), ("satisfaction", "1 - 不满意|2 - 一般|3 - 满意|4 - 非常满意"),
        ("satisfaction", "不满意（1分）|一般（2分）|满意（3分）|非常满意（4分）"), ("agreement", "1. Disagree|2. Agree"),
    ],
)  # fmt: skip
def test_a_known_scale_goes_from_the_lowest_to_the_highest(tmp_path: Path, name: str, levels: str) -> None:
    expected = levels.split("|") if "|" in levels else levels.split(" ")
    # Answered from the best to the worst, as most forms list their levels.
    (draft,) = drafts({"q1": expected[::-1], "q2": [expected[-1]] * len(expected)})
    assert (draft.scale, draft.is_order_confirmed, draft.items) == (name, True, ["q1", "q2"])
    form = read(tmp_path, draft)
    assert [form.answers[text] for text in map(plain, expected)] == list(range(1, len(expected) + 1))
    assert not form.has_codes


@given(st.data())
def test_any_levels_of_a_scale_are_recognised_in_its_order(data: st.DataObject) -> None:
    """Two levels or more of a scale, one word of each, in whatever order they come."""
    scale = data.draw(st.sampled_from(known_scales()))
    places = data.draw(st.sets(st.integers(0, len(scale.levels) - 1), min_size=2))
    words = [data.draw(st.sampled_from(scale.levels[place])) for place in sorted(places)]
    found = recognise(data.draw(st.permutations(words)))
    assert found is not None
    if found.scale is scale:
        assert sorted(words, key=found.places.__getitem__) == words
    else:  # a word such as 一般 is of several scales, and so may be a few of them together
        assert set(words) <= {word for level in found.scale.levels for word in level}


def test_no_word_means_two_levels_of_a_scale_and_scales_agree_on_the_order() -> None:
    for scale in known_scales():
        words = [word for level in scale.levels for word in level]
        assert len(words) == len(set(words)), scale.name
        assert all(word == plain(word) for word in words), scale.name
        named = [w for pair in scale.opposites for side in pair for w in side] + [w for u in scale.usual for w in u]
        assert all(scale.place(w) is not None for w in [*named, *filter(None, [scale.neutral])]), scale.name
        for other in known_scales():
            shared = [w for w in words if other.place(w) is not None]
            assert shared == sorted(shared, key=lambda w: other.place(w) or 0), (scale.name, other.name)


def test_the_file_of_a_form_service_gives_its_true_figures(tmp_path: Path) -> None:
    """Of twenty: 内容 8 非常满意, 6 满意, 4 一般, 2 不满意: (32 + 18 + 8 + 2) / 20 = 3.0, top two 14 of 20; 平台 20 × 满意: 3, all."""
    content = ["非常满意"] * 8 + ["满意"] * 6 + ["一般"] * 4 + ["不满意"] * 2
    columns = {"内容": content, "平台": ["满意"] * 20}
    (draft,) = drafts(columns)
    form = read(tmp_path, draft)
    assert figures(answers_of(pa.table(columns), form, "a.csv")) == [(70.0, 3.0), (100.0, 3.0)]
    assert [(level.label_zh, level.label_en) for level in form.levels] == [
        ("不满意", "Dissatisfied"), ("一般", "Neutral"), ("满意", "Satisfied"), ("非常满意", "Very satisfied"),
    ]  # fmt: skip
    assert form.neutral == 2


def test_a_scale_that_lacks_a_level_waits_for_somebody(tmp_path: Path) -> None:
    """Nobody chose 不满意 or 满意: 一般 would be the second of three, and is the third of five."""
    columns = {"q": ["非常不满意", "一般", "非常满意", "满意"]}
    (draft,) = drafts(columns)
    assert (draft.scale, draft.is_order_confirmed, draft.is_whole) == ("satisfaction", False, False)
    with pytest.raises(BadConfiguration, match="is_order_confirmed = true"):
        analyse(answers_of(pa.table(columns), read(tmp_path, draft), "a.csv"))


@pytest.mark.parametrize(
    "values", [["red", "green", "blue"], ["A1", "A2", "A3"], ["1", "2", "3", "4", "5"], ["优等", "次等"], ["非常满意", "很满意", "满意"]]
)  # fmt: skip
def test_an_order_that_nothing_tells_is_not_guessed(tmp_path: Path, values: list[str]) -> None:
    columns = {"q1": values, "q2": values[::-1]}
    (draft,) = drafts(columns)
    assert (draft.is_order_confirmed, draft.is_whole, len(draft.items)) == (False, True, 2)
    assert not read(tmp_path, draft).is_order_confirmed
    confirmed = draft.text.replace("is_order_confirmed = false", "is_order_confirmed = true")
    (tmp_path / "form.toml").write_text(confirmed, encoding="utf-8")
    assert analyse(
        answers_of(pa.table(columns), read_form(tmp_path / "form.toml"), "a.csv")
    ).answers.respondents == len(values)


def test_numbers_go_up_where_the_question_says_so_and_down_where_it_says_that(tmp_path: Path) -> None:
    """Answers 5, 4, 2: with 5 for the best (5 + 4 + 2) / 3 = 3.667; with 1 for the best (1 + 2 + 4) / 3 = 2.333."""
    up, down = "打分（1=非常不满意，5=非常满意）", "Rate it (1 = very satisfied, 5 = very dissatisfied)"
    columns = {up: ["5", "4", "2"], down: ["5", "4", "2"]}
    rising, falling = drafts(columns)
    assert [level.code for level in read(tmp_path, rising).levels] == [1, 2, 3, 4, 5]
    assert figures(answers_of(pa.table(columns), read(tmp_path, rising), "a")) == [(66.67, 3.667)]
    assert [level.code for level in read(tmp_path, falling).levels] == [5, 4, 3, 2, 1]
    assert figures(answers_of(pa.table(columns), read(tmp_path, falling), "a")) == [(33.33, 2.333)]
    assert rising.is_order_confirmed
    assert falling.is_order_confirmed
    assert read(tmp_path, falling).levels[0].label_zh == "非常不满意"
    assert direction_told("1=甲，5=乙") is None


def test_from_0_to_10_the_highest_is_the_best(tmp_path: Path) -> None:
    (draft,) = drafts({"推荐": ["0", "10", "7", "7"]})
    assert draft.is_order_confirmed
    assert [level.code for level in read(tmp_path, draft).levels] == list(range(11))


def test_items_of_different_scales_are_forms_of_their_own(tmp_path: Path) -> None:
    columns = {
        "s1": ["满意", "一般", "不满意"], "f1": ["总是", "偶尔", "从不"], "s2": ["一般", "一般", "满意"], "区县": ["秦州", "麦积", "秦州"],
        "w1": ["很满意", "满意", "很不满意"], "w2": ["非常满意", "满意", "不满意"],
    }  # fmt: skip
    found = {draft.form_id: draft.items for draft in drafts(columns)}
    # 很满意 and 非常满意 are one level's words, and nobody was offered both.
    assert found == {"a-satisfaction": ["s1", "s2", "w1"], "a-frequency": ["f1"], "a-satisfaction-3": ["w2"]} or found == {
        "a-satisfaction": ["s1", "s2", "w2"], "a-frequency": ["f1"], "a-satisfaction-3": ["w1"],
    }  # fmt: skip
    assert "区县" in drafts(columns)[0].text
    for draft in drafts(columns):
        read(tmp_path, draft)


# -- SPSS


def test_an_spss_draft_has_codes_labels_order_and_questions(tmp_path: Path) -> None:
    """q2: 12 × 非常满意 (4), 12 × 满意 (3), 6 × 一般 (2): (48 + 36 + 12) / 30 = 3.2, top two 24 of 30; nobody chose 不满意, which is the first of four."""
    frame = pd.DataFrame({"q1": [1.0] * 15 + [2.0] * 9 + [4.0] * 6, "q2": [1.0] * 12 + [2.0] * 12 + [3.0] * 6})
    labels = {1.0: "非常满意", 2.0: "满意", 3.0: "一般", 4.0: "不满意"}
    file = tmp_path / "a.sav"
    pyreadstat.write_sav(
        frame, file, column_labels=["培训内容", "平台"], variable_value_labels={"q1": labels, "q2": labels}
    )
    (draft,) = draft_forms(read_file(file))
    form = read(tmp_path, draft)
    assert [(level.code, level.label_zh) for level in form.levels] == [
        (4, "不满意"),
        (3, "一般"),
        (2, "满意"),
        (1, "非常满意"),
    ]
    assert [(item.item_id, item.label_zh) for item in form.items] == [("q1", "培训内容"), ("q2", "平台")]
    assert (form.neutral, form.has_codes, draft.is_order_confirmed) == (3, True, True)
    # q1: (15 × 4 + 9 × 3 + 6 × 1) / 30 = 3.1, top two 24 of 30.
    assert figures(read_answers(file, form)) == [(80.0, 3.1), (80.0, 3.2)]


def test_codes_in_no_order_are_put_in_that_of_their_labels(tmp_path: Path) -> None:
    """agree = 1, disagree = 2, neither = 3, strongly agree = 4, strongly disagree = 5, as one public file has it; answers 4, 1, 5: (5 + 4 + 1) / 3 = 3.333."""
    labels = {
        1.0: "agree",
        2.0: "disagree",
        3.0: "neither agree nor disagree",
        4.0: "strongly agree",
        5.0: "strongly disagree",
    }
    file = tmp_path / "a.sav"
    pyreadstat.write_sav(pd.DataFrame({"q": [4.0, 1.0, 5.0]}), file, variable_value_labels={"q": labels})
    form = read(tmp_path, draft_forms(read_file(file))[0])
    assert [level.code for level in form.levels] == [5, 2, 3, 1, 4]
    assert figures(read_answers(file, form)) == [(66.67, 3.333)]


@pytest.mark.parametrize(
    ("ends", "codes", "is_confirmed"),
    [
        ({1.0: "not at all important", 5.0: "very important"}, [1, 2, 3, 4, 5], True), ({1.0: "very important", 5.0: "unimportant"}, [5, 4, 3, 2, 1], True),
        ({1.0: "left", 5.0: "right"}, [1, 2, 3, 4, 5], False),
    ],
)  # fmt: skip
def test_labels_of_the_ends_say_which_end_is_the_lowest(
    tmp_path: Path, ends: dict[float, str], codes: list[int], is_confirmed: bool
) -> None:
    file = tmp_path / "a.sav"
    pyreadstat.write_sav(pd.DataFrame({"q": [1.0, 2.0, 3.0, 4.0, 5.0]}), file, variable_value_labels={"q": ends})
    (draft,) = draft_forms(read_file(file))
    form = read(tmp_path, draft)
    assert ([level.code for level in form.levels], draft.is_order_confirmed) == (codes, is_confirmed)
    assert read_answers(file, form).problems == []


def test_what_a_file_declares_missing_is_no_level(tmp_path: Path) -> None:
    labels = {1.0: "Disagree", 2.0: "Agree", 9.0: "Refused"}
    file = tmp_path / "a.sav"
    frame = pd.DataFrame({"q": [1.0, 2.0, 9.0], "r": [2.0, 1.0, 2.0]})
    pyreadstat.write_sav(
        frame, file, variable_value_labels={"q": labels, "r": labels}, missing_ranges={"q": [9.0], "r": [9.0]}
    )
    (draft,) = draft_forms(read_file(file))
    form = read(tmp_path, draft)
    assert [level.code for level in form.levels] == [1, 2]
    found = read_answers(file, form)
    assert (found.problems, found.not_applicable) == ([], {"q": 1, "r": 0})


# -- what stands beside the items

EIGHT = range(8)
SATISFIED = ["非常满意", "满意", "一般", "不满意"] * 2
EXPORTS: dict[str, dict[str, list[str]]] = {
    "问卷星": {
        "序号": [str(n) for n in EIGHT], "提交答卷时间": ["2026/5/1 9:00:13"] * 8, "所用时间": [f"{60 + n}秒" for n in EIGHT], "来源": ["微信"] * 8,
        "来自IP": ["10.0.0.1(甘肃-天水)"] * 8, "1、您的姓名": [f"张{n}" for n in EIGHT], "2、满意度—内容": SATISFIED, "2、满意度—平台": SATISFIED[::-1],
        "3、设备（多选题）": ["手机┋电脑", "手机", "(跳过)", "平板┋手机"] * 2, "4、建议": [f"希望多一些互动，第{n}次" for n in EIGHT],
    },
    "腾讯问卷": {
        "编号": [str(n) for n in EIGHT], "开始答题时间": ["2026-05-01 09:00:00"] * 8, "结束答题时间": ["2026-05-01 09:05:00"] * 8, "答题时长": ["5分3秒"] * 8,
        "1.满意度:内容": SATISFIED, "1.满意度:平台": SATISFIED[::-1], "2.渠道:微信": ["1", "0"] * 4, "2.渠道:短信": ["1"] * 8,
    },
    "Qualtrics": {
        "StartDate": ["2026-05-01 09:00:00"] * 8, "Progress": ["100"] * 8, "Duration (in seconds)": [str(60 + n) for n in EIGHT],
        "ResponseId": [f"R_{n}" for n in EIGHT], "RecipientEmail": [""] * 8, "Q1_1": SATISFIED, "Q1_2": SATISFIED[::-1],
        "Q2": ["Phone,Laptop", "Phone", "Laptop", "Phone,Tablet"] * 2, "Q3_1": ["Lab", ""] * 4, "Q3_2": ["", "Hall"] * 4,
    },
    "LimeSurvey": {
        "id": [str(n) for n in EIGHT], "submitdate": ["2026-05-01 10:00:00"] * 8, "lastpage": ["2"] * 8, "startlanguage": ["en"] * 8, "seed": ["12"] * 8,
        "q1[SQ001]": SATISFIED, "q1[SQ002]": SATISFIED[::-1], "q2[1]": ["Y", "N"] * 4, "q2[2]": ["Y", ""] * 4, "interviewtime": ["120.5"] * 8,
    },
    "KoboToolbox": {
        "start": ["2026-05-01T10:00"] * 8, "end": ["2026-05-01T10:05"] * 8, "g/q1": SATISFIED, "g/q2": SATISFIED[::-1], "g/dev": ["phone laptop", "phone"] * 4,
        "g/dev/phone": ["1"] * 8, "g/dev/laptop": ["1", "0"] * 4, "_id": [str(100 + n) for n in EIGHT], "_uuid": [f"u{n}" for n in EIGHT],
    },
    "Google Forms": {
        "Timestamp": ["2026/05/01 9:00:00 AM GMT+8"] * 8, "Email Address": ["a@example.com"] * 8, "How? [Content]": SATISFIED,
        "How? [Platform]": SATISFIED[::-1], "Which devices?": ["Phone;Laptop", "Phone", "Laptop;Tablet", "Tablet"] * 2,
        "Any suggestions?": [f"more of it, please {n}" for n in EIGHT],
    },
}  # fmt: skip
SORTED = {
    "问卷星": (["2、满意度—内容", "2、满意度—平台"], "所用时间", ["3、设备（多选题）"], ["4、建议"], ["1、您的姓名"]),
    "腾讯问卷": (["1.满意度:内容", "1.满意度:平台"], "答题时长", ["2.渠道"], [], []),
    "Qualtrics": (["Q1_1", "Q1_2"], "Duration (in seconds)", ["Q3", "Q2"], [], []),
    "LimeSurvey": (["q1[SQ001]", "q1[SQ002]"], "interviewtime", ["q2"], [], []),
    "KoboToolbox": (["g/q1", "g/q2"], None, ["g/dev"], [], []),
    "Google Forms": (["How? [Content]", "How? [Platform]"], None, ["Which devices?"], ["Any suggestions?"], []),
}


@pytest.mark.parametrize("service", EXPORTS)
def test_an_export_is_sorted_out_and_its_draft_reads_it(tmp_path: Path, service: str) -> None:
    """Each item twice of 非常满意, 满意, 一般, 不满意: top two 4 of 8, mean (4 + 3 + 2 + 1) / 4 = 2.5."""
    columns = EXPORTS[service]
    found = sorted_out(columns, {})
    items, seconds, multiple, texts, who = SORTED[service]
    assert (found.service, found.seconds, list(found.multiple), found.texts, found.who) == (
        service,
        seconds,
        multiple,
        texts,
        who,
    )
    (draft,) = drafts(columns)
    assert draft.items == items
    form = read(tmp_path, draft)
    answers = answers_of(pa.table(columns), form, "a.csv")
    assert answers.problems == []
    assert figures(answers) == [(50.0, 2.5), (50.0, 2.5)]
    assert set(answers.multiple) == set(multiple)
    assert list(form.texts) == texts


def test_options_are_counted_as_they_were_chosen(tmp_path: Path) -> None:
    """问卷星: 手机 in three of four, 电脑 and 平板 in one of four, twice; (跳过) is no answer. Kobo: phone of 8, laptop of 4."""
    wjx = answers_of(pa.table(EXPORTS["问卷星"]), read(tmp_path, drafts(EXPORTS["问卷星"])[0]), "a")
    assert wjx.multiple["3、设备（多选题）"].counts() == [("手机", 6), ("电脑", 2), ("平板", 2)]
    assert wjx.median_seconds == 63.5  # of 60 to 67
    kobo = answers_of(pa.table(EXPORTS["KoboToolbox"]), read(tmp_path, drafts(EXPORTS["KoboToolbox"])[0]), "a")
    assert kobo.multiple["g/dev"].counts() == [("phone", 8), ("laptop", 4)]
    qualtrics = answers_of(pa.table(EXPORTS["Qualtrics"]), read(tmp_path, drafts(EXPORTS["Qualtrics"])[0]), "a")
    assert qualtrics.multiple["Q3"].counts() == [("Lab", 4), ("Hall", 4)]
    assert qualtrics.multiple["Q2"].counts() == [("Phone", 6), ("Laptop", 4), ("Tablet", 2)]


def test_a_file_of_no_service_keeps_its_items_whatever_they_are_called(tmp_path: Path) -> None:
    """语言 is a column of 腾讯问卷, status one of Qualtrics; here both are items."""
    columns = {"编号": [str(n) for n in EIGHT], "语言": SATISFIED, "status": SATISFIED[::-1]}
    assert sorted_out(columns, {}).service == ""
    (draft,) = drafts(columns)
    assert draft.items == ["语言", "status"]
    assert figures(answers_of(pa.table(columns), read(tmp_path, draft), "a")) == [(50.0, 2.5), (50.0, 2.5)]


def test_names_accounts_and_schools_are_no_free_text() -> None:
    columns = {
        "opdata_username": [f"some user {n}" for n in range(20)], "学校名称": [f"天水市第{n}中学的学校" for n in range(20)],
        "您的手机号码": [f"1380000{n:04d}" for n in range(20)], "comment": [f"it was good, {n}" for n in range(20)],
    }  # fmt: skip
    found = sorted_out(columns, {})
    assert (found.texts, found.who) == (["comment"], ["您的手机号码"])


def test_the_command_writes_a_form_for_each_scale_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("q1,q2,q3\n满意,总是,1\n一般,偶尔,2\n不满意,从不,3\n", encoding="utf-8")

    def form(language: str) -> str:
        to = tmp_path / language / "form.toml"
        to.parent.mkdir()
        done = CliRunner().invoke(app, ["survey", "form", str(file), "--to", str(to), "--lang", language])
        assert done.exit_code == 0
        assert sorted(path.name for path in to.parent.iterdir()) == ["form-2.toml", "form.toml"]
        return done.output

    assert "each has a form file of its own" in form("en")
    assert "每种各写一份问卷说明" in form("zh")
