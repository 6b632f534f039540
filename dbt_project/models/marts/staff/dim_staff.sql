-- Everybody who was appointed or did anything; the role is that of the latest appointment.
with latest as (
    select
        programme_id,
        staff_key,
        min(occurred_on) as appointed_on,
        {{ last_by(record(['role', 'scope_kind', 'scope_id']), ['occurred_at', 'recorded_at', 'log_partition', 'log_offset']) }} as appointment
    from {{ ref('int_staff_appointments') }}
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
