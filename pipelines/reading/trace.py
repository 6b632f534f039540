"""Follows a printed figure down to the enrolments and events behind it, and back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb

from ingest.programmes.vocabulary import dimensions
from pipelines.reading.asked_figure import AskedFigure
from pipelines.reading.dates import day_of
from pipelines.reading.periods import holds_on, in_force
from warehouse.build import before
from warehouse.errors import BadConfiguration
from warehouse.query import without_formulas

__all__ = [
    "Trace",
    "counts_of",
    "enrolments_behind",
    "events_behind",
    "trace",
    "write_relation",
]

#: Where the labels of each place are, and the column of their ids; groups are called by any name that they ever had.
_LABELS = {
    "county": ("warehouse.reference.counties", "county_id"),
    "subject": ("warehouse.reference.subjects", "subject_id"),
    "school_stage": ("warehouse.reference.school_stages", "school_stage"),
    "school": (
        "(from dim_groups select programme_id, label_zh, label_en, group_id as school_id where kind = 'school')",
        "school_id",
    ),
    "class": (
        "(from dim_groups select programme_id, label_zh, label_en, group_id as class_id where kind = 'class')",
        "class_id",
    ),
}
#: Events that place an enrolment: every indicator rests on them.
_PLACING = (
    "enrolment.opened",
    "enrolment.transferred",
    "enrolment.withdrawn",
    "diagnostic.submitted",
    "diagnostic.tier_changed",
)


@dataclass(frozen=True, slots=True)
class Trace:
    """A figure and what it is made of; ``sql`` answers numerator and denominator from the published marts."""

    figure: AskedFigure
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


def _quoted(text: object) -> str:
    return "'" + str(text).replace("'", "''") + "'"


def _resolve(con: duckdb.DuckDBPyConnection, figure: AskedFigure, name: str, value: str) -> str:
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
        f"select {column} from {table} where programme_id = $1 and $2 in ({column}, label_zh, label_en)",
        [figure.programme_id, value],
    ).fetchall()
    ids = sorted({row[0] for row in rows})
    if len(ids) > 1:
        raise BadConfiguration(f"{value!r} is the label of several: {', '.join(ids)}; give the id")
    return str(ids[0]) if ids else value


def _definition(
    con: duckdb.DuckDBPyConnection, figure: AskedFigure, day: date
) -> tuple[str, str, str, str, int, str, str]:
    row = con.execute(
        f"""
        select i.label_zh, i.label_en, i.definition_zh, i.definition_en, i.version, i.denominator, i.shares_of
        from reference.indicators i join reference.definitions d using (programme_id, version)
        where i.programme_id = $1 and i.indicator = $2
            and {in_force("$3", "d")}
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


def _event_types(
    con: duckdb.DuckDBPyConnection, figure: AskedFigure, version: int, indicators: set[str]
) -> tuple[str, ...]:
    """The event types that these indicators are computed from, placements included."""
    activities: set[str] = set()
    for indicator in indicators:
        rows = con.execute(
            """
            select distinct unnest(string_split(coalesce(activity, ''), '|')) from reference.indicators
            where programme_id = $1 and version = $2 and indicator = $3
            union
            -- Who has passed has the points of every component.
            select distinct unnest(string_split(r.activity, '|')) from reference.assessment_rules r
            join reference.indicators i using (programme_id, version)
            where programme_id = $1 and version = $2 and i.indicator = $3 and i.measure = 'has_passed'
            """,
            [figure.programme_id, version, indicator],
        ).fetchall()
        activities |= {row[0] for row in rows}
    found = con.execute(
        "select distinct event_type from dim_activities where list_contains($1, activity)", [sorted(activities)]
    ).fetchall()
    return tuple(sorted({*_PLACING, *(row[0] for row in found)}))


