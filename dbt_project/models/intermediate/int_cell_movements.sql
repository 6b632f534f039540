{%- set counts = cell_counts() %}
{%- set dimensions = cell_dimensions() %}
-- Each spell adds to its cells on the day it begins and takes away on the day it ends. A table of its
-- own, in whole numbers of 32 bits: adding it up by every breakdown takes a third of the time.

with places as (
    select placements.*, counties.city_id, counties.province_id
    from {{ ref('int_enrolment_placements') }} as placements
    left join {{ ref('dim_counties') }} as counties
        on placements.programme_id = counties.programme_id and placements.county_id = counties.county_id
),

movements as (
    select programme_id, enrolment_id, placed_from_on, indicator, valid_from_on as local_on, 1 as change
    from {{ ref('fct_indicator_spells') }}
    union all
    select programme_id, enrolment_id, placed_from_on, indicator, valid_to_on, -1
    from {{ ref('fct_indicator_spells') }}
    where valid_to_on is not null
)

select
    places.programme_id,
    {% for d in dimensions %}places.{{ d }}, {% endfor %}
    movements.local_on,
    {%- for c in counts %}
    cast(sum(case when movements.indicator = '{{ c }}' then movements.change else 0 end) as integer) as {{ c }}_change{{ "," if not loop.last }}
    {%- endfor %}
from movements
inner join places
    on movements.programme_id = places.programme_id and movements.enrolment_id = places.enrolment_id
        and movements.placed_from_on = places.valid_from_on
group by places.programme_id, {% for d in dimensions %}places.{{ d }}, {% endfor %}movements.local_on
