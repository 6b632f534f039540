select
    programme_id,
    cast(event_id as varchar) as event_id,
    log_partition,
    log_offset,
    first_partition,
    first_offset
from {{ ref('int_event_duplicates') }}
where standing = 'conflict'
