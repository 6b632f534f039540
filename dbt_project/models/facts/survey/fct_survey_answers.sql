{%- set arrival = ['occurred_at', 'recorded_at', 'log_partition', 'log_offset'] %}
-- An enrolment's latest answered form stands, item by item; a voided one stands until the day of its void, and then the
-- one before it stands again, until the void is taken back.

with forms as (
    select
        events.programme_id, events.enrolment_id, events.event_id, events.occurred_at,
        events.recorded_at, events.log_partition, events.log_offset, events.details,
        {{ json_text('events.details', 'form_id') }} as form_id,
        {{ stands_from('events.occurred_on') }} as stands_from_on,
        {{ stands_to('events.occurred_on') }} as stands_to_on
    from {{ ref('int_rare_counted') }} as events
    inner join {{ ref('int_enrolments_opened') }} as opened
        on events.programme_id = opened.programme_id and events.enrolment_id = opened.enrolment_id
    left join {{ standing_of('events') }}
    where events.event_type = 'survey.answered'
),

days as (
    select programme_id, enrolment_id, form_id, stands_from_on as day_on from forms
    union
    select programme_id, enrolment_id, form_id, stands_to_on from forms where stands_to_on < {{ open_end() }}
),

standing as (
    select
        days.programme_id, days.enrolment_id, days.form_id, days.day_on,
        {{ last_by('event_id', arrival) }} as event_id
    from days
    inner join forms
        on days.programme_id = forms.programme_id and days.enrolment_id = forms.enrolment_id and days.form_id = forms.form_id
            and forms.stands_from_on <= days.day_on and forms.stands_to_on > days.day_on
    group by days.programme_id, days.enrolment_id, days.form_id, days.day_on
),

spells as (
    select
        days.programme_id, days.enrolment_id, days.form_id, days.day_on as valid_from_on, standing.event_id,
        coalesce(lead(days.day_on) over (
            partition by days.programme_id, days.enrolment_id, days.form_id order by days.day_on
        ), {{ open_end() }}) as valid_to_on
    from days
    left join standing
        on days.programme_id = standing.programme_id and days.enrolment_id = standing.enrolment_id
            and days.form_id = standing.form_id and days.day_on = standing.day_on
),

answers as (
    select programme_id, event_id, {{ unpack_json_numbers('details', 'answers', 'answer') }}
    from (select distinct programme_id, event_id, details from forms) as told
)

select
    spells.programme_id,
    spells.enrolment_id,
    spells.form_id,
    answers.answer.key as item_id,
    answers.answer.value as level,
    {{ event_text('spells.event_id') }} as event_id,
    spells.valid_from_on,
    spells.valid_to_on
from spells
inner join answers on spells.programme_id = answers.programme_id and spells.event_id = answers.event_id
