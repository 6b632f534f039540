select
    programme_id,
    staff_key,
    entry_on as local_on,
    activity,
    cast(sum(event_count) as bigint) as event_count
from {{ ref('int_staff_entries') }}
group by programme_id, staff_key, entry_on, activity
having sum(event_count) <> 0
