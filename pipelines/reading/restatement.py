"""Which cells changed between two moments of knowing, and because of which events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from ingest.programmes.vocabulary import dimensions
from pipelines.reading.dates import last_day
from pipelines.reading.marts import open_marts
from warehouse.lake import Lake

__all__ = ["ChangedCell", "Restatement", "restate"]


@dataclass(frozen=True, slots=True)
class ChangedCell:
    """A cell before and after; None where it was not there or has no such indicator."""

    indicator: str
    breakdown: str
    places: tuple[str, ...]
    before: tuple[int, int] | None
    after: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Restatement:
    """What changed of a programme as of one date; ``causes`` lists the events that came in between, of the
    enrolments that count otherwise now (relation's columns: indicator, enrolment_id, change, event_type, event_id,
    occurred_at, recorded_at)."""

    cells: list[ChangedCell]
    causes: list[tuple[str, str, str, str, str, datetime, datetime]]
    definitions_changed: bool


#: Rows of one edition that are not in the other.
_CELLS = """
with compared as (
    select indicator, breakdown, {places},
        max(numerator_count) filter (edition = 'before') as n0, max(denominator_count) filter (edition = 'before') as d0,
        max(numerator_count) filter (edition = 'after') as n1, max(denominator_count) filter (edition = 'after') as d1
    from (
        select 'before' as edition, b.* from before.marts.rpt_indicators b where programme_id = $programme and as_of_on = $before_on
        union all by name
        select 'after' as edition, a.* from warehouse.marts.rpt_indicators a where programme_id = $programme and as_of_on = $after_on
    )
    group by all
)
select indicator, breakdown, {places}, n0, d0, n1, d1 from compared
where (coalesce(n0, 0), coalesce(d0, 0)) <> (coalesce(n1, 0), coalesce(d1, 0))
order by all
"""
_MEMBERS = """
    select s.enrolment_id, s.indicator, e.* exclude (programme_id, enrolment_id, learner_key, valid_from_on, valid_to_on)
    from {edition}.marts.fct_indicator_spells s
    join {edition}.marts.dim_enrolments e using (programme_id, enrolment_id)
    where s.programme_id = $programme
        and s.valid_from_on <= ${edition_name}_on and s.valid_to_on > ${edition_name}_on
        and e.valid_from_on <= ${edition_name}_on and e.valid_to_on > ${edition_name}_on
"""
_CAUSES = f"""
with b as ({_MEMBERS.format(edition="before", edition_name="before")}),
a as ({_MEMBERS.format(edition="warehouse", edition_name="after")}),
changed as (
    select coalesce(a.indicator, b.indicator) as indicator, coalesce(a.enrolment_id, b.enrolment_id) as enrolment_id,
        case when b.enrolment_id is null then 'counts now' when a.enrolment_id is null then 'counts no more' else 'moved' end as change
    from a full join b using (enrolment_id, indicator)
    where a.enrolment_id is null or b.enrolment_id is null or a is distinct from b
),
counted as (
    select l.* from lake.events l
    anti join warehouse.marts.fct_uncounted_records u on l."partition" = u.log_partition and l."offset" = u.log_offset
    where l.programme_id = $programme
),
fresh as (
    select event_id, event_type, enrolment_id, occurred_at, recorded_at from counted
    where recorded_at >= $known and recorded_at < $until
),
voids as (
    select f.event_id, f.event_type, f.occurred_at, f.recorded_at, c.enrolment_id
    from fresh f join warehouse.marts.fct_voids v using (event_id) join counted c on c.event_id = v.voided_event_id
    where v.programme_id = $programme
)
select c.indicator, c.enrolment_id, c.change, f.event_type, f.event_id, f.occurred_at, f.recorded_at
from changed c
join (
    select event_id, event_type, enrolment_id, occurred_at, recorded_at from fresh where enrolment_id is not null
    union all by name select * from voids
) f using (enrolment_id)
order by all
"""


def restate(
    before: Path,
    after: Path,
    lake: Lake,
    programme_id: str,
    as_of: date,
    *,
    known: datetime,
    until: datetime | None,
) -> Restatement:
    """Compare two published editions of a programme as of the local date ``as_of``.

    Args:
        before: the file of what was known before ``known``.
        after: the file of what was known before ``until`` (None: now).
    """
    places = list(dimensions().values())
    with open_marts(after, lake) as con:
        quoted = str(before).replace("'", "''")
        con.execute(f"attach '{quoted}' as before (read_only)")
        days = {name: last_day(con, programme_id, as_of, edition=name) for name in ("before", "warehouse")}
        shared = {"programme": programme_id, "before_on": days["before"], "after_on": days["warehouse"]}
        cells = [
            ChangedCell(
                indicator,
                breakdown,
                tuple(p for p in rest[: len(places)] if p is not None),
                None if rest[-4] is None else (rest[-4], rest[-3]),
                None if rest[-2] is None else (rest[-2], rest[-1]),
            )
            for indicator, breakdown, *rest in con.execute(_CELLS.format(places=", ".join(places)), shared).fetchall()
        ]
        moments = {"known": known, "until": until or datetime(9999, 1, 1, tzinfo=UTC)}
        causes = con.execute(_CAUSES, {**shared, **moments}).fetchall()
        digests = [
            con.execute(
                f"select digest, applies_from_on from {name}.reference.definitions where programme_id = $1 order by all",
                [programme_id],
            ).fetchall()
            for name in ("before", "warehouse")
        ]
    return Restatement(cells, causes, digests[0] != digests[1])
