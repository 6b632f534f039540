{{ config(materialized='view') }}

-- Who was appointed to what; a voided appointment stands until its void was recorded.
with appointments as (
    select
        events.*, case when voids.voided_on is not null then greatest(voids.voided_on, events.occurred_on) end as voided_on,
        {{ json_struct('events.details', {'role': 'VARCHAR', 'scope_kind': 'VARCHAR', 'scope_id': 'VARCHAR'}) }} as body
    from {{ ref('int_rare_counted') }} as events
    left join {{ voids_of('events') }}
    where events.event_type = 'staff.appointed'
)

select
    appointments.programme_id,
    appointments.staff_key,
    appointments.occurred_on,
    appointments.voided_on,
    appointments.occurred_at,
    appointments.recorded_at,
    appointments.log_partition,
    appointments.log_offset,
    appointments.body.role,
    appointments.body.scope_kind,
    appointments.body.scope_id
from appointments
