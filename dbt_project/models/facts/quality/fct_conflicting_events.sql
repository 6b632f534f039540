select
    programme_id,
    {{ event_text('event_id') }} as event_id,
    log_partition,
    log_offset,
    first_partition,
    first_offset
from {{ ref('int_event_duplicates') }}
where standing = 'conflict'
