-- depends_on: {{ ref('int_enrolments_touched') }} {{ ref('int_spells_replaced') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_touched() }}"
) }}

-- Where an enrolment stands and whether it takes part, from each day on which that changes.
-- A voided opening, transfer, withdrawal or diagnostic counts until the day its void was recorded,
-- and again from the day on which that was taken back.

{%- set fields = {
    'class_id': 'VARCHAR', 'school_id': 'VARCHAR', 'county_id': 'VARCHAR', 'subject_id': 'VARCHAR',
    'school_stage': 'VARCHAR', 'is_called_up': 'BOOLEAN', 'gender': 'VARCHAR', 'tier': 'VARCHAR'
} %}

with events as (
    select
        events.programme_id, events.enrolment_id, events.event_type, events.occurred_at, events.recorded_at,
        {{ stands_from('events.occurred_on') }} as stands_from_on, events.log_partition, events.log_offset,
        {{ json_struct('events.details', fields) }} as body,
        {{ stands_to('events.occurred_on') }} as stands_to_on
    from {{ ref('int_rare_counted') }} as events
    left join {{ standing_of('events') }}
    {{ only_touched('events') }}
    where events.event_type in (
        'enrolment.opened', 'enrolment.transferred', 'enrolment.withdrawn', 'diagnostic.submitted', 'diagnostic.tier_changed'
    )
),

opened as (
    select programme_id, enrolment_id, learner_key from {{ ref('int_enrolments_opened') }}
),

days as (
    select programme_id, enrolment_id, stands_from_on as day_on from events
    union
    select programme_id, enrolment_id, stands_to_on from events where stands_to_on < {{ open_end() }}
),

standing as (
    select
        days.day_on, events.programme_id, events.enrolment_id, events.event_type, events.occurred_at,
        events.recorded_at, events.log_partition, events.log_offset, coalesce(events.body.is_called_up, true) as is_called_up,
        events.body.gender, events.body.class_id, events.body.school_id, events.body.county_id,
        events.body.subject_id, events.body.school_stage, events.body.tier
    from days
    inner join events
        on days.programme_id = events.programme_id and days.enrolment_id = events.enrolment_id
            and events.stands_from_on <= days.day_on and events.stands_to_on > days.day_on
),

{%- set arrival = ['occurred_at', 'recorded_at', 'log_partition', 'log_offset'] %}

-- Who the placement is comes from the last opening or transfer, whether it takes part from the
-- last opening or withdrawal.
participation as (
    select
        programme_id, enrolment_id, day_on,
        {{ last_by("event_type = 'enrolment.opened'", arrival) }} as is_participating
    from standing
    where event_type in ('enrolment.opened', 'enrolment.withdrawn')
    group by programme_id, enrolment_id, day_on
),

calls as (
    select
        programme_id, enrolment_id, day_on,
        {{ last_by('is_called_up', arrival) }} as is_called_up,
        {{ last_by('gender', arrival) }} filter (where gender is not null) as gender
    from standing
    where event_type = 'enrolment.opened'
    group by programme_id, enrolment_id, day_on
),

places as (
    select
        programme_id, enrolment_id, day_on,
        {{ last_by(record(['class_id', 'school_id', 'county_id', 'subject_id', 'school_stage']), arrival) }} as place
    from standing
    where event_type in ('enrolment.opened', 'enrolment.transferred')
    group by programme_id, enrolment_id, day_on
),

tiers as (
    select programme_id, enrolment_id, day_on, {{ last_by('tier', arrival) }} as tier
    from standing
    where event_type in ('diagnostic.submitted', 'diagnostic.tier_changed')
    group by programme_id, enrolment_id, day_on
)

select
    days.programme_id,
    days.enrolment_id,
    opened.learner_key,
    days.day_on as valid_from_on,
    coalesce(
        lead(days.day_on) over (partition by days.programme_id, days.enrolment_id order by days.day_on), {{ open_end() }}
    ) as valid_to_on,
    places.place.class_id,
    places.place.school_id,
    places.place.county_id,
    places.place.subject_id,
    places.place.school_stage,
    tiers.tier,
    calls.gender,
    coalesce(calls.is_called_up, false) as is_called_up,
    coalesce(participation.is_participating, false) as is_participating
from days
inner join opened on days.programme_id = opened.programme_id and days.enrolment_id = opened.enrolment_id
left join participation
    on days.programme_id = participation.programme_id and days.enrolment_id = participation.enrolment_id
        and days.day_on = participation.day_on
left join calls
    on days.programme_id = calls.programme_id and days.enrolment_id = calls.enrolment_id
        and days.day_on = calls.day_on
left join places
    on days.programme_id = places.programme_id and days.enrolment_id = places.enrolment_id
        and days.day_on = places.day_on
left join tiers
    on days.programme_id = tiers.programme_id and days.enrolment_id = tiers.enrolment_id
        and days.day_on = tiers.day_on
