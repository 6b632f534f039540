{{ config(materialized='view') }}

-- Each event once.

select events.*
from {{ ref('stg_lake__events') }} as events
where not exists (
    select 1
    from {{ ref('int_event_duplicates') }} as duplicates
    where duplicates.standing <> 'counted'
        and duplicates.log_partition = events.log_partition
        and duplicates.log_offset = events.log_offset
)
