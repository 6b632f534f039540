{{ config(materialized='view') }}

-- What counts once however often it is told, as entries: a viewing, of which each statement says all that was played so far; the
-- beginning and the end of a unit's session; a journal that is published again when it is edited; a review of the same work. A day
-- is worth what it adds to the days before. What was voided counts until the day of its void, and from the day on which that is
-- taken back. A review of one's own work, or of nobody's, is none.

with events as (
    select
        events.*,
        {{ plain_activity('events.event_type') }} as activity,
        case when events.event_type in ('video.watched', 'text.read') then events.duration_s else cast(1 as decimal(18, 6)) end as amount
    from {{ ref('int_events_in_play') }} as events
    left join {{ ref('int_enrolments_opened') }} as reviewed
        on events.event_type = 'peer_review.submitted' and events.programme_id = reviewed.programme_id
            and {{ reviewed_enrolment('events') }} = reviewed.enrolment_id
    where events.once_key is not null
        and (
            events.event_type <> 'peer_review.submitted'
            or (reviewed.enrolment_id is not null and reviewed.enrolment_id <> events.enrolment_id)
        )
),

tellings as (
    select
        events.programme_id, events.enrolment_id, events.activity, events.once_key, events.amount, events.occurred_at,
        events.log_partition, events.log_offset,
        {{ stands_from('events.occurred_on') }} as told_on,
        {{ stands_to('events.occurred_on') }} as voided_on
    from events
    left join {{ standing_of('events') }}
    where events.amount > 0
),

days as (
    select programme_id, enrolment_id, activity, once_key, told_on as day_on from tellings
    union
    select programme_id, enrolment_id, activity, once_key, voided_on from tellings where voided_on < {{ open_end() }}
),

-- What tells of nothing new is not counted.
standing as (
    select
        days.programme_id, days.enrolment_id, days.activity, days.once_key, days.day_on, tellings.amount,
        tellings.amount > coalesce(max(tellings.amount) over (
            partition by days.programme_id, days.enrolment_id, days.activity, days.once_key, days.day_on
            order by tellings.occurred_at, tellings.amount, tellings.log_partition, tellings.log_offset
            rows between unbounded preceding and 1 preceding
        ), 0) as tells_more
    from days
    left join tellings
        on days.programme_id = tellings.programme_id and days.enrolment_id = tellings.enrolment_id
            and days.activity = tellings.activity and days.once_key = tellings.once_key
            and tellings.told_on <= days.day_on and tellings.voided_on > days.day_on
),

states as (
    select
        programme_id, enrolment_id, activity, once_key, day_on,
        sum(case when tells_more then 1 else 0 end) as told_count,
        coalesce(max(amount), 0) as amount
    from standing
    group by programme_id, enrolment_id, activity, once_key, day_on
)

select
    programme_id,
    enrolment_id,
    day_on as entry_on,
    activity,
    cast(told_count - coalesce(lag(told_count) over following, 0) as integer) as event_count,
    cast(amount - coalesce(lag(amount) over following, 0) as decimal(18, 6)) as quantity
from states
window following as (
    partition by programme_id, enrolment_id, activity, once_key order by day_on
)
