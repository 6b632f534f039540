{{ config(materialized='view') }}

-- Who was appointed to what, voided ones left out.
with appointments as (
    select
        events.*,
        {{ json_struct('events.details', {'role': 'VARCHAR', 'scope_kind': 'VARCHAR', 'scope_id': 'VARCHAR'}) }} as body
    from {{ ref('int_events_counted') }} as events
    left join {{ ref('int_event_voids') }} as voids on events.event_id = voids.voided_event_id
    where events.event_type = 'staff.appointed' and voids.voided_event_id is null
)

select
    appointments.programme_id,
    appointments.staff_key,
    appointments.occurred_on,
    appointments.occurred_at,
    appointments.recorded_at,
    appointments.log_partition,
    appointments.log_offset,
    appointments.body.role,
    appointments.body.scope_kind,
    appointments.body.scope_id
from appointments