def trace(con: duckdb.DuckDBPyConnection, figure: AskedFigure) -> Trace:
    """What ``figure`` is made of, from the published marts on ``con`` (:func:`warehouse.query.connect`).

    Raises:
        BadConfiguration: no such programme, indicator or date.
    """
    last_on = day_of(con, figure.programme_id, figure.as_of)
    # After the last day with events only the definitions change.
    day = figure.as_of or last_on
    label_zh, label_en, definition_zh, definition_en, version, denominator, shares_of = _definition(
        con, figure, last_on
    )
    where = "".join(
        f"\n        and {dimensions()[name]} is not distinct from {_quoted(_resolve(con, figure, name, value)) if value else 'null'}"
        for name, value in figure.places.items()
    )
    on = f"date '{last_on}'"
    enrolments_sql = f"""\
with placed as (
    select e.*, c.city_id, c.province_id
    from dim_enrolments e left join dim_counties c using (programme_id, county_id)
    where e.programme_id = {_quoted(figure.programme_id)}
        and {holds_on(on, "e")}
),
counting as (
    select enrolment_id, indicator from fct_indicator_spells
    where programme_id = {_quoted(figure.programme_id)}
        and indicator in ({_quoted(figure.indicator)}, {_quoted(denominator)})
        and {holds_on(on)}
)
select
    placed.enrolment_id,
    count(*) filter (counting.indicator = {_quoted(figure.indicator)}) > 0 as is_in_numerator,
    {", ".join(dimensions().values())}
from placed join counting using (enrolment_id)
where true{where}
group by all
order by placed.enrolment_id"""
    sql = (
        "select count(*) filter (is_in_numerator) as numerator_count, count(*) as denominator_count\n"
        f"from (\n{enrolments_sql}\n)"
    )
    counts = con.execute(sql).fetchone() or (0, 0)
    columns = [dimensions()[name] for name in dimensions() if name in figure.places]
    cells = con.execute(
        f"select numerator_count, denominator_count from rpt_indicators where programme_id = $1 and as_of_on = $2"
        " and indicator = $3 and breakdown = (select min(breakdown) from warehouse.reference.breakdowns where programme_id = $1"
        f" and list_sort(string_split(dimensions, '|')) = list_sort($4)){where}",
        [figure.programme_id, last_on, figure.indicator, columns or [""]],
    ).fetchall()
    build = con.execute("select build_id, built_at from build_info").fetchone()
    assert build is not None
    indicators = {figure.indicator, *filter(None, shares_of.split("|"))}
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
    recorded_before: datetime | None = None,
) -> duckdb.DuckDBPyRelation:
    """The events that ``found`` rests on, each once, from a connection that has the lake's views too.

    ``of``: ``numerator``, ``denominator`` (whole) or ``missing`` (denominator without numerator). Events are
    those that had happened by the figure's date and that its build had read; ``voided_by_event_id`` names
    a void that had been recorded by that date. Columns: enrolment_id, event_type, occurred_at, recorded_at,
    event_id, log_partition, log_offset, voided_by_event_id, payload. Which record counts and which event is void the marts say.
    """
    condition = {"numerator": "is_in_numerator", "denominator": "true", "missing": "not is_in_numerator"}[of]
    offsets = con.execute("select next_offsets from build_info").fetchone()
    assert offsets is not None
    known = before(recorded_before)
    # A published figure keeps the time zone of the build's own definitions, whatever pack was loaded since.
    row = con.execute(
        "select max(timezone) from warehouse.reference.programmes where programme_id = $1", [found.figure.programme_id]
    ).fetchone()
    programme, zone = _quoted(found.figure.programme_id), _quoted((row and row[0]) or "UTC")
    types = ", ".join(_quoted(t) for t in found.event_types)
    # A table, because a relation would read the lake again each time it is asked.
    con.execute(
        f"""
        create or replace temp table traced_events as
        with enrolments as (select enrolment_id from ({found.enrolments_sql}) where {condition}),
        covered as (
            select cast(key as integer) as "partition", cast(value as bigint) as next_offset
            from json_each({_quoted(offsets[0])})
        ),
        read as (
            select a.*
            from lake.events a join covered using ("partition")
            anti join fct_uncounted_records u on a."partition" = u.log_partition and a."offset" = u.log_offset
            where a.programme_id = {programme} and a."offset" < covered.next_offset and {known}
        ),
        voids as (
            select event_id, voided_by_event_id from fct_void_periods
            where programme_id = {programme} and {holds_on(f"date '{found.as_of}'")}
        )
        select r.enrolment_id, r.event_type, r.occurred_at, r.recorded_at, r.event_id,
            r."partition" as log_partition, r."offset" as log_offset, voids.voided_by_event_id, r.payload
        from read r join enrolments using (enrolment_id) left join voids on r.event_id = voids.event_id
        where r.event_type in ({types}) and cast(timezone({zone}, r.occurred_at) as date) <= date '{found.as_of}'
        order by r.enrolment_id, r.occurred_at, r.recorded_at, r.event_id
        """
    )
    return con.sql("from temp.traced_events")


def counts_of(con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """How many events :func:`events_behind` found last on this connection, and of how many enrolments."""
    found = con.execute("select count(*), count(distinct enrolment_id) from temp.traced_events").fetchone()
    return found or (0, 0)


def enrolments_behind(con: duckdb.DuckDBPyConnection, found: Trace) -> duckdb.DuckDBPyRelation:
    """The enrolments that a figure counts, of its denominator; ``is_in_numerator`` says which make its numerator."""
    return con.sql(found.enrolments_sql)


def write_relation(relation: duckdb.DuckDBPyRelation, file: Path) -> int:
    """Write a relation as CSV or Parquet, by the file's ending; returns how many rows.

    Raises:
        BadConfiguration: another ending.
    """
    rows = relation.to_arrow_table()
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        if file.suffix == ".csv":
            without_formulas(con.from_arrow(rows)).write_csv(str(file))
        elif file.suffix == ".parquet":
            con.from_arrow(rows).write_parquet(str(file))
        else:
            raise BadConfiguration(f"{file.name} must end in .csv or .parquet")
    return int(rows.num_rows)
