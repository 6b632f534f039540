-- Every date that the status is kept for. The last date ends its week, whatever day it is.
with dates as (
    select distinct programme_id, as_of_on from {{ ref('rpt_status') }} where breakdown = 'programme'
),

weeks as (
    select programme_id, as_of_on, {{ week_start('as_of_on') }} as week_starts_on from dates
)

select
    programme_id,
    as_of_on,
    week_starts_on,
    as_of_on = max(as_of_on) over (partition by programme_id, week_starts_on) as is_week_end
from weeks
