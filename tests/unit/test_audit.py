"""What cannot be true of printed figures: nothing is found where they agree, and what is wrong is."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.survey.audit import Printed, Relation, audit_relations, audit_shares, audit_survey, possible_counts
from warehouse.errors import BadConfiguration


def printed(count: int, total: int, decimals: int) -> str:
    return str((Decimal(100) * count / total).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))


@given(st.integers(1, 100_000), st.integers(0, 3), st.data())
def test_the_possible_counts_are_those_that_print_so(total: int, decimals: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, total))
    text = printed(count, total, decimals)
    found = possible_counts(Printed.parse(f"{text}%"), total)
    assert count in found
    for n in {found[0] - 1, found[0], found[-1], found[-1] + 1} & set(range(total + 1)):
        assert (printed(n, total, decimals) == text) == (n in found)


@given(st.lists(st.integers(0, 5_000), min_size=2, max_size=6).filter(any), st.integers(0, 3))
def test_a_survey_that_was_counted_has_no_contradiction(counts: list[int], decimals: int) -> None:
    total = sum(counts)
    assert audit_survey("item", [Printed.parse(printed(n, total, decimals)) for n in counts], total) == []


@given(st.integers(1, 100_000), st.integers(0, 3), st.data())
def test_a_rate_that_is_its_quotient_has_no_contradiction(total: int, decimals: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, total))
    figures = {
        "n": Printed.parse(f"{count:,}"),
        "of": Printed.parse(f"{total:,}"),
        "rate": Printed.parse(f"{printed(count, total, decimals)}%"),
    }
    assert audit_shares(figures, {"rate": ("n", "of")}) == []
    relation = Relation("r", "n", "<=", "of", "部分不大于整体", "a part of the whole")
    assert audit_relations(figures, [relation]) == []
    other = {**figures, "n": Printed.parse(str(total + 1))}
    (found,) = audit_relations(other, [relation])
    assert found.figures == ["n", "of"]


@given(st.integers(30, 2_000), st.data())
def test_one_respondent_too_many_is_found(total: int, data: st.DataObject) -> None:
    """With decimals enough that every share is one count only."""
    first = data.draw(st.integers(1, total - 1))
    shares = [Printed.parse(printed(n, total, 3)) for n in (first + 1, total - first)]
    (found,) = audit_survey("item", shares, total)
    assert found.rule == "sum"
    assert str(total + 1) in found.arithmetic_en


def test_percentages_are_compared_at_the_fewer_decimals() -> None:
    figures = {n: Printed.parse(t) for n, t in (("a", "98.99%"), ("b", "99.0%"), ("c", "99.1%"))}

    def holds(left: str, right: str) -> bool:
        return not audit_relations(figures, [Relation("r", left, "=", right, "", "")])

    assert holds("a", "b")
    assert not holds("a", "c")


@pytest.mark.parametrize(
    ("left", "relation", "message"),
    [("unknown", "=", "known figures"), ("a +", "=", "cannot be computed"), ("__import__('os')", "=", "known figures"),
     ("a", "~", "none of"), ("a / 0", "=", "cannot be computed")],
)  # fmt: skip
def test_a_relation_that_cannot_be_read_is_refused(left: str, relation: str, message: str) -> None:
    with pytest.raises(BadConfiguration, match=message):
        audit_relations({"a": Printed.parse("1")}, [Relation("r", left, relation, "a", "", "")])


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(BadConfiguration, match="no printed number"):
        Printed.parse("about 300")
