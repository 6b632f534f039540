-- What platforms recorded and no figure counts: no row of sources.csv names it, or it is of somebody without an enrolment.
-- What was imported again and counts by now is left out.

with kept as (
    select
        *,
        {{ json_text('details', 'platform') }} as platform,
        {{ json_text('details', 'name') }} as event_name,
        {{ json_text('details', 'reason') }} as reason,
        {{ event_key(json_text('details', 'counted_id')) }} as counted_id
    from {{ ref('int_rare_counted') }}
    where event_type = 'platform.event_recorded'
)

select
    kept.programme_id,
    kept.source,
    kept.platform,
    kept.event_name,
    kept.reason,
    count(*) as event_count,
    count(distinct kept.learner_key) as learner_count,
    min(kept.occurred_on) as first_on,
    max(kept.occurred_on) as last_on
from kept
left join {{ ref('stg_lake__events') }} as counted
    on kept.programme_id = counted.programme_id and kept.counted_id = counted.event_id
where counted.event_id is null
group by 1, 2, 3, 4, 5
