-- Who acts in the name of an enrolment that was never opened for them: what they do there is set aside. Found in the sums, which
-- are few; an enrolment that nobody has opened is everybody's, and waits.

with openings as (
    select events.programme_id, events.enrolment_id, events.learner_key
    from {{ ref('int_events_rare') }} as events
    {{ without_extras('events') }}
    where events.event_type = 'enrolment.opened' and extras.log_offset is null
),

opened as (
    select distinct programme_id, enrolment_id from openings
)

select distinct sums.programme_id, sums.enrolment_id, sums.learner_key
from {{ ref('int_event_sums') }} as sums
inner join opened
    on sums.programme_id = opened.programme_id and sums.enrolment_id = opened.enrolment_id
left join openings as theirs
    on sums.programme_id = theirs.programme_id and sums.enrolment_id = theirs.enrolment_id
        and sums.learner_key = theirs.learner_key
where sums.learner_key is not null and theirs.learner_key is null
