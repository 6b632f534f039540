"""Which groups of a public report are withheld, so that no group of fewer than k people can be made out.

A group of 1 to k − 1 is withheld, and as many others as it takes that no subtraction gives it back. The two-way table of
counties and subjects is protected by τ-Argus (optimal cell suppression, Fischetti and Salazar); below it, where every
group has one parent, it is enough that those withheld in a parent are several and k people or more together.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections import defaultdict
from collections.abc import Collection, Hashable, Mapping
from typing import Any, TypeVar

__all__ = ["withheld_cells", "withheld_children"]

K = TypeVar("K", bound=Hashable)


def withheld_cells(sizes: Mapping[tuple[str, str], int], smallest: int) -> set[tuple[str | None, str | None]]:
    """What to withhold of a two-way table with its margins.

    Args:
        sizes: people by (row, column); those without a row or column have ``""`` there.
        smallest: k; 0 withholds nothing.

    Returns:
        Cells as (row, column), margins as (row, None) and (None, column), the total as (None, None).
    """
    filled = {key: n for key, n in sizes.items() if n > 0}
    if not smallest or not filled:
        return set()
    rows, columns = ({key[i] for key in filled} for i in (0, 1))
    if len(rows) == 1 or len(columns) == 1:
        return _one_way(filled, smallest, across=len(rows) == 1)
    if all(n >= smallest for n in filled.values()):
        return set()
    from pytauargus import protect  # a native library; only public editions need it

    # Codes of its own: names may hold anything.
    codes = [
        {name: f"{prefix}{i:05d}" for i, name in enumerate(sorted(names))}
        for prefix, names in (("r", rows), ("c", columns))
    ]
    people = [(codes[0][row], codes[1][column]) for (row, column), n in filled.items() for _ in range(n)]
    # Its solver leaves logs in the working directory.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        done = protect(
            {"row": [r for r, _ in people], "column": [c for _, c in people], "people": [1] * len(people)},
            tables=["row", "column"], response="people", safety_rules=f"FREQ({smallest},0)", suppress="OPT(1,1)", workdir=folder,
        )  # fmt: skip
        (table,) = done.tables
        cells = table.dataframe()
    names: list[dict[str, str | None]] = [
        {"Total": None, **{code: name for name, code in known.items()}} for known in codes
    ]
    return {
        (names[0][row], names[1][column])
        for row, column, status, n in zip(cells["row"], cells["column"], cells["status"], cells["freq"], strict=True)
        if status != "S" and n > 0
    }


def _one_way(
    sizes: Mapping[tuple[str, str], int], smallest: int, *, across: bool
) -> set[tuple[str | None, str | None]]:
    """A table of one row or one column: its cells are the margins, too."""
    total = sum(sizes.values())
    side = {key[1] if across else key[0]: n for key, n in sizes.items()}
    hidden = withheld_children(
        side, dict.fromkeys(side, "all"), {"all": total}, () if total >= smallest else {"all"}, smallest
    )
    found: set[tuple[str | None, str | None]] = {key for key in sizes if (key[1] if across else key[0]) in hidden}
    found |= {(None, name) if across else (name, None) for name in hidden}
    if total < smallest:
        found |= {(None, None), *((row, None) for row, _ in sizes), *((None, column) for _, column in sizes)}
    elif len(side) == 1 and hidden:
        found.add((None, None))
    return found


def withheld_children(
    sizes: Mapping[K, int],
    parents: Mapping[K, Any],
    wholes: Mapping[Any, int],
    withheld: Collection[Any],
    smallest: int,
) -> set[K]:
    """What to withhold of groups that each lie in one parent.

    Args:
        sizes: people by group.
        parents: the group's parent.
        wholes: people of each parent; those who are in none of its groups are one more that is never shown.
        withheld: parents that are not shown: none of their groups is, either.
        smallest: k; 0 withholds nothing.
    """
    if not smallest:
        return set()
    families: dict[Hashable, list[K]] = defaultdict(list)
    for group in sizes:
        families[parents[group]].append(group)
    hidden: set[K] = set()
    for parent, groups in families.items():
        if parent in withheld:
            hidden |= set(groups)
            continue
        small = {g for g in groups if 0 < sizes[g] < smallest}
        rest = wholes.get(parent, 0) - sum(sizes[g] for g in groups)
        # Those who are in no group are found by subtraction like any other.
        several = len(small) + (rest > 0)
        together = sum(sizes[g] for g in small) + max(0, rest)
        if small or 0 < rest < smallest:
            for g in sorted((g for g in groups if g not in small and sizes[g] > 0), key=lambda g: (sizes[g], str(g))):
                if several >= 2 and together >= smallest:
                    break
                small.add(g)
                several, together = several + 1, together + sizes[g]
        hidden |= small
    return hidden
