{{ config(
    materialized='incremental',
    incremental_strategy=replacing(),
    unique_key=['place_number', 'indicator', 'local_on'],
    on_schema_change='fail'
) }}
-- All changes so far, of which a row may have become none.

select
    changes.programme_id,
    changes.place_number,
    changes.indicator,
    changes.local_on,
    changes.change{% if is_incremental() %} + coalesce(movements.change, 0){% endif %} as change
from {{ ref('int_place_changes') }} as changes
{%- if is_incremental() %}
left join {{ this }} as movements
    on changes.place_number = movements.place_number and changes.indicator = movements.indicator
        and changes.local_on = movements.local_on
{%- endif %}
