-- Those who wait are found in the sums: the events themselves are read only where somebody does.

with waiting as (
    select distinct sums.programme_id, sums.enrolment_id
    from {{ ref('int_event_sums') }} as sums
    left join {{ ref('int_enrolments_opened') }} as opened
        on sums.programme_id = opened.programme_id and sums.enrolment_id = opened.enrolment_id
    where sums.enrolment_id is not null and opened.enrolment_id is null
)

select
    events.programme_id,
    events.enrolment_id,
    events.event_type,
    {{ event_text('events.event_id') }} as event_id,
    events.occurred_at,
    events.recorded_at,
    events.log_partition,
    events.log_offset
from {{ ref('int_events_counted') }} as events
inner join waiting on events.programme_id = waiting.programme_id and events.enrolment_id = waiting.enrolment_id
