{{ config(tags=['touched']) }}
-- The indicators of cells that this build changes, and from which day on: those whose own count changes, those that are a
-- share of what changes, and all of a cell whose whole groups change, since the groups say from when on there is a cell.
-- Where the programme's own first day may change, so do the cells of its listed counties and subjects. Empty in a full build,
-- which makes all of them.

with changes as (
    select cells.cell_number, changes.programme_id, changes.indicator, min(changes.local_on) as first_on
    from {{ ref('int_place_changes') }} as changes
    inner join {{ ref('int_cells') }} as cells on changes.place_number = cells.place_number
    {%- if not is_update() %}
    where false
    {%- endif %}
    group by cells.cell_number, changes.programme_id, changes.indicator
    union all
    select listed.cell_number, listed.programme_id, '{{ whole_groups()[0] }}', firsts.changed_on
    from {{ listed_cells() }} as listed
    inner join (
        select changes.programme_id, min(changes.local_on) as changed_on
        from {{ ref('int_place_changes') }} as changes
        group by changes.programme_id
    ) as firsts
        on listed.programme_id = firsts.programme_id
    left join (
        select programme_id, min(local_on) as first_on
        from {{ ref('int_place_movements') }}
        where change <> 0
        group by programme_id
    ) as movements
        on listed.programme_id = movements.programme_id
    where firsts.changed_on <= coalesce(movements.first_on, firsts.changed_on)
    {%- if not is_update() %}
        and false
    {%- endif %}
)

select
    changes.cell_number, changes.programme_id, rules.indicator,
    -- Where a share's whole is another one from a later day on, all that it was is taken back on that day, and all that the other is
    -- comes in: neither is told by what changes from the first day on.
    case
        when max(greatest(
            rules.applies_from_on, case when rules.applies_to_on < {{ open_end() }} then rules.applies_to_on else {{ beginning() }} end
        )) >= min(changes.first_on) then {{ beginning() }}
        else min(changes.first_on)
    end as first_on
from changes
inner join {{ ref('int_indicator_rules') }} as rules on changes.programme_id = rules.programme_id
where changes.indicator in ('{{ whole_groups() | join("', '") }}', rules.indicator, rules.denominator)
group by changes.cell_number, changes.programme_id, rules.indicator
