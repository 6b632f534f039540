-- Every void that counts, and the event or void that it names, numbered in the order in which its programme recorded them.

select
    programme_id,
    event_id,
    {{ voided_event() }} as voided_event_id,
    recorded_on,
    row_number() over (partition by programme_id order by recorded_at, log_partition, log_offset) as void_number
from {{ ref('int_rare_counted') }}
where event_type = 'event.voided'
