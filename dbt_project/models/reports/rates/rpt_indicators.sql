{{ config(materialized='view') }}
{%- set dimensions = var('dimensions') %}
-- Every indicator that the programme defines, on every date.

select
    dates.programme_id,
    dates.as_of_on,
    spells.indicator,
    cells.breakdown,
    cells.cell_id,
    {%- for d in dimensions %}
    cells.{{ d }},
    {%- endfor %}
    cast(spells.numerator_count as bigint) as numerator_count,
    cast(spells.denominator_count as bigint) as denominator_count,
    {{ spell_ratio() }} as ratio
from {{ cell_spells_by_date() }}
where spells.indicator not in ('{{ whole_groups() | join("', '") }}')
