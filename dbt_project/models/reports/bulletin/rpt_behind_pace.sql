{{ config(materialized='view') }}
-- A share is compared as whole numbers: a cell without anybody has none, and is behind nothing.

select
    indicators.programme_id,
    indicators.as_of_on,
    indicators.indicator,
    indicators.breakdown,
    indicators.cell_id,
    indicators.numerator_count,
    indicators.denominator_count,
    pace.needed_ratio
from {{ ref('rpt_indicators') }} as indicators
inner join {{ ref('rpt_pace') }} as pace
    on indicators.programme_id = pace.programme_id and indicators.as_of_on = pace.as_of_on
        and indicators.indicator = pace.indicator
where indicators.numerator_count < pace.needed_ratio * indicators.denominator_count
