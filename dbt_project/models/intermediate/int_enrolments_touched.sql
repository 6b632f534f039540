-- The enrolments whose days may differ from the last build: those with a new event, with an
-- event that came again (another copy may count now), or with one that was voided. After a
-- full build this is every enrolment, and nobody reads it.

with fresh_events as (
    select events.*
    from {{ ref('stg_lake__events') }} as events
    {{ only_fresh('events') }}
),

-- Every copy of an id that came more than once was looked for already.
involved as (
    select event_type, programme_id, enrolment_id, details from fresh_events
    union all
    select events.event_type, events.programme_id, events.enrolment_id, events.details
    from {{ ref('stg_lake__events') }} as events
    inner join {{ ref('int_event_arrivals') }} as copies
        on events.log_partition = copies.log_partition and events.log_offset = copies.log_offset
    where copies.event_id in (select event_id from fresh_events)
),

-- A copy that has lost its place may itself have voided something.
voids as (
    select programme_id, {{ voided_event() }} as voided_event_id
    from involved
    where event_type = 'event.voided'
),

voided as (
    select events.programme_id, events.enrolment_id
    from {{ ref('stg_lake__events') }} as events
    inner join voids on events.programme_id = voids.programme_id and events.event_id = voids.voided_event_id
)

select programme_id, enrolment_id from involved where enrolment_id is not null
union
select programme_id, enrolment_id from voided where enrolment_id is not null
