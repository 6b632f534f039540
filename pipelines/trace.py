"""Follows a printed figure down to the enrolments and events behind it, and back.

A figure is written as ``tianshui-2017 pass_rate county=秦州区 subject=数学 as-of 2017-11-30``: programme,
indicator, the cell's places (ids or labels), and the date.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb

from pipelines.dates import day_of
from warehouse.build import before
from warehouse.errors import BadConfiguration

__all__ = ["DIMENSIONS", "Figure", "Trace", "events_behind", "parse_figure", "trace", "write_relation"]

#: How a place is written, and the column that holds it.
DIMENSIONS: Mapping[str, str] = {
    "province": "province_id",
    "city": "city_id",
    "county": "county_id",
    "school": "school_id",
    "class": "class_id",
    "subject": "subject_id",
    "school_stage": "school_stage",
    "tier": "tier",
    "gender": "gender",
}
_LABELS = {
    "county": ("counties", "county_id"),
    "subject": ("subjects", "subject_id"),
    "school_stage": ("school_stages", "school_stage"),
}
#: What places an enrolment, whatever is counted.
_PLACING = (
    "enrolment.opened",
    "enrolment.transferred",
    "enrolment.withdrawn",
    "diagnostic.submitted",
    "diagnostic.tier_changed",
)


@dataclass(frozen=True, slots=True)
class Figure:
    """Which figure: ``places`` by the names of DIMENSIONS; an empty value is the cell of those without one."""

    programme_id: str
    indicator: str
    places: Mapping[str, str]
    as_of: date | None


@dataclass(frozen=True, slots=True)
class Trace:
    """A figure and what it is made of; ``sql`` answers numerator and denominator from the published marts."""

    figure: Figure
    as_of: date
    label_zh: str
    label_en: str
    definition_zh: str
    definition_en: str
    definition_version: int
    denominator: str
    numerator_count: int
    denominator_count: int
    #: What the published cell says; None where no breakdown has just these places.
    published: tuple[int, int] | None
    build_id: str
    built_at: datetime
    sql: str
    enrolments_sql: str
    event_types: tuple[str, ...]

    @property
    def reconciles(self) -> bool:
        """Whether counting the enrolments gives what was published."""
        return self.published is None or self.published == (self.numerator_count, self.denominator_count)


def parse_figure(text: str) -> Figure:
    """Read a figure as it is written; ``_rate`` may end the indicator, ``as-of`` may be left out.

    Raises:
        BadConfiguration: it cannot be read; the message shows how one is written.
    """
    example = "write it as: tianshui-2017 pass_rate county=秦州区 subject=数学 as-of 2017-11-30"
    words = shlex.split(text)
    as_of: date | None = None
    for name in ("as-of", "as_of"):
        if name in words:
            at = words.index(name)
            try:
                as_of = date.fromisoformat(words[at + 1])
            except (IndexError, ValueError):
                raise BadConfiguration(f"no date after {name} in {text!r}; {example}") from None
            del words[at : at + 2]
    if len(words) < 2:
        raise BadConfiguration(f"{text!r} names no programme and indicator; {example}")
    places: dict[str, str] = {}
    for word in words[2:]:
        name, equals, value = word.partition("=")
        if not equals or name not in DIMENSIONS:
            raise BadConfiguration(f"{word!r} is no place; places are {', '.join(DIMENSIONS)}; {example}")
        places[name] = value
    return Figure(words[0], words[1].removesuffix("_rate"), places, as_of)


def _quoted(text: object) -> str:
    return "'" + str(text).replace("'", "''") + "'"


def _resolve(con: duckdb.DuckDBPyConnection, figure: Figure, name: str, value: str) -> str:
    """A place's id: the value itself where it is one, else the id that has it as its label."""
    if name not in _LABELS or not value:
        return value
    table, column = _LABELS[name]
    known = con.execute(
        f"select count(*) from dim_enrolments where programme_id = $1 and {column} = $2", [figure.programme_id, value]
    ).fetchone()
    if known and known[0]:
        return value
    rows = con.execute(
        f"select {column} from warehouse.reference.{table} where programme_id = $1 and $2 in ({column}, label_zh, label_en)",
        [figure.programme_id, value],
    ).fetchall()
    ids = sorted({row[0] for row in rows})
    if len(ids) > 1:
        raise BadConfiguration(f"{value!r} is the label of several: {', '.join(ids)}; give the id")
    return str(ids[0]) if ids else value


