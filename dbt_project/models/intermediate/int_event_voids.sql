-- Which events somebody has voided, and from which day on they count no more. A programme voids events of its own only.

select programme_id, {{ voided_event() }} as voided_event_id, min(recorded_on) as voided_on
from {{ ref('int_rare_counted') }}
where event_type = 'event.voided'
group by programme_id, {{ voided_event() }}
