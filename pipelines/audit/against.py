"""Printed figures beside those that the events give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

import duckdb

from pipelines.audit.model import Figure
from pipelines.audit.possible import printed_share
from pipelines.audit.printed import Printed
from pipelines.dates import day_of
from pipelines.reports.bulletin.model import Share
from pipelines.reports.evaluation.figures import compute_figures
from pipelines.simulated import is_simulated

__all__ = ["Compared", "Comparison", "compare"]


@dataclass(frozen=True, slots=True)
class Compared:
    """A printed figure, what the events give printed alike (None: they cannot tell), and by how much it differs."""

    figure: str
    recomputed: str | None
    difference: Decimal | None
    agrees: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Figures of a report beside those of a programme's events."""

    programme_id: str
    as_of: date
    is_simulated: bool
    rows: Sequence[Compared]


def compare(
    con: duckdb.DuckDBPyConnection, programme_id: str, as_of: date | None, figures: Mapping[str, Figure]
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
        rows.append(_compared(name, one.printed, found))
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


def _compared(name: str, printed: Printed, found: int | Decimal | Share | None) -> Compared:
    if isinstance(found, Share) and not printed.is_percent:
        found = found.numerator
    if isinstance(found, Share):
        if not found.denominator or found.numerator is None:
            return Compared(name, None, None, False)
        text = printed_share(found.numerator, found.denominator, printed.decimals)
        exact = Fraction(100 * found.numerator, found.denominator)
    elif found is None or printed.is_percent or printed.is_date:
        return Compared(name, None, None, False)
    else:
        text, exact = f"{found:,}", Fraction(found)
    agrees = printed.low <= exact <= printed.high
    difference = Decimal(text.rstrip("%").replace(",", "")) - printed.value
    return Compared(name, text, difference, agrees)
