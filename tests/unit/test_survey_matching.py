"""A form file beside the pack's form: the pack's codes are written, or nothing, and both sides are shown."""

from __future__ import annotations

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.survey.analysis import analyse
from pipelines.survey.answers import Answers, answers_of
from pipelines.survey.form import Form, Item, Level
from pipelines.survey.matching import in_the_packs_terms
from warehouse.errors import BadConfiguration

#: As pack_form makes it of a survey_levels.csv without scores: 1 is the best level, and so the last one.
PACK = Form(
    "sat", "满意度", "Satisfaction",
    (
        Level(4, "不满意", "Dissatisfied"), Level(3, "一般", "Neutral"), Level(2, "满意", "Satisfied"), Level(1, "非常满意", "Very satisfied"),
    ),
    (Item("q1", "培训内容", "Content"), Item("q2", "平台", "Platform")), neutral=3, key="enrolment_id",
)  # fmt: skip
ITEMS = (Item("q1", "培训内容", "Content"), Item("q2", "平台", "Platform"))
LABELS = ("不满意", "一般", "满意", "非常满意")
ENGLISH = ("Dissatisfied", "Neutral", "Satisfied", "Very satisfied")


def form(codes: tuple[int, ...], items: tuple[Item, ...] = ITEMS, *, has_codes: bool = True) -> Form:
    levels = tuple(map(Level, codes, LABELS, ENGLISH))
    return Form("sat", "满意度", "Satisfaction", levels, items, key="enrolment_id", has_codes=has_codes)


def answers(of: Form) -> Answers:
    """Eleven answers: of the first item 9 非常满意 and 2 满意, of the second 10 满意 and 1 一般."""
    first, second = of.items
    return answers_of(
        pa.table(
            {
                "enrolment_id": [f"e{n}" for n in range(11)],
                first.label_zh: ["非常满意"] * 9 + ["满意"] * 2, second.label_zh: ["满意"] * 10 + ["一般"],
            }
        ), of, "answers.csv",
    )  # fmt: skip


@pytest.mark.parametrize("of", [form((4, 3, 2, 1)), form((1, 2, 3, 4), has_codes=False)], ids=["its codes", "no codes"])
def test_the_packs_codes_and_the_true_figures_come_of_labels(of: Form) -> None:
    """9 × 4 + 2 × 3 = 42, of 11 answers 3.82, all of them in the top two; 10 × 3 + 2 = 32, of 11 2.91, 10 of 11 in the top two."""
    found = in_the_packs_terms(answers(of), PACK)
    assert [found.form.levels[p - 1].code for p in found.codes[:, 0]] == [1] * 9 + [2] * 2
    assert [found.form.levels[p - 1].code for p in found.codes[:, 1]] == [2] * 10 + [3]
    items = analyse(found).items
    assert [(item.top_two.value, round(item.mean.value or 0, 2)) for item in items] == [(1.0, 3.82), (10 / 11, 2.91)]
    assert found.form.neutral == 3


@given(
    codes=st.permutations([1, 2, 3, 4, 7]), chosen=st.sets(st.integers(0, 4), min_size=2), turned=st.booleans(), has_codes=st.booleans()
)  # fmt: skip
def test_any_scale_of_the_pack_is_kept_or_refused(
    codes: list[int], chosen: set[int], turned: bool, has_codes: bool
) -> None:
    """A level of the form gets the code that the pack has for its label, or nothing does: whatever the pack's codes, whichever levels."""
    words = [*LABELS, "极满意"]
    pack = msgspec.structs.replace(
        PACK, levels=tuple(Level(c, w, w) for c, w in zip(codes, words, strict=True)), neutral=None
    )
    places = sorted(chosen, reverse=turned)
    own = form((1, 2, 3, 4), has_codes=has_codes)
    own = msgspec.structs.replace(
        own, levels=tuple(Level(n, words[place], words[place]) for n, place in enumerate(places, 1))
    )
    said = [words[place] for place in places]
    read = answers_of(pa.table({"enrolment_id": said, "培训内容": said, "平台": said}), own, "f")
    agree = not has_codes or all(codes[place] == n for n, place in enumerate(places, 1))
    if turned or not agree:
        with pytest.raises(BadConfiguration):
            in_the_packs_terms(read, pack)
    else:
        found = in_the_packs_terms(read, pack)
        assert [found.form.levels[p - 1].code for p in found.codes[:, 0]] == [codes[place] for place in places]
        assert found.codes[:, 1].tolist() == [place + 1 for place in places]


