{{ config(materialized='view') }}
-- A straight line from nothing on the target's first day to the target on its last; before and after, its ends.

with targets as (
    select
        programme_id, indicator, applies_from_on, applies_to_on,
        cast(from_on as date) as from_on,
        cast(to_on as date) as to_on,
        {{ thousandths('target_pct') }} as target_thousandths_pct
    from {{ defined('targets') }} as targets
),

dated as (
    select
        dates.programme_id, dates.as_of_on, targets.indicator, targets.target_thousandths_pct,
        {{ days_between('targets.from_on', 'targets.to_on') }} as whole_days,
        {{ days_between('targets.from_on', 'least(targets.to_on, greatest(targets.from_on, dates.as_of_on))') }} as elapsed_days
    from {{ ref('dim_dates') }} as dates
    inner join targets
        on dates.programme_id = targets.programme_id and dates.as_of_on >= targets.applies_from_on
            and dates.as_of_on < targets.applies_to_on
)

select
    programme_id,
    as_of_on,
    indicator,
    cast({{ exact_ratio('target_thousandths_pct * elapsed_days', '(100000 * whole_days)', 8) }} as decimal(18, 8)) as needed_ratio,
    cast({{ exact_ratio('target_thousandths_pct', '100000', 8) }} as decimal(18, 8)) as target_ratio
from dated
