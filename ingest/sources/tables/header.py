"""Which rows of a sheet name its columns: titles may stand above them, and a name may take several rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from ingest.sources.tables.reading import Area, Cell

__all__ = ["HEAD_ROWS", "Header", "find_header", "header_by_shape"]

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

    def down_to(self, merged: Sequence[Area]) -> int:
        """The last row of the header with the rows that its cells are merged down to: what they hold is no row of the table."""
        within = [
            area.bottom + 1 for area in merged if area.bottom > area.top and self.first - 1 <= area.top < self.last
        ]
        return max([self.last, *within])


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


def header_by_shape(rows: Sequence[Sequence[Cell]], merged: Sequence[Area], *, joiner: str = "—") -> Header | None:
    """The first rows that name most columns, where nothing says which names are known; None of an empty sheet.

    A title above is one cell, merged or alone. A second row of names is merged with the first, or stands where the first has gaps:
    its columns are named by both rows.
    """
    spread = _spread(rows[:HEAD_ROWS], merged)
    used = {column for row in spread for column, text in enumerate(row) if text}
    written = [{column for column, cell in enumerate(row) if str(cell).strip()} for row in rows[:HEAD_ROWS]]
    place = next((n for n, columns in enumerate(written) if 2 * len(columns) > len(used)), None)
    if place is None:
        return None
    high = [area for area in merged if area.top <= place <= area.bottom and area.bottom > area.top]
    first = min([place, *(area.top for area in high)])
    last = max([place, *(area.bottom for area in high)])
    chosen = [list(row) for row in spread[first : last + 1]]
    if last == place and last + 1 < len(spread) and _has_gaps_filled(written[place], written[place + 1], used):
        last += 1
        below = spread[last]
        for column in range(1, max(used) + 1):
            if column >= len(chosen[-1]):
                chosen[-1].append("")
            if not chosen[-1][column] and column < len(below) and below[column]:
                chosen[-1][column] = chosen[-1][column - 1]
        chosen.append(list(below))
    names = [
        joiner.join(dict.fromkeys(row[column] for row in chosen if column < len(row) and row[column]))
        for column in range(max(used) + 1)
    ]
    return Header(first + 1, last + 1, names)


def _has_gaps_filled(above: Collection[int], below: Collection[int], used: Collection[int]) -> bool:
    """Whether a row names just the columns that the row above it left without a name, each with the one that they belong to."""
    gaps = set(used) - set(above)
    return bool(gaps) and 0 not in gaps and gaps <= set(below) <= gaps | {column - 1 for column in gaps}


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
