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
inner join {{ source('reference', 'definitions') }} as definitions
    on status.programme_id = definitions.programme_id and status.as_of_on >= definitions.applies_from_on
        and (definitions.applies_to_on is null or status.as_of_on < definitions.applies_to_on)
inner join {{ source('reference', 'indicators') }} as indicators
    on definitions.programme_id = indicators.programme_id and definitions.version = indicators.version
        and indicators.indicator = '{{ i }}'
{{ "union all" if not loop.last }}
{% endfor %}
