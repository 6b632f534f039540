-- The enrolments whose days may differ from the last build: those with a new event, with an
-- event that came again (another copy may count now), or with one that was voided. After a
-- full build this is every enrolment, and nobody reads it.

with fresh_events as (
    select events.*
    from {{ ref('stg_lake__events') }} as events
    inner join {{ source('lake', 'new_records') }} as fresh
        on events.log_partition = fresh.partition and events.log_offset = fresh.offset
),

same_ids as (
    select events.programme_id, events.enrolment_id
    from {{ ref('stg_lake__events') }} as events
    inner join fresh_events on events.event_id = fresh_events.event_id
),

-- A copy that has lost its place may itself have voided something.
voids as (
    select {{ voided_event('events.details') }} as voided_event_id
    from {{ ref('stg_lake__events') }} as events
    inner join fresh_events on events.event_id = fresh_events.event_id
    where events.event_type = 'event.voided'
),

voided as (
    select events.programme_id, events.enrolment_id
    from {{ ref('stg_lake__events') }} as events
    inner join voids on events.event_id = voids.voided_event_id
)

select programme_id, enrolment_id from same_ids where enrolment_id is not null
union
select programme_id, enrolment_id from voided where enrolment_id is not null