def _definition(con: duckdb.DuckDBPyConnection, figure: Figure, day: date) -> tuple[str, str, str, str, int, str, str]:
    row = con.execute(
        """
        select i.label_zh, i.label_en, i.definition_zh, i.definition_en, i.version, i.denominator, coalesce(i.activity, '')
        from reference.indicators i join reference.definitions d using (programme_id, version)
        where i.programme_id = $1 and i.indicator = $2
            and d.applies_from_on <= $3 and (d.applies_to_on is null or d.applies_to_on > $3)
        """,
        [figure.programme_id, figure.indicator, day],
    ).fetchone()
    if row is None:
        known = con.execute(
            "select distinct indicator from reference.indicators where programme_id = $1 order by 1",
            [figure.programme_id],
        ).fetchall()
        if not known:
            raise BadConfiguration(f"the warehouse knows no indicator of a programme {figure.programme_id!r}")
        raise BadConfiguration(
            f"{figure.programme_id} has no indicator {figure.indicator!r}; it has {', '.join(r[0] for r in known)}"
        )
    return row


def _event_types(con: duckdb.DuckDBPyConnection, figure: Figure, version: int, indicators: set[str]) -> tuple[str, ...]:
    """The event types that these indicators are computed from, placements included."""
    activities: set[str] = set()
    for indicator in indicators:
        derived = indicator in ("pass", "pass_of_studied")
        table, condition = (
            ("assessment_rules", "true") if derived else ("indicators", f"indicator = {_quoted(indicator)}")
        )
        rows = con.execute(
            f"select distinct unnest(string_split(coalesce(activity, ''), '|')) from reference.{table}"
            f" where programme_id = $1 and version = $2 and {condition}",
            [figure.programme_id, version],
        ).fetchall()
        activities |= {row[0] for row in rows}
    found = con.execute(
        "select distinct event_type from dim_activities where list_contains($1, activity)", [sorted(activities)]
    ).fetchall()
    return tuple(sorted({*_PLACING, *(row[0] for row in found)}))


def trace(con: duckdb.DuckDBPyConnection, figure: Figure) -> Trace:
    """What ``figure`` is made of, from the published marts on ``con`` (:func:`warehouse.query.connect`).

    Raises:
        BadConfiguration: no such programme, indicator or date.
    """
    last_on = day_of(con, figure.programme_id, figure.as_of)
    # Past the last day with events nothing changes but the definitions.
    day = figure.as_of or last_on
    label_zh, label_en, definition_zh, definition_en, version, denominator, _ = _definition(con, figure, last_on)
    where = "".join(
        f"\n        and {DIMENSIONS[name]} is not distinct from {_quoted(_resolve(con, figure, name, value)) if value else 'null'}"
        for name, value in figure.places.items()
    )
    on = f"date '{last_on}'"
    enrolments_sql = f"""\
with placed as (
    select e.*, c.city_id, c.province_id
    from dim_enrolments e left join dim_counties c using (programme_id, county_id)
    where e.programme_id = {_quoted(figure.programme_id)}
        and e.valid_from_on <= {on} and (e.valid_to_on is null or e.valid_to_on > {on})
),
counting as (
    select enrolment_id, indicator from fct_indicator_spells
    where programme_id = {_quoted(figure.programme_id)}
        and indicator in ({_quoted(figure.indicator)}, {_quoted(denominator)})
        and valid_from_on <= {on} and (valid_to_on is null or valid_to_on > {on})
)
select
    placed.enrolment_id,
    count(*) filter (counting.indicator = {_quoted(figure.indicator)}) > 0 as is_in_numerator,
    {", ".join(DIMENSIONS.values())}
from placed join counting using (enrolment_id)
where true{where}
group by all
order by placed.enrolment_id"""
    sql = (
        "select count(*) filter (is_in_numerator) as numerator_count, count(*) as denominator_count\n"
        f"from (\n{enrolments_sql}\n)"
    )
    counts = con.execute(sql).fetchone() or (0, 0)
    columns = [DIMENSIONS[name] for name in DIMENSIONS if name in figure.places]
    cells = con.execute(
        f"select numerator_count, denominator_count from rpt_indicators where programme_id = $1 and as_of_on = $2"
        f" and indicator = $3 and breakdown = $4{where}",
        [
            figure.programme_id,
            last_on,
            figure.indicator,
            "_".join(c.removesuffix("_id") for c in columns) or "programme",
        ],
    ).fetchall()
    build = con.execute("select build_id, built_at from build_info").fetchone()
    assert build is not None
    indicators = {figure.indicator, denominator} - {"called_up", "participating", "participation"}
    return Trace(
        figure=figure,
        as_of=day,
        label_zh=label_zh,
        label_en=label_en,
        definition_zh=definition_zh,
        definition_en=definition_en,
        definition_version=version,
        denominator=denominator,
        numerator_count=counts[0],
        denominator_count=counts[1],
        published=cells[0] if cells else None,
        build_id=build[0],
        built_at=build[1],
        sql=sql,
        enrolments_sql=enrolments_sql,
        event_types=_event_types(con, figure, version, indicators),
    )


