-- What became of every record of an event id that came more than once to its programme. The first counts; another
-- with the same content is a repeat, with other content a conflict.

-- Where the bytes differ: is it more than the order of the members?
with doubtful as (
    select * from {{ ref('int_event_arrivals') }} where content_fingerprint <> first_fingerprint
),

wanted as (
    select log_partition, log_offset from doubtful
    union
    select first_partition, first_offset from doubtful
),

texts as (
    select
        wanted.log_partition, wanted.log_offset, records.event_type, records.event_version, records.occurred_at,
        records.programme_id, records.learner_key, records.staff_key, records.source,
        {{ canonical_json('records.payload') }} as payload
    from {{ source('lake', 'records') }} as records
    inner join wanted on records.partition = wanted.log_partition and records.offset = wanted.log_offset
),

same_after_all as (
    select doubtful.log_partition, doubtful.log_offset
    from doubtful
    inner join texts as this_one
        on doubtful.log_partition = this_one.log_partition and doubtful.log_offset = this_one.log_offset
    inner join texts as first_one
        on doubtful.first_partition = first_one.log_partition and doubtful.first_offset = first_one.log_offset
    where this_one.event_type = first_one.event_type
        and this_one.event_version = first_one.event_version
        and this_one.occurred_at = first_one.occurred_at
        and this_one.learner_key is not distinct from first_one.learner_key
        and this_one.staff_key is not distinct from first_one.staff_key
        and this_one.source = first_one.source
        and this_one.payload = first_one.payload
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
from {{ ref('int_event_arrivals') }} as ranked
left join same_after_all
    on ranked.log_partition = same_after_all.log_partition and ranked.log_offset = same_after_all.log_offset
