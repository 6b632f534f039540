-- Everybody who was appointed or did anything; the role is that of the latest appointment.
with appointments as (
    select
        events.*,
        {{ json_struct('events.details', {'role': 'VARCHAR', 'scope_kind': 'VARCHAR', 'scope_id': 'VARCHAR'}) }} as body
    from {{ ref('int_events_counted') }} as events
    left join {{ ref('int_event_voids') }} as voids on events.event_id = voids.voided_event_id
    where events.event_type = 'staff.appointed' and voids.voided_event_id is null
),

opened as (
    select
        appointments.programme_id, appointments.staff_key, appointments.occurred_on, appointments.occurred_at,
        appointments.recorded_at, appointments.log_partition, appointments.log_offset,
        appointments.body.role, appointments.body.scope_kind, appointments.body.scope_id
    from appointments
),

latest as (
    select
        programme_id,
        staff_key,
        min(occurred_on) as appointed_on,
        {{ last_by(record(['role', 'scope_kind', 'scope_id']), ['occurred_at', 'recorded_at', 'log_partition', 'log_offset']) }} as appointment
    from opened
    group by programme_id, staff_key
),

seen as (
    select programme_id, staff_key from latest
    union
    select programme_id, staff_key from {{ ref('fct_staff_days') }}
)

select
    seen.programme_id,
    seen.staff_key,
    latest.appointment.role,
    latest.appointment.scope_kind,
    latest.appointment.scope_id,
    latest.appointed_on
from seen
left join latest on seen.programme_id = latest.programme_id and seen.staff_key = latest.staff_key