def events_behind(
    con: duckdb.DuckDBPyConnection,
    found: Trace,
    *,
    of: str = "numerator",
    time_zone: str = "UTC",
    recorded_before: datetime | None = None,
) -> duckdb.DuckDBPyRelation:
    """The events that ``found`` rests on, each once, from a connection that has the lake's views too.

    ``of``: ``numerator``, ``denominator`` (whole) or ``missing`` (denominator without numerator). Events are
    those that had happened by the figure's date and that its build had read; ``voided_by_event_id`` names
    a void that had been recorded by that date. Columns: enrolment_id, event_type, occurred_at, recorded_at,
    event_id, log_partition, log_offset, voided_by_event_id, payload.
    """
    condition = {"numerator": "is_in_numerator", "denominator": "true", "missing": "not is_in_numerator"}[of]
    offsets = con.execute("select next_offsets from build_info").fetchone()
    assert offsets is not None
    known = before(recorded_before)
    end = f"cast(timezone({_quoted(time_zone)}, {{}}) as date) <= date '{found.as_of}'"
    types = ", ".join(_quoted(t) for t in found.event_types)
    # Kept as a table: asked again as a relation it would be read from the lake anew.
    con.execute(
        f"""
        create or replace temp table traced_events as
        with enrolments as (select enrolment_id from ({found.enrolments_sql}) where {condition}),
        covered as (
            select cast(key as integer) as "partition", cast(value as bigint) as next_offset
            from json_each({_quoted(offsets[0])})
        ),
        read as (
            select a.*, row_number() over (
                partition by a.event_id order by a.recorded_at, a."partition", a."offset"
            ) as arrival_number
            from lake.events a join covered using ("partition")
            where a.programme_id = {_quoted(found.figure.programme_id)} and a."offset" < covered.next_offset and {known}
        ),
        voids as (
            select voided_event_id as event_id,
                arg_min(event_id, recorded_at) as voided_by_event_id
            from read
            where event_type = 'event.voided' and arrival_number = 1 and {end.format("recorded_at")}
            group by 1
        )
        select r.enrolment_id, r.event_type, r.occurred_at, r.recorded_at, r.event_id,
            r."partition" as log_partition, r."offset" as log_offset, voids.voided_by_event_id, r.payload
        from read r join enrolments using (enrolment_id) left join voids on r.event_id = voids.event_id
        where r.arrival_number = 1 and r.event_type in ({types}) and {end.format("r.occurred_at")}
        order by r.enrolment_id, r.occurred_at, r.recorded_at, r.event_id
        """
    )
    return con.sql("from temp.traced_events")


def write_relation(relation: duckdb.DuckDBPyRelation, file: Path) -> int:
    """Write a relation as CSV or Parquet, by the file's ending; returns how many rows.

    Raises:
        BadConfiguration: another ending.
    """
    rows = relation.to_arrow_table()
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        if file.suffix == ".csv":
            con.from_arrow(rows).write_csv(str(file))
        elif file.suffix == ".parquet":
            con.from_arrow(rows).write_parquet(str(file))
        else:
            raise BadConfiguration(f"{file.name} must end in .csv or .parquet")
    return int(rows.num_rows)
