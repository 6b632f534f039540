-- depends_on: {{ ref('int_enrolments_touched') }}
{%- set counts = cell_counts() %}
{%- set dimensions = cell_dimensions() %}
-- What this build changes in the cells: each spell adds to its cell on the day it begins and takes away on the
-- day it ends; a spell that the last build had does the opposite. The cells are numbered, because grouping by
-- nine texts costs far more than by one number.

with placements as (
    select
        placements.programme_id, placements.enrolment_id, placements.valid_from_on as placed_from_on,
        {% for d in placement_dimensions() %}placements.{{ d }}, {% endfor %}1 as sign
    from {{ ref('int_enrolment_placements') }} as placements
    {{ only_touched('placements') }}
    union all
    select distinct programme_id, enrolment_id, placed_from_on, {% for d in placement_dimensions() %}{{ d }}, {% endfor %}-1
    from {{ ref('int_spells_replaced') }}
),

places as (
    select
        placements.programme_id, placements.enrolment_id, placements.placed_from_on, placements.sign,
        counties.province_id, counties.city_id,
        {% for d in placement_dimensions() %}placements.{{ d }}, {% endfor %}
        dense_rank() over (
            order by placements.programme_id, counties.province_id, counties.city_id,
                {% for d in placement_dimensions() %}placements.{{ d }}{{ ", " if not loop.last }}{% endfor %}
        ) as cell_number
    from placements
    left join {{ ref('dim_counties') }} as counties
        on placements.programme_id = counties.programme_id and placements.county_id = counties.county_id
),

cells as (
    select distinct cell_number, programme_id, {{ dimensions | join(', ') }} from places
),

spells as (
    select
        spells.programme_id, spells.enrolment_id, spells.placed_from_on, spells.indicator, spells.valid_from_on,
        spells.valid_to_on, 1 as sign
    from {{ ref('fct_indicator_spells') }} as spells
    {{ only_touched('spells') }}
    union all
    select programme_id, enrolment_id, placed_from_on, indicator, valid_from_on, valid_to_on, -1
    from {{ ref('int_spells_replaced') }}
),

movements as (
    select programme_id, enrolment_id, placed_from_on, sign, indicator, valid_from_on as local_on, sign as change
    from spells
    union all
    select programme_id, enrolment_id, placed_from_on, sign, indicator, valid_to_on, -sign
    from spells
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
            and movements.placed_from_on = places.placed_from_on and movements.sign = places.sign
    group by places.cell_number, movements.local_on
)

-- An id has no character 31, so a cell's key is the cell's alone.
select
    cells.programme_id,
    concat_ws(chr(31), cells.programme_id{% for d in dimensions %}, coalesce(cells.{{ d }}, ''){% endfor %}) as cell_key,
    {% for d in dimensions %}cells.{{ d }}, {% endfor %}
    sums.local_on,
    {%- for c in counts %}
    sums.{{ c }}_change{{ "," if not loop.last }}
    {%- endfor %}
from sums
inner join cells on sums.cell_number = cells.cell_number
where {{ any_change('sums.') }}
