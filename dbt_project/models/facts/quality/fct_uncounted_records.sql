-- Why a record does not count. Whoever reads the lake asks here which of its records stand behind a figure. Those of another learner
-- are looked for among the events only where there are any; a review of one's own work, or of nobody's, is no review.

select
    programme_id,
    {{ event_text('event_id') }} as event_id,
    standing as reason,
    log_partition,
    log_offset
from {{ ref('int_event_duplicates') }}
where standing <> 'counted'
union all
select programme_id, event_id, 'waiting', log_partition, log_offset
from {{ ref('fct_waiting_events') }}
union all
select events.programme_id, {{ event_text('events.event_id') }}, 'other_learner', events.log_partition, events.log_offset
from {{ ref('stg_lake__events') }} as events
inner join {{ ref('int_foreign_learners') }} as foreigners
    on events.programme_id = foreigners.programme_id and events.enrolment_id = foreigners.enrolment_id
        and events.learner_key = foreigners.learner_key
{{ without_extras('events') }}
where extras.log_offset is null
union all
select programme_id, {{ event_text('event_id') }}, reason, log_partition, log_offset
from {{ ref('int_reviews_set_aside') }}
