-- Everybody who was appointed or did anything, from each day on which the role changes; it is that of
-- the latest appointment, and a voided one counts until the day of its void.

{%- set arrival = ['occurred_at', 'recorded_at', 'log_partition', 'log_offset'] %}

with appointments as (
    select * from {{ ref('int_staff_appointments') }}
),

days as (
    select programme_id, staff_key, valid_from_on as day_on from appointments
    union
    select programme_id, staff_key, valid_to_on from appointments where valid_to_on < {{ open_end() }}
    union
    select programme_id, staff_key, min(local_on) from {{ ref('fct_staff_days') }} group by programme_id, staff_key
),

roles as (
    select
        days.programme_id, days.staff_key, days.day_on,
        {{ last_by(record(['role', 'scope_kind', 'scope_id']), arrival) }} as appointment
    from days
    inner join appointments
        on days.programme_id = appointments.programme_id and days.staff_key = appointments.staff_key
            and {{ holds_on('appointments', 'days.day_on') }}
    group by days.programme_id, days.staff_key, days.day_on
)

select
    days.programme_id,
    days.staff_key,
    days.day_on as valid_from_on,
    coalesce(
        lead(days.day_on) over (partition by days.programme_id, days.staff_key order by days.day_on), {{ open_end() }}
    ) as valid_to_on,
    roles.appointment.role,
    roles.appointment.scope_kind,
    roles.appointment.scope_id
from days
left join roles on days.programme_id = roles.programme_id and days.staff_key = roles.staff_key and days.day_on = roles.day_on
