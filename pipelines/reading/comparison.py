"""Printed figures beside those that the events give."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import duckdb

from pipelines.audit.comparing import Comparison, compared
from pipelines.audit.model import PrintedFigure
from pipelines.reading.dates import day_of
from pipelines.reading.programme_figures import compute_figures
from pipelines.reading.simulated import is_simulated
from pipelines.words import Share

__all__ = ["compare"]


def compare(
    con: duckdb.DuckDBPyConnection, programme_id: str, as_of: date | None, figures: Mapping[str, PrintedFigure]
) -> Comparison:
    """Compute every figure that names an indicator, of the whole programme or of the county that is its group.

    Raises:
        BadConfiguration: nothing is known of the programme by then.
    """
    on = day_of(con, programme_id, as_of)
    named = {n: f for n, f in figures.items() if f.indicator}
    sums = {f.indicator for f in named.values() if "+" in f.indicator}
    whole = {n: f.value for n, f in compute_figures(con, programme_id, on, sums).items()}
    counties = _counties(con, programme_id, on)
    rows = []
    for name, one in named.items():
        found = counties.get((one.group, one.indicator)) if one.group else whole.get(one.indicator)
        rows.append(compared(name, one.printed, found))
    return Comparison(programme_id, on, is_simulated(con, programme_id), rows)


def _counties(con: duckdb.DuckDBPyConnection, programme_id: str, on: date) -> dict[tuple[str, str], Share]:
    """By county's id and labels, and indicator."""
    rows = con.execute(
        """
        select i.county_id, c.label_zh, c.label_en, i.indicator, i.numerator_count, i.denominator_count
        from rpt_indicators i left join dim_counties c using (programme_id, county_id)
        where i.programme_id = $1 and i.as_of_on = $2 and i.breakdown = 'county' and i.county_id is not null
        """,
        [programme_id, on],
    ).fetchall()
    return {(name, row[3]): Share(row[4], row[5]) for row in rows for name in row[:3] if name}
