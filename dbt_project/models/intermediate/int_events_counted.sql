{{ config(materialized='view') }}

-- Each event once.

select events.*
from {{ ref('stg_lake__events') }} as events
left join (
    select log_partition, log_offset from {{ ref('int_event_duplicates') }} where standing <> 'counted'
) as extras
    on events.log_partition = extras.log_partition and events.log_offset = extras.log_offset
where extras.log_offset is null
