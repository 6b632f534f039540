-- depends_on: {{ ref('stg_lake__events') }} {{ ref('int_event_arrivals') }} {{ ref('int_void_chains') }} {{ source('lake', 'new_records') }}
{{ config(tags=['touched']) }}
-- The enrolments that this build computes anew. An update: those whose days may differ from the last build, which are those with
-- a new event, with an event that came again (another copy may count now), or with one that was voided or given back. Their
-- events are gathered in int_events_touched. A full build: all that were opened.

{%- if is_update() %}

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
named as (
    select programme_id, {{ voided_event() }} as voided_event_id
    from involved
    where event_type = 'event.voided'
),

-- A void that names another is about the event at that one's end.
voids as (
    select programme_id, voided_event_id from named
    union
    select chains.programme_id, chains.voided_event_id
    from named
    inner join {{ ref('int_void_chains') }} as chains
        on named.programme_id = chains.programme_id and named.voided_event_id = chains.event_id
),

voided as (
    select events.programme_id, events.enrolment_id
    from {{ ref('stg_lake__events') }} as events
    inner join voids on events.programme_id = voids.programme_id and events.event_id = voids.voided_event_id
),

-- A review of somebody's work counts once its author's enrolment is there.
reviewers as (
    select events.programme_id, events.enrolment_id
    from {{ ref('stg_lake__events') }} as events
    inner join (
        select distinct programme_id, enrolment_id from involved where event_type = 'enrolment.opened'
    ) as opened
        on events.programme_id = opened.programme_id and {{ reviewed_enrolment('events') }} = opened.enrolment_id
    where events.event_type = 'peer_review.submitted'
)

select programme_id, enrolment_id, true as is_gathered from involved where enrolment_id is not null
union
select programme_id, enrolment_id, true from reviewers where enrolment_id is not null
union
select programme_id, enrolment_id, true from voided where enrolment_id is not null
{%- else %}

select programme_id, enrolment_id, false as is_gathered from {{ ref('int_enrolments_opened') }}
{%- endif %}
