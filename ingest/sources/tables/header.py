"""Which rows of a sheet name its columns: titles may stand above them, and a name may take several rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ingest.sources.tables.reading import Area, Cell

__all__ = ["HEAD_ROWS", "Header", "find_header"]

#: Rows in which a header is looked for.
HEAD_ROWS = 40
_MOST_HIGH = 3


@dataclass(frozen=True, slots=True)
class Header:
    """The rows that name the columns.

    Attributes:
        first, last: their numbers, from 1.
        names: of each column, as it is written; of a name in several rows, the lowest part, unless only all parts together are known.
    """

    first: int
    last: int
    names: Sequence[str]


def find_header(
    rows: Sequence[Sequence[Cell]], merged: Sequence[Area], is_known: Callable[[str], bool], *, at_least: int = 2
) -> Header | None:
    """The first rows in which most columns have a known name; None where fewer than ``at_least`` columns have one anywhere.

    Args:
        rows: the sheet's first rows.
    """
    spread = _spread(rows[:HEAD_ROWS], merged)
    best: tuple[int, Header] | None = None
    for last in range(1, len(spread) + 1):
        for height in range(1, min(_MOST_HIGH, last) + 1):
            names = _names(spread[last - height : last], is_known)
            score = len({name for name in names if name and is_known(name)})
            # A row more has to bring a name more.
            if score >= at_least and (best is None or score > best[0]):
                best = score, Header(last - height + 1, last, names)
    return best[1] if best is not None else None


def _spread(rows: Sequence[Sequence[Cell]], merged: Sequence[Area]) -> list[list[str]]:
    """The rows as texts, with what a merged cell says in all of its columns."""
    texts = [[str(cell).strip() for cell in row] for row in rows]
    for area in merged:
        for row in texts[area.top : area.bottom + 1]:
            for column in range(area.left + 1, min(area.right + 1, len(row))):
                row[column] = row[area.left]
    return texts


def _names(rows: Sequence[Sequence[str]], is_known: Callable[[str], bool]) -> list[str]:
    names = []
    for column in range(max(map(len, rows))):
        parts = list(dict.fromkeys(row[column] for row in rows if column < len(row) and row[column]))
        whole = "".join(parts)
        names.append(whole if len(parts) > 1 and is_known(whole) and not is_known(parts[-1]) else (parts or [""])[-1])
    return names
