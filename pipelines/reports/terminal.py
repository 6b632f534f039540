"""The status on a terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.box import HORIZONTALS
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipelines.reports.grid import Grid, make_grid, rates
from pipelines.reports.status import StatusReport
from pipelines.words import count_text, percent, words_of

__all__ = ["print_status"]


def print_status(console: Console, report: StatusReport, language: str) -> None:
    """Headline counts and the county × subject table."""
    w = words_of("status", language)
    title = report.label_zh if language == "zh" else report.label_en
    console.print()
    console.print(f"[bold]{escape(title)}[/bold]  {w['as_of']} {report.as_of}")
    if report.is_simulated:
        console.print(f"[yellow]{w['simulated']}[/yellow]")
    t = report.total
    head = Table(box=None, pad_edge=False, show_header=False)
    for label, n, of, base in (
        ("called_up", t.called_up, None, 0),
        ("participating", t.participating, "of_called_up", t.called_up),
        ("login", t.login, "of_participating", t.participating),
        ("study", t.study, "of_participating", t.participating),
        ("pass", t.passed, "of_participating", t.participating),
        ("pass", t.passed, "of_studied", t.study),
    ):
        share = f"{percent(n, base)} % {w[of]}" if of else ""
        head.add_row(w[label], Text(count_text(n), "bold"), share)
    head.columns[1].justify = "right"
    console.print(head)
    console.print()
    grid = make_grid(report, language)
    if console.width < _GRID_WIDTH or grid.pass_only:
        console.print(_long_table(report, w))
    else:
        console.print(_grid_table(grid, w))
    for claim, examples in report.notes:
        console.print(f"[yellow]{escape(w['not_met'].format(claim=claim))}[/yellow] ({escape(examples)})")


#: What three columns of three rates need.
_GRID_WIDTH = 118


def _grid_table(grid: Grid, w: Mapping[str, str]) -> Table:
    table = Table(title=w["grid"], title_justify="left", header_style="bold", box=HORIZONTALS, pad_edge=False)
    table.add_column(grid.side, no_wrap=True)
    table.add_column(w["enrolments"], justify="right", min_width=8, no_wrap=True)
    for label in [*grid.columns, w["total"]]:
        table.add_column(label, justify="right", no_wrap=True)
    for row in grid.rows:
        if row.is_total:
            table.add_section()
        texts = [" ".join(f"{x:>6}" for x in rates(c)) for c in [*row.cells, row.total]]
        table.add_row(row.label, count_text(row.total.participating), *texts, style="bold" if row.is_total else None)
    return table


def _long_table(report: StatusReport, w: Mapping[str, str]) -> Table:
    """One line a county and subject, for a narrow terminal or many columns."""
    # Without padding all of it fits in 80 columns: a rate must never be cut off.
    table = Table(
        title=w["grid"], title_justify="left", header_style="bold", box=HORIZONTALS, pad_edge=False, padding=0
    )
    for name in ("county", "subject"):
        table.add_column(w[name], no_wrap=True)
    for name in ("enrolments", "login", "study", "pass"):
        table.add_column(w[name], justify="right", no_wrap=True, min_width=cell_len(w[name]))
    for county, label in report.counties.items():
        if county not in report.by_county:
            continue
        for subject, name in report.subjects.items():
            cell = report.grid.get((county, subject))
            if cell is not None:
                table.add_row(label, name, count_text(cell.participating), *rates(cell))
        total = report.by_county[county]
        table.add_row(label, w["total"], count_text(total.participating), *rates(total), style="bold", end_section=True)
    for subject, name in report.subjects.items():
        if subject in report.by_subject:
            cell = report.by_subject[subject]
            table.add_row(w["total"], name, count_text(cell.participating), *rates(cell))
    table.add_section()
    table.add_row(w["total"], w["total"], count_text(report.total.participating), *rates(report.total), style="bold")
    return table
