{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{% if is_incremental() %}delete from {{ this }} where event_id in (
        select e.event_id from {{ ref('stg_lake__events') }} as e
        inner join {{ source('lake', 'new_records') }} as n
            on e.log_partition = n.partition and e.log_offset = n.offset
    ){% endif %}"
) }}

-- Every record of an event id that came more than once. The first by recorded time, partition
-- and offset counts; another with the same content is a repeat, with other content a conflict.
-- A late partition may bring an earlier first, so an id that comes again is ranked anew.

with events as (
    select event_id, event_type, event_version, occurred_at, recorded_at, programme_id,
        learner_key, staff_key, source, log_partition, log_offset, content_fingerprint
    from {{ ref('stg_lake__events') }}
),

{% if is_incremental() -%}
arrived as (
    select distinct events.event_id
    from events
    inner join {{ source('lake', 'new_records') }} as fresh
        on events.log_partition = fresh.partition and events.log_offset = fresh.offset
),

candidates as (
    select events.* from events inner join arrived on events.event_id = arrived.event_id
),
{%- else -%}
candidates as (
    select * from events
),
{%- endif %}

repeated as (
    select event_id from candidates group by event_id having count(*) > 1
),

ranked as (
    select
        candidates.*,
        row_number() over arrival as arrival_number,
        first_value(candidates.log_partition) over arrival as first_partition,
        first_value(candidates.log_offset) over arrival as first_offset,
        first_value(candidates.content_fingerprint) over arrival as first_fingerprint
    from candidates
    inner join repeated on candidates.event_id = repeated.event_id
    window arrival as (
        partition by candidates.event_id
        order by candidates.recorded_at, candidates.log_partition, candidates.log_offset
    )
),

-- The bytes differ: is it more than the order of the members?
doubtful as (
    select * from ranked where content_fingerprint <> first_fingerprint
),

same_after_all as (
    select doubtful.log_partition, doubtful.log_offset
    from doubtful
    inner join {{ source('lake', 'records') }} as this_one
        on doubtful.log_partition = this_one.partition and doubtful.log_offset = this_one.offset
    inner join {{ source('lake', 'records') }} as first_one
        on doubtful.first_partition = first_one.partition and doubtful.first_offset = first_one.offset
    where this_one.event_type = first_one.event_type
        and this_one.event_version = first_one.event_version
        and this_one.occurred_at = first_one.occurred_at
        and this_one.programme_id = first_one.programme_id
        and this_one.learner_key is not distinct from first_one.learner_key
        and this_one.staff_key is not distinct from first_one.staff_key
        and this_one.source = first_one.source
        and {{ canonical_json('this_one.payload') }} = {{ canonical_json('first_one.payload') }}
)

select
    ranked.event_id,
    ranked.programme_id,
    ranked.log_partition,
    ranked.log_offset,
    ranked.first_partition,
    ranked.first_offset,
    case
        when ranked.arrival_number = 1 then 'counted'
        when ranked.content_fingerprint = ranked.first_fingerprint then 'repeat'
        when same_after_all.log_offset is not null then 'repeat'
        else 'conflict'
    end as standing
from ranked
left join same_after_all
    on ranked.log_partition = same_after_all.log_partition and ranked.log_offset = same_after_all.log_offset
