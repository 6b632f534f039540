"""Indicators of a programme's cells on a date, beside those of an earlier one: query → model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from ingest.programmes.vocabulary import dimensions
from pipelines.reading.dates import day_of, last_day
from pipelines.reading.periods import holds_on, in_force
from warehouse.errors import BadConfiguration

__all__ = ["IndicatorValue", "read_indicators"]


@dataclass(frozen=True, slots=True)
class IndicatorValue:
    """An indicator of a cell; ``rank`` among the cells of its breakdown, equal rates sharing one."""

    indicator: str
    label_zh: str
    label_en: str
    places: tuple[str | None, ...]
    numerator: int
    denominator: int
    earlier: tuple[int, int] | None
    rank: int | None
    earlier_rank: int | None


_INDICATORS = """
with here as (
    select i.*, r.rank_number from rpt_indicators i
    left join rpt_indicator_ranks r on {same}
    where i.programme_id = $programme and i.as_of_on = $on and i.breakdown = $breakdown
),
earlier as (
    select i.*, r.rank_number from rpt_indicators i
    left join rpt_indicator_ranks r on {same}
    where i.programme_id = $programme and i.as_of_on = $since and i.breakdown = $breakdown
),
labels as (
    select l.indicator, l.label_zh, l.label_en, row_number() over () as position
    from reference.indicators l join reference.definitions d using (programme_id, version)
    where l.programme_id = $programme and {in_force}
)
select h.indicator, labels.label_zh, labels.label_en, {places}, h.numerator_count, h.denominator_count,
    e.numerator_count, e.denominator_count, h.rank_number, e.rank_number
from here h join labels using (indicator)
left join earlier e on h.indicator = e.indicator and {same_places}
order by labels.position, h.rank_number, {places}
"""


def read_indicators(
    con: duckdb.DuckDBPyConnection,
    programme_id: str,
    as_of: date | None,
    *,
    breakdown: str = "programme",
    since: date | None = None,
    language: str = "zh",
) -> list[IndicatorValue]:
    """Every indicator of every cell of ``breakdown`` at the end of ``as_of`` (default: the report's day).

    Raises:
        BadConfiguration: nothing is known of the programme by then, or there is no such breakdown.
    """
    columns = list(dimensions().values())
    known = dict(
        con.execute(
            "select breakdown, dimensions from warehouse.reference.breakdowns where programme_id = $1 order by 1",
            [programme_id],
        ).fetchall()
    )
    if breakdown not in known:
        raise BadConfiguration(f"there is no breakdown {breakdown!r}; there are {', '.join(known)}")
    on, earlier_on = day_of(con, programme_id, as_of), last_day(con, programme_id, since) if since else None
    same = " and ".join(
        f"i.{c} is not distinct from r.{c}" for c in ("programme_id", "as_of_on", "indicator", "breakdown", *columns)
    )
    query = _INDICATORS.format(
        in_force=in_force("$on", "d"),
        same=same,
        same_places=" and ".join(f"h.{c} is not distinct from e.{c}" for c in columns),
        places=", ".join(f"h.{c}" for c in columns),
    )
    labels = _labels(con, programme_id, on, language)
    values = {"programme": programme_id, "on": on, "since": earlier_on, "breakdown": breakdown}
    rows = con.execute(query, values).fetchall()
    used = set(known[breakdown].split("|"))
    return [
        IndicatorValue(
            indicator=row[0],
            label_zh=row[1],
            label_en=row[2],
            places=tuple(labels.get((c, v), v) for c, v in zip(columns, row[3:], strict=False) if c in used),
            numerator=row[-6],
            denominator=row[-5],
            earlier=None if row[-4] is None else (row[-4], row[-3]),
            rank=row[-2],
            earlier_rank=row[-1],
        )
        for row in rows
    ]


def _labels(
    con: duckdb.DuckDBPyConnection, programme_id: str, on: date, language: str
) -> dict[tuple[str, str | None], str]:
    """(column, id) → the label of the date."""
    label = "label_zh" if language == "zh" else "label_en"
    parts = [
        f"select kind || '_id', group_id, {label} from dim_groups where programme_id = $programme and {holds_on('$on')}"
    ]
    parts += [
        f"select '{column}', {column}, {label} from reference.{table} where programme_id = $programme"
        for table, column in (("counties", "county_id"), ("subjects", "subject_id"), ("school_stages", "school_stage"))
    ]
    return {
        (column, value): label
        for column, value, label in con.execute(
            " union all ".join(parts), {"programme": programme_id, "on": on}
        ).fetchall()
    }
