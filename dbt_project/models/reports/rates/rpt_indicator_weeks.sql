{{ config(materialized='view') }}
-- The indicators at each week's end.
select
    indicators.programme_id,
    dates.week_starts_on,
    indicators.as_of_on,
    indicators.indicator,
    indicators.breakdown,
    {%- for d in var('dimensions') %}
    indicators.{{ d }},
    {%- endfor %}
    indicators.numerator_count,
    indicators.denominator_count,
    indicators.ratio
from {{ ref('rpt_indicators') }} as indicators
inner join {{ ref('dim_dates') }} as dates
    on indicators.programme_id = dates.programme_id and indicators.as_of_on = dates.as_of_on
where dates.is_week_end
