-- From the first day on which anybody counts to the last on which anything changes, the report's day included. The last
-- date ends its week, whatever day it is.
with bounds as (
    select movements.programme_id, min(movements.local_on) as first_on, max(movements.local_on) as last_on
    from {{ ref('int_place_movements') }} as movements
    where movements.change <> 0
    group by movements.programme_id
),

dates as (
    select
        bounds.programme_id,
        {{ date_spine('bounds.first_on', 'greatest(bounds.last_on, coalesce(programmes.report_on, bounds.last_on))', 'as_of_on') }}
    from bounds
    left join {{ source('reference', 'programmes') }} as programmes on bounds.programme_id = programmes.programme_id
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
