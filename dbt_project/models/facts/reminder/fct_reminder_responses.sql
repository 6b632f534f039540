-- depends_on: {{ ref('int_enrolments_touched') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_touched() }}"
) }}
-- What the reminded did themselves within 72 hours of the reminder, as entries of an account: a void takes away from its day on,
-- its own void gives back.

with reminders as (
    select distinct programme_id, event_id, enrolment_id, sent_at from {{ ref('fct_reminders') }}
),

own as (
    select
        reminders.programme_id, reminders.event_id as reminder_event_id, reminders.enrolment_id, events.event_id, events.occurred_on
    from reminders
    inner join {{ ref('int_events_in_play') }} as events
        on reminders.programme_id = events.programme_id and reminders.enrolment_id = events.enrolment_id
            and events.occurred_at > reminders.sent_at
            and events.occurred_at <= {{ days_later('reminders.sent_at', 3) }}
    where events.event_type in ('{{ var('own_activities') | join("', '") }}')
),

entries as (
    select programme_id, reminder_event_id, enrolment_id, occurred_on as local_on, 1 as event_count from own
    union all
    select own.programme_id, own.reminder_event_id, own.enrolment_id, greatest(own.occurred_on, voids.changed_on), voids.change
    from own
    inner join {{ void_changes_of('own') }}
)

select
    programme_id,
    reminder_event_id as event_id,
    enrolment_id,
    local_on,
    cast(sum(event_count) as bigint) as event_count
from entries
group by programme_id, reminder_event_id, enrolment_id, local_on
having sum(event_count) <> 0
