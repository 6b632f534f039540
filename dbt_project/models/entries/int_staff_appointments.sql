{{ config(materialized='view') }}

-- Who was appointed to what; a voided appointment stands until its void was recorded, and from the day on which that was taken back.
with appointments as (
    select
        events.*, {{ stands_from('events.occurred_on') }} as valid_from_on, {{ stands_to('events.occurred_on') }} as valid_to_on,
        {{ json_struct('events.details', {'role': 'VARCHAR', 'scope_kind': 'VARCHAR', 'scope_id': 'VARCHAR'}) }} as body
    from {{ ref('int_rare_counted') }} as events
    left join {{ standing_of('events') }}
    where events.event_type = 'staff.appointed'
)

select distinct
    appointments.programme_id,
    appointments.staff_key,
    appointments.valid_from_on,
    appointments.valid_to_on,
    appointments.occurred_at,
    appointments.recorded_at,
    appointments.log_partition,
    appointments.log_offset,
    appointments.body.role,
    appointments.body.scope_kind,
    appointments.body.scope_id
from appointments
