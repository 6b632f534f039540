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
left join {{ ref('int_enrolments_opened') }} as opened
    on events.programme_id = opened.programme_id and events.enrolment_id = opened.enrolment_id
where events.enrolment_id is not null and opened.enrolment_id is null
