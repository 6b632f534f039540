{{ config(materialized='view') }}

-- Reviews of the reviewer's own work, or of the work of an enrolment that nobody has opened.

select
    events.programme_id,
    events.source,
    events.event_id,
    case when {{ reviewed_enrolment('events') }} = events.enrolment_id then 'own_work' else 'nobodys_work' end as reason,
    events.log_partition,
    events.log_offset
from {{ ref('int_events_counted') }} as events
inner join {{ ref('int_enrolments_opened') }} as opened
    on events.programme_id = opened.programme_id and events.enrolment_id = opened.enrolment_id
left join {{ ref('int_enrolments_opened') }} as reviewed
    on events.programme_id = reviewed.programme_id and {{ reviewed_enrolment('events') }} = reviewed.enrolment_id
where events.event_type = 'peer_review.submitted'
    and (reviewed.enrolment_id is null or reviewed.enrolment_id = events.enrolment_id)
