-- accepted = counted + repeats + conflicts + waiting + set aside, and the listed ones are as many as the counted ones.
with totals as (
    select
        coalesce(sum(accepted_count), 0) as accepted,
        coalesce(sum(counted_count), 0) as counted,
        coalesce(sum(repeat_count), 0) as repeated,
        coalesce(sum(conflict_count), 0) as conflicting,
        coalesce(sum(waiting_count), 0) as waiting,
        coalesce(sum(set_aside_count), 0) as aside
    from {{ ref('rpt_event_accounting') }}
)

select *
from totals
where accepted <> (select count(*) from {{ ref('stg_lake__events') }})
    or accepted <> counted + repeated + conflicting + waiting + aside
    or accepted - counted <> (select count(*) from {{ ref('fct_uncounted_records') }})
    or waiting <> (select count(*) from {{ ref('fct_waiting_events') }})
    or conflicting <> (select count(*) from {{ ref('fct_conflicting_events') }})
