-- Verbs of statements that no figure counts: neither of our profile, nor viewings of the Video Profile, nor what is taken of cmi5.

select
    programme_id,
    source,
    {{ json_text('details', 'verb_id') }} as verb_id,
    count(*) as statement_count,
    count(distinct learner_key) as learner_count,
    min(occurred_on) as first_on,
    max(occurred_on) as last_on
from {{ ref('int_rare_counted') }}
where event_type = 'xapi.statement_stored'
group by 1, 2, 3