def test_codes_that_run_the_other_way_are_refused_with_both_sides() -> None:
    with pytest.raises(BadConfiguration) as raised:
        in_the_packs_terms(answers(form((1, 2, 3, 4))), PACK)
    told = str(raised.value)
    assert "等级“不满意”：问卷说明的编码为1，项目定义的为4" in told
    assert "level Very satisfied: its code is 4 in the form file and 1 in the pack" in told
    assert "1 不满意 < 2 一般 < 3 满意 < 4 非常满意" in told
    assert "4 Dissatisfied < 3 Neutral < 2 Satisfied < 1 Very satisfied" in told


def test_a_level_of_other_words_is_refused_unless_an_alias_has_the_packs() -> None:
    other = msgspec.structs.replace(
        form((4, 3, 2, 1)), levels=(*form((4, 3, 2, 1)).levels[:3], Level(1, "很满意", "Delighted"))
    )
    data = pa.table({"enrolment_id": ["e1"], "培训内容": ["很满意"], "平台": ["满意"]})
    with pytest.raises(BadConfiguration, match="level Delighted: no level of the pack"):
        in_the_packs_terms(answers_of(data, other, "f"), PACK)
    named = msgspec.structs.replace(other, levels=(*other.levels[:3], Level(1, "很满意", "Delighted", ("非常满意",))))
    assert in_the_packs_terms(answers_of(data, named, "f"), PACK).codes.tolist() == [[4, 3]]


def test_another_order_is_refused_where_there_are_no_codes_to_tell() -> None:
    turned = msgspec.structs.replace(form((1, 2, 3, 4), has_codes=False), levels=form((1, 2, 3, 4)).levels[::-1])
    with pytest.raises(BadConfiguration, match="the order of the levels is another one") as raised:
        in_the_packs_terms(answers(turned), PACK)
    assert "等级的高低顺序不同" in str(raised.value)


def test_a_form_of_fewer_levels_keeps_the_packs_places() -> None:
    """A draft has only the levels that somebody chose: 满意 is the third of four in the pack, not the second of two."""
    few = msgspec.structs.replace(
        form((1, 2, 3, 4), has_codes=False), levels=(Level(1, "满意", "x"), Level(2, "非常满意", "y"))
    )
    data = pa.table({"enrolment_id": ["e1"], "培训内容": ["满意"], "平台": ["非常满意"]})
    found = in_the_packs_terms(answers_of(data, few, "f"), PACK)
    assert found.codes.tolist() == [[3, 4]]
    assert [level.code for level in found.form.levels] == [4, 3, 2, 1]


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ((Item("q1", "培训内容", "Content"), Item("q9", "班主任", "Tutors")), r"item q9 \(Tutors\): no item of the pack"),
        # The ids are the pack's, the labels are those of the other item.
        ((Item("q1", "平台", "Platform"), Item("q2", "培训内容", "Content")), r"item q1 \(Platform\): by its label it is the pack's q2"),
        # A draft numbers its items as a pack may, and means others.
        ((Item("q1", "后勤", "Food"), Item("q2", "平台", "Platform")), r"item q1 \(Food\): the pack's q1 is Content"),
        ((Item("q1", "培训内容", "Content"), Item("x", "内容", "CONTENT")), r"item x \(CONTENT\): the pack's q1 is another item"),
        ((Item("q1", "培训内容", "Content", (), True), Item("q2", "平台", "Platform")), r"item q1 \(Content\): is_reversed"),
    ],
)  # fmt: skip
def test_items_that_are_not_the_packs_are_refused_by_name(items: tuple[Item, ...], told: str) -> None:
    with pytest.raises(BadConfiguration, match=told):
        in_the_packs_terms(answers(form((4, 3, 2, 1), items)), PACK)


def test_items_are_the_packs_by_label_by_column_or_by_an_id_that_is_its_own_label() -> None:
    items = (Item("item-7", "2、培训—内容", "2、培训—内容", ("培训内容",)), Item("q2", "q2", "q2"))
    found = in_the_packs_terms(answers(form((4, 3, 2, 1), items)), PACK)
    assert [(item.item_id, item.label_en) for item in found.form.items] == [("q1", "Content"), ("q2", "Platform")]
