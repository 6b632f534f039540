-- What this build changes at the places: each spell adds to its place on the day it begins and takes away on the
-- day it ends; a spell that the last build had does the opposite.

with placements as (
    select
        placements.programme_id, placements.enrolment_id, placements.valid_from_on as placed_from_on, 1 as sign,
        {{ place_key('placements') }} as place_key
    from {{ ref('int_enrolment_placements') }} as placements
    {{ only_touched('placements') }}
    union all
    select replaced.programme_id, replaced.enrolment_id, replaced.placed_from_on, -1, {{ place_key('replaced') }}
    from (
        select distinct programme_id, enrolment_id, placed_from_on, {{ placement_dimensions() | join(', ') }}
        from {{ ref('int_spells_replaced') }}
    ) as replaced
),

placed as (
    select placements.programme_id, placements.enrolment_id, placements.placed_from_on, placements.sign, places.place_number
    from placements
    inner join {{ ref('int_places') }} as places on placements.place_key = places.place_key
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
    where valid_to_on < {{ open_end() }}
)

select
    placed.programme_id,
    placed.place_number,
    movements.indicator,
    movements.local_on,
    cast(sum(movements.change) as integer) as change
from movements
inner join placed
    on movements.programme_id = placed.programme_id and movements.enrolment_id = placed.enrolment_id
        and movements.placed_from_on = placed.placed_from_on and movements.sign = placed.sign
group by placed.programme_id, placed.place_number, movements.indicator, movements.local_on
having sum(movements.change) <> 0
