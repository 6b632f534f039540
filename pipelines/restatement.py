"""Which cells changed between two moments of knowing, and because of which events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from pipelines.dates import last_day
from pipelines.trace import DIMENSIONS
from warehouse.lake import Lake
from warehouse.query import connect

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


_PLACES = ", ".join(DIMENSIONS.values())
#: Rows of one edition that are not in the other.
_CELLS = f"""
with compared as (
    select indicator, breakdown, {_PLACES},
        max(numerator_count) filter (edition = 'before') as n0, max(denominator_count) filter (edition = 'before') as d0,
        max(numerator_count) filter (edition = 'after') as n1, max(denominator_count) filter (edition = 'after') as d1
    from (
        select 'before' as edition, b.* from before.marts.rpt_indicators b where programme_id = $programme and as_of_on = $before_on
        union all by name
        select 'after' as edition, a.* from warehouse.marts.rpt_indicators a where programme_id = $programme and as_of_on = $after_on
    )
    group by all
)
select indicator, breakdown, {_PLACES}, n0, d0, n1, d1 from compared
where (coalesce(n0, 0), coalesce(d0, 0)) <> (coalesce(n1, 0), coalesce(d1, 0))
order by all
"""
_MEMBERS = """
    select s.enrolment_id, s.indicator, e.* exclude (programme_id, enrolment_id, learner_key, valid_from_on, valid_to_on)
    from {edition}.marts.fct_indicator_spells s
    join {edition}.marts.dim_enrolments e using (programme_id, enrolment_id)
    where s.programme_id = $programme
        and s.valid_from_on <= ${edition_name}_on and (s.valid_to_on is null or s.valid_to_on > ${edition_name}_on)
        and e.valid_from_on <= ${edition_name}_on and (e.valid_to_on is null or e.valid_to_on > ${edition_name}_on)
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
fresh as (
    select event_id, any_value(event_type) as event_type, any_value(enrolment_id) as enrolment_id,
        any_value(occurred_at) as occurred_at, min(recorded_at) as recorded_at, any_value(voided_event_id) as voided_event_id
    from lake.events
    where programme_id = $programme and recorded_at >= $known and recorded_at < $until
    group by event_id
),
voids as (
    select f.event_id, f.event_type, f.occurred_at, f.recorded_at, any_value(v.enrolment_id) as enrolment_id
    from fresh f join lake.events v on v.programme_id = $programme and v.event_id = f.voided_event_id
    where f.event_type = 'event.voided'
    group by all
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
    with connect(after, lake) as con:
        quoted = str(before).replace("'", "''")
        con.execute(f"attach '{quoted}' as before (read_only)")
        days = {name: last_day(con, programme_id, as_of, edition=name) for name in ("before", "warehouse")}
        shared = {"programme": programme_id, "before_on": days["before"], "after_on": days["warehouse"]}
        cells = [
            ChangedCell(
                indicator,
                breakdown,
                tuple(p for p in rest[: len(DIMENSIONS)] if p is not None),
                None if rest[-4] is None else (rest[-4], rest[-3]),
                None if rest[-2] is None else (rest[-2], rest[-1]),
            )
            for indicator, breakdown, *rest in con.execute(_CELLS, shared).fetchall()
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
