{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_arrived() }}"
) }}

-- Every record of an event id that came more than once to its programme, in the order of recorded time, partition and
-- offset. A late partition may bring an earlier first, so an id that comes again is ranked anew. Looking for the ids
-- alone is cheaper, so those that came once to each of several programmes are left out only after that.

with {% if is_incremental() -%}
arrived as (
    select distinct events.event_id
    from {{ ref('stg_lake__events') }} as events
    {{ only_fresh('events') }}
),
{%- endif %}

repeated as (
    select events.event_id
    from {{ ref('stg_lake__events') }} as events
    {% if is_incremental() -%}
    inner join arrived on events.event_id = arrived.event_id
    {%- endif %}
    group by events.event_id
    having count(*) > 1
),

ranked as (
    select
        events.event_id, events.programme_id, events.log_partition, events.log_offset, events.content_fingerprint,
        row_number() over arrival as arrival_number,
        first_value(events.log_partition) over arrival as first_partition,
        first_value(events.log_offset) over arrival as first_offset,
        first_value(events.content_fingerprint) over arrival as first_fingerprint,
        count(*) over (partition by events.programme_id, events.event_id) as record_count
    from {{ ref('stg_lake__events') }} as events
    inner join repeated on events.event_id = repeated.event_id
    window arrival as (
        partition by events.programme_id, events.event_id
        order by events.recorded_at, events.log_partition, events.log_offset
    )
)

select
    event_id, programme_id, log_partition, log_offset, content_fingerprint, arrival_number, first_partition, first_offset,
    first_fingerprint
from ranked
where record_count > 1
