{{ config(materialized='view') }}
{%- set dimensions = cell_dimensions() %}
-- The status, one row an indicator that the programme defines.

{% for i in indicators() -%}
select
    status.programme_id,
    status.as_of_on,
    indicators.indicator,
    status.breakdown,
    {%- for d in dimensions %}
    status.{{ d }},
    {%- endfor %}
    status.{{ i }}_count as numerator_count,
    {{ named_count('indicators.denominator', 'status.') }} as denominator_count,
    status.{{ i }}_ratio as ratio
from {{ ref('rpt_status') }} as status
inner join {{ defined('indicators') }} as indicators
    on status.programme_id = indicators.programme_id and indicators.indicator = '{{ i }}'
        and status.as_of_on >= indicators.applies_from_on
        and (indicators.applies_to_on is null or status.as_of_on < indicators.applies_to_on)
{{ "union all" if not loop.last }}
{% endfor %}
