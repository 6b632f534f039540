-- Enrolments that somebody has opened, and whose they are.

select
    programme_id,
    enrolment_id,
    {{ last_by('learner_key', ['occurred_at', 'recorded_at', 'log_partition', 'log_offset']) }} as learner_key,
    min(occurred_on) as first_opened_on
from {{ ref('int_rare_counted') }}
where event_type = 'enrolment.opened'
group by programme_id, enrolment_id
