{%- set counts = cell_counts() %}
{%- set dimensions = cell_dimensions() %}
-- Each spell adds to its cells on the day it begins and takes away on the day it ends. A table of its
-- own, in whole numbers of 32 bits: adding it up by every breakdown takes a third of the time. The cells
-- are numbered, because grouping by nine texts costs far more than by one number.

with placements as (
    select
        placements.programme_id, placements.enrolment_id, placements.valid_from_on,
        counties.city_id, counties.province_id,
        {% for d in dimensions if d not in ('city_id', 'province_id') %}placements.{{ d }}{{ ", " if not loop.last }}{% endfor %}
    from {{ ref('int_enrolment_placements') }} as placements
    left join {{ ref('dim_counties') }} as counties
        on placements.programme_id = counties.programme_id and placements.county_id = counties.county_id
),

places as (
    select *, dense_rank() over (order by programme_id, {{ dimensions | join(', ') }}) as cell_number
    from placements
),

cells as (
    select distinct cell_number, programme_id, {{ dimensions | join(', ') }} from places
),

movements as (
    select programme_id, enrolment_id, placed_from_on, indicator, valid_from_on as local_on, 1 as change
    from {{ ref('fct_indicator_spells') }}
    union all
    select programme_id, enrolment_id, placed_from_on, indicator, valid_to_on, -1
    from {{ ref('fct_indicator_spells') }}
    where valid_to_on is not null
),

sums as (
    select
        places.cell_number,
        movements.local_on,
        {%- for c in counts %}
        cast(sum(case when movements.indicator = '{{ c }}' then movements.change else 0 end) as integer) as {{ c }}_change{{ "," if not loop.last }}
        {%- endfor %}
    from movements
    inner join places
        on movements.programme_id = places.programme_id and movements.enrolment_id = places.enrolment_id
            and movements.placed_from_on = places.valid_from_on
    group by places.cell_number, movements.local_on
)

select
    cells.programme_id,
    {% for d in dimensions %}cells.{{ d }}, {% endfor %}
    sums.local_on,
    {%- for c in counts %}
    sums.{{ c }}_change{{ "," if not loop.last }}
    {%- endfor %}
from sums
inner join cells on sums.cell_number = cells.cell_number
