{{ config(
    materialized='incremental',
    incremental_strategy=replacing(),
    unique_key=['cell_key', 'local_on'],
    on_schema_change='fail'
) }}
{%- set counts = cell_counts() %}
{%- set dimensions = cell_dimensions() %}
-- A table of its own, in whole numbers of 32 bits: adding it up by every breakdown takes a third of the time.

select
    changes.programme_id,
    changes.cell_key,
    {% for d in dimensions %}changes.{{ d }}, {% endfor %}
    changes.local_on,
    {%- for c in counts %}
    changes.{{ c }}_change{% if is_incremental() %} + coalesce(movements.{{ c }}_change, 0){% endif %} as {{ c }}_change{{ "," if not loop.last }}
    {%- endfor %}
from {{ ref('int_cell_changes') }} as changes
{%- if is_incremental() %}
left join {{ this }} as movements on changes.cell_key = movements.cell_key and changes.local_on = movements.local_on
{%- endif %}
