{{ config(materialized='view') }}
{%- set rates = ['participation', 'login', 'study', 'pass'] %}
-- The rates that every programme has, side by side; rpt_indicators has all.

select
    dates.programme_id,
    dates.as_of_on,
    cells.breakdown,
    cells.cell_id,
    {%- for group in whole_groups() %}
    cast(max(case when spells.indicator = '{{ group }}' then spells.numerator_count else 0 end) as bigint) as {{ group }}_count,
    {%- endfor %}
    {%- for rate in rates %}
    cast(max(case when spells.indicator = '{{ rate }}' then spells.numerator_count else 0 end) as bigint) as {{ rate }}_count,
    {%- endfor %}
    {%- for rate in rates %}
    max(case when spells.indicator = '{{ rate }}' then
        {{ spell_ratio() }}
    end) as {{ rate }}_ratio{{ "," if not loop.last }}
    {%- endfor %}
from {{ cell_spells_by_date() }}
where spells.indicator in ('{{ (whole_groups() + rates) | join("', '") }}')
group by dates.programme_id, dates.as_of_on, cells.breakdown, cells.cell_id
