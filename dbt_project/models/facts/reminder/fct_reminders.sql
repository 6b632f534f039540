-- Reminders as they were sent; a voided one counts until the day of its void, and from the day on which that was taken back.

with sent as (
    select
        events.programme_id, events.enrolment_id, events.event_id, events.occurred_at, events.occurred_on,
        {{ stands_from('events.occurred_on') }} as valid_from_on, {{ stands_to('events.occurred_on') }} as valid_to_on,
        {{ json_struct('events.details', {'rule_id': 'VARCHAR', 'channel': 'VARCHAR'}) }} as body
    from {{ ref('int_rare_counted') }} as events
    inner join {{ ref('int_enrolments_opened') }} as opened
        on events.programme_id = opened.programme_id and events.enrolment_id = opened.enrolment_id
    left join {{ standing_of('events') }}
    where events.event_type = 'reminder.sent'
)

select
    sent.programme_id,
    {{ event_text('sent.event_id') }} as event_id,
    sent.enrolment_id,
    sent.body.rule_id,
    sent.body.channel,
    sent.occurred_at as sent_at,
    sent.occurred_on as sent_on,
    sent.valid_from_on,
    sent.valid_to_on
from sent
where sent.valid_to_on > sent.valid_from_on
