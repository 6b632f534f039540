{{ config(tags=['touched']) }}
-- The indicators of cells that this build changes, and from which day on: those whose own count changes, those that are a
-- share of what changes, and all of a cell whose whole groups change, since the groups say from when on there is a cell.
-- Empty in a full build, which makes all of them.

with changes as (
    select cells.cell_number, changes.programme_id, changes.indicator, min(changes.local_on) as first_on
    from {{ ref('int_place_changes') }} as changes
    inner join {{ ref('int_cells') }} as cells on changes.place_number = cells.place_number
    {%- if not is_update() %}
    where false
    {%- endif %}
    group by cells.cell_number, changes.programme_id, changes.indicator
)

select changes.cell_number, changes.programme_id, rules.indicator, min(changes.first_on) as first_on
from changes
inner join {{ ref('int_indicator_rules') }} as rules on changes.programme_id = rules.programme_id
where changes.indicator in ('{{ whole_groups() | join("', '") }}', rules.indicator, rules.denominator)
group by changes.cell_number, changes.programme_id, rules.indicator
