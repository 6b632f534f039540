select
    programme_id,
    local_on,
    activity,
    cast(sum(event_count) as bigint) as event_count,
    cast(sum(quantity) as decimal(38, 6)) as quantity,
    cast(sum(case when event_count > 0 then 1 else 0 end) as bigint) as enrolment_count
from {{ ref('fct_enrolment_days') }}
group by programme_id, local_on, activity
