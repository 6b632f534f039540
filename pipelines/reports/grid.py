"""The county × subject grid, its longer side down the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.reports.status import Cell, StatusReport
from pipelines.words import NO_VALUE, percent, words_of

__all__ = ["Grid", "GridRow", "make_grid", "rates"]

#: With more columns than this only the pass rate fits on a line.
_WIDE = 5


@dataclass(frozen=True, slots=True)
class GridRow:
    """One line: its label, how many take part, a cell for each column and the line's total."""

    label: str
    cells: list[Cell | None]
    total: Cell
    is_total: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """``side`` names what goes down, ``columns`` what goes across."""

    side: str
    columns: list[str]
    rows: list[GridRow]
    pass_only: bool


def rates(cell: Cell | None) -> tuple[str, str, str]:
    """Login, study and pass rate of a cell as printed."""
    if cell is None:
        return (NO_VALUE, NO_VALUE, NO_VALUE)
    base = cell.participating
    return (percent(cell.login, base), percent(cell.study, base), percent(cell.passed, base))


def make_grid(report: StatusReport, language: str) -> Grid:
    """The grid of ``report``, with a totals row and column."""
    counties = {k: v for k, v in report.counties.items() if k in report.by_county}
    subjects = {k: v for k, v in report.subjects.items() if k in report.by_subject}
    counties_down = len(counties) > len(subjects)
    down, across = (counties, subjects) if counties_down else (subjects, counties)
    down_totals, across_totals = (
        (report.by_county, report.by_subject) if counties_down else (report.by_subject, report.by_county)
    )

    def cell(row: str, column: str) -> Cell | None:
        return report.grid.get((row, column) if counties_down else (column, row))

    rows = [GridRow(label, [cell(key, c) for c in across], down_totals[key]) for key, label in down.items()]
    text = words_of("status", language)
    rows.append(GridRow(text["total"], _in_order(across, across_totals), report.total, is_total=True))
    return Grid(text["county" if counties_down else "subject"], list(across.values()), rows, len(across) > _WIDE)


def _in_order(across: Mapping[str, str], totals: Mapping[str, Cell]) -> list[Cell | None]:
    return [totals.get(key) for key in across]
