{{ config(materialized='view') }}

-- Viewings told by statements, as entries: each says all that was played in its session so far, and a day is worth what it adds
-- to the days before. A statement that was voided counts until the day of its void, and from the day on which that is taken back.

with viewings as (
    select
        events.programme_id, events.enrolment_id, events.viewing, {{ stands_from('events.occurred_on') }} as viewed_on, events.duration_s,
        events.occurred_at, events.log_partition, events.log_offset,
        {{ stands_to('events.occurred_on') }} as voided_on
    from {{ ref('int_events_in_play') }} as events
    left join {{ standing_of('events') }}
    where events.viewing is not null and events.duration_s > 0
),

days as (
    select programme_id, enrolment_id, viewing, viewed_on as day_on from viewings
    union
    select programme_id, enrolment_id, viewing, voided_on from viewings where voided_on < {{ open_end() }}
),

-- A statement that tells of nothing new is no watching.
standing as (
    select
        days.programme_id, days.enrolment_id, days.viewing, days.day_on, viewings.duration_s,
        viewings.duration_s > coalesce(max(viewings.duration_s) over (
            partition by days.programme_id, days.enrolment_id, days.viewing, days.day_on
            order by viewings.occurred_at, viewings.duration_s, viewings.log_partition, viewings.log_offset
            rows between unbounded preceding and 1 preceding
        ), 0) as tells_more
    from days
    left join viewings
        on days.programme_id = viewings.programme_id and days.enrolment_id = viewings.enrolment_id
            and days.viewing = viewings.viewing
            and viewings.viewed_on <= days.day_on and viewings.voided_on > days.day_on
),

states as (
    select
        programme_id, enrolment_id, viewing, day_on,
        sum(case when tells_more then 1 else 0 end) as viewing_count,
        coalesce(max(duration_s), 0) as played_s
    from standing
    group by programme_id, enrolment_id, viewing, day_on
)

select
    programme_id,
    enrolment_id,
    day_on as entry_on,
    'video' as activity,
    cast(viewing_count - coalesce(lag(viewing_count) over following, 0) as integer) as event_count,
    cast(played_s - coalesce(lag(played_s) over following, 0) as decimal(18, 3)) as quantity
from states
window following as (
    partition by programme_id, enrolment_id, viewing order by day_on
)
