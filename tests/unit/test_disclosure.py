"""What is withheld from public tables, and an attacker who subtracts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from pipelines.reports.disclosure import withheld_cells, withheld_children

SMALLEST = 10


def given_away(unknown: list[Any], equations: Iterable[tuple[set[Any], int]]) -> list[Any]:
    """Which unknown counts an attacker knows exactly: sums of unknown, non-negative counts are published."""
    if not unknown:
        return []
    place = {name: i for i, name in enumerate(unknown)}
    rows = [(names, total) for names, total in equations if names]
    matrix = np.array([[1.0 if name in names else 0.0 for name in unknown] for names, _ in rows]).reshape(
        len(rows), len(unknown)
    )
    totals = np.array([float(total) for _, total in rows])
    found = []
    for name in unknown:
        cost = np.zeros(len(unknown))
        cost[place[name]] = 1
        ends = [
            linprog(
                sign * cost, A_eq=matrix if len(rows) else None, b_eq=totals if len(rows) else None, bounds=(0, None)
            ).fun
            for sign in (1, -1)
        ]
        low, high = ends[0], None if ends[1] is None else -ends[1]
        if low is not None and high is not None and high - low < 0.5:
            found.append(name)
    return found


tables = st.dictionaries(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("stuvw")), st.integers(0, 60) | st.integers(0, 12), min_size=1
)


@settings(max_examples=60, deadline=None)
@given(table=tables)
def test_nobody_gets_a_withheld_cell_back_by_subtraction(table: dict[tuple[str, str], int]) -> None:
    hidden = withheld_cells(table, SMALLEST)
    cells = {key: n for key, n in table.items() if n > 0}
    rows, columns = {r for r, _ in cells}, {c for _, c in cells}
    sums: dict[tuple[str | None, str | None], int] = {
        **{(r, None): sum(n for (a, _), n in cells.items() if a == r) for r in rows},
        **{(None, c): sum(n for (_, b), n in cells.items() if b == c) for c in columns},
        (None, None): sum(cells.values()),
    }
    everything: dict[tuple[str | None, str | None], int] = {**cells, **sums}
    for key, n in everything.items():
        if 0 < n < SMALLEST:
            assert key in hidden, (key, n)
    # What stands in the table is known; each margin is the sum of its line.
    equations = []
    for whole, parts in [
        *(((r, None), [k for k in cells if k[0] == r]) for r in rows),
        *(((None, c), [k for k in cells if k[1] == c]) for c in columns),
        ((None, None), [(r, None) for r in rows]),
        ((None, None), [(None, c) for c in columns]),
    ]:
        known = sum(everything[k] for k in parts if k not in hidden)
        unknown = {k for k in parts if k in hidden}
        if whole in hidden:
            continue
        equations.append((unknown, sums[whole] - known))
    small = [k for k in hidden if 0 < everything[k] < SMALLEST]
    revealed = given_away([k for k in everything if k in hidden], equations)
    assert [k for k in revealed if k in small] == []


@settings(max_examples=200, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 40), min_size=1, max_size=12),
    rest=st.integers(0, 20),
    is_hidden=st.booleans(),
)
def test_nobody_gets_a_withheld_group_back_from_its_parent(sizes: list[int], rest: int, is_hidden: bool) -> None:
    groups = {f"g{i}": n for i, n in enumerate(sizes)}
    whole = sum(sizes) + rest
    hidden = withheld_children(groups, dict.fromkeys(groups, "p"), {"p": whole}, {"p"} if is_hidden else (), SMALLEST)
    if is_hidden:
        assert hidden == set(groups)
        return
    assert {g for g, n in groups.items() if 0 < n < SMALLEST} <= hidden
    if hidden and whole >= SMALLEST:
        together = sum(groups[g] for g in hidden) + rest
        several = len(hidden) + (rest > 0)
        # Several that are ten or more together, unless everything is withheld that there is.
        assert (several >= 2 and together >= SMALLEST) or hidden >= {g for g, n in groups.items() if n > 0}


def test_the_attacker_finds_what_is_badly_withheld() -> None:
    assert given_away(["x"], [({"x"}, 7)]) == ["x"]
    assert given_away(["x", "y"], [({"x", "y"}, 7)]) == []
    assert given_away(["x", "y"], [({"x", "y"}, 7), ({"x"}, 3)]) == ["x", "y"]


def test_nothing_is_withheld_without_need() -> None:
    assert withheld_cells({("a", "s"): 10, ("a", "t"): 50, ("b", "s"): 12, ("b", "t"): 90}, 10) == set()
    assert withheld_cells({("a", "s"): 1}, 0) == set()
    assert withheld_children({"g": 3}, {"g": "p"}, {"p": 3}, (), 0) == set()
    assert withheld_cells({}, 10) == set()


def test_nothing_is_left_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert withheld_cells({("a", "s"): 3, ("a", "t"): 50, ("b", "s"): 60, ("b", "t"): 70}, 10)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("names", [("Total", "total"), ("", "x"), ("甲", "乙 丙"), ("a,b", "c;d"), ("'\"", "\\")])
def test_names_may_be_anything(names: tuple[str, str]) -> None:
    table = {(names[0], "s"): 3, (names[0], "t"): 50, (names[1], "s"): 60, (names[1], "t"): 70}
    assert (names[0], "s") in withheld_cells(table, 10)
