{{ config(materialized='view') }}

-- Each version of an indicator's definition, and of which group or indicator it is a share; the whole groups are counted
-- like indicators, and are shares of themselves.

select
    indicators.programme_id, indicators.indicator, indicators.denominator, indicators.applies_from_on,
    indicators.applies_to_on
from {{ defined('indicators') }} as indicators
union all
{%- for group in whole_groups() %}
select programme_id, '{{ group }}', '{{ group }}', date '0001-01-01', {{ open_end() }}
from {{ source('reference', 'programmes') }}
{{ "union all" if not loop.last }}
{%- endfor %}
