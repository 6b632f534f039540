-- depends_on: {{ ref('int_enrolments_touched') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_touched() }}"
) }}
-- What the reminded did themselves within 72 hours of the reminder, as entries of an account: a void takes away from its day on.

with own as (
    select
        reminders.programme_id, reminders.event_id, reminders.enrolment_id, events.occurred_on,
        case when voids.voided_on is not null then greatest(voids.voided_on, events.occurred_on) end as voided_on
    from {{ ref('fct_reminders') }} as reminders
    inner join {{ ref('int_events_in_play') }} as events
        on reminders.programme_id = events.programme_id and reminders.enrolment_id = events.enrolment_id
            and events.occurred_at > reminders.sent_at
            and events.occurred_at <= {{ days_later('reminders.sent_at', 3) }}
    left join {{ voids_of('events') }}
    where events.event_type in ('{{ own_activities() | join("', '") }}')
),

entries as (
    select programme_id, event_id, enrolment_id, occurred_on as local_on, 1 as event_count from own
    union all
    select programme_id, event_id, enrolment_id, voided_on, -1 from own where voided_on is not null
)

select
    programme_id,
    event_id,
    enrolment_id,
    local_on,
    cast(sum(event_count) as bigint) as event_count
from entries
group by programme_id, event_id, enrolment_id, local_on
having sum(event_count) <> 0
