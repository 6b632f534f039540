-- depends_on: {{ ref('int_cell_indicators_touched') }}
{{ config(
    materialized='incremental',
    incremental_strategy=replacing(),
    unique_key=['cell_number', 'indicator', 'valid_from_on'],
    on_schema_change='fail',
    pre_hook="{{ delete_from_the_first_change() }}"
) }}

-- From when to when a cell has which numerator and denominator of an indicator: the running totals of its places'
-- movements. An update goes on from what held before the first day on which it changes anything of a cell's indicator.

with
{%- if is_incremental() %}
-- Of other cells, and of a programme's days before, nothing is asked. (A cell's own first day would be asked for, too, but DuckDB
-- then compares days before cells: 20 s where this takes half a second.)
touched_cells as (
    select distinct cell_number from {{ ref('int_cell_indicators_touched') }}
),

touched_programmes as (
    select programme_id, min(first_on) as first_on from {{ ref('int_cell_indicators_touched') }} group by programme_id
),
{%- endif %}

movements as (
    select
        cells.cell_number, movements.programme_id, movements.indicator, movements.local_on,
        cast(sum(movements.change) as integer) as change
    from {{ ref('int_place_movements') }} as movements
    {%- if is_incremental() %}
    inner join touched_programmes
        on movements.programme_id = touched_programmes.programme_id and movements.local_on >= touched_programmes.first_on
    {%- endif %}
    inner join {{ ref('int_cells') }} as cells on movements.place_number = cells.place_number
    {%- if is_incremental() %}
    inner join touched_cells on cells.cell_number = touched_cells.cell_number
    {%- endif %}
    where movements.change <> 0
    group by cells.cell_number, movements.programme_id, movements.indicator, movements.local_on
    having sum(movements.change) <> 0
),

rules as (
    select * from {{ ref('int_indicator_rules') }}
),

-- Nobody counts for anything who is in no whole group. A county or a subject of the pack is there from the programme's first day on.
firsts as (
    select cell_number, programme_id, min(local_on) as first_on
    from (
        select cell_number, programme_id, local_on
        from movements
        where indicator in ('{{ whole_groups() | join("', '") }}')
        union all
        select listed.cell_number, listed.programme_id, firsts.first_on
        from {{ listed_cells() }} as listed
        inner join (
            select programme_id, min(local_on) as first_on
            from {{ ref('int_place_movements') }}
            where change <> 0
            group by programme_id
        ) as firsts
            on listed.programme_id = firsts.programme_id
        {%- if is_incremental() %}
        inner join touched_cells on listed.cell_number = touched_cells.cell_number
        union all
        select standing.cell_number, standing.programme_id, standing.valid_from_on
        from {{ this }} as standing
        inner join touched_cells on standing.cell_number = touched_cells.cell_number
        where standing.indicator in ('{{ whole_groups() | join("', '") }}')
        {%- endif %}
    ) as group_days
    group by cell_number, programme_id
),

-- A share's whole may be another one from a day on: what was counted of the first is taken back on that day, and the
-- whole of the second comes in.
steps as (
    select
        movements.cell_number, rules.indicator, movements.local_on,
        movements.change as numerator_change, 0 as denominator_change, 0 as rule_change
    from movements
    inner join (select distinct programme_id, indicator from rules) as rules
        on movements.programme_id = rules.programme_id and movements.indicator = rules.indicator
    union all
    select
        movements.cell_number, rules.indicator, greatest(movements.local_on, rules.applies_from_on),
        0, movements.change, 0
    from movements
    inner join rules on movements.programme_id = rules.programme_id and movements.indicator = rules.denominator
    where movements.local_on < rules.applies_to_on
    union all
    select movements.cell_number, rules.indicator, rules.applies_to_on, 0, -movements.change, 0
    from movements
    inner join rules on movements.programme_id = rules.programme_id and movements.indicator = rules.denominator
    where movements.local_on < rules.applies_to_on and rules.applies_to_on < {{ open_end() }}
    union all
    -- A cell has each indicator of its programme from its first day on, if nobody meets it.
    select firsts.cell_number, rules.indicator, greatest(firsts.first_on, rules.applies_from_on), 0, 0, 1
    from firsts
    inner join rules on firsts.programme_id = rules.programme_id
    where firsts.first_on < rules.applies_to_on
    union all
    select firsts.cell_number, rules.indicator, rules.applies_to_on, 0, 0, -1
    from firsts
    inner join rules on firsts.programme_id = rules.programme_id
    where firsts.first_on < rules.applies_to_on and rules.applies_to_on < {{ open_end() }}
),
{%- if is_incremental() %}

fresh_steps as (
    select steps.*
    from steps
    inner join {{ ref('int_cell_indicators_touched') }} as touched
        on steps.cell_number = touched.cell_number and steps.indicator = touched.indicator
    where steps.local_on >= touched.first_on
    union all
    select
        standing.cell_number, standing.indicator, standing.valid_from_on, standing.numerator_count, standing.denominator_count, 1
    from {{ this }} as standing
    inner join {{ ref('int_cell_indicators_touched') }} as touched
        on standing.cell_number = touched.cell_number and standing.indicator = touched.indicator
    where standing.valid_from_on < touched.first_on and standing.valid_to_on >= touched.first_on
),
{%- endif %}

days as (
    select
        cell_number, indicator, local_on,
        sum(numerator_change) as numerator_change, sum(denominator_change) as denominator_change, sum(rule_change) as rule_change
    from {{ "fresh_steps" if is_incremental() else "steps" }}
    group by cell_number, indicator, local_on
),

totals as (
    select
        cell_number, indicator, local_on as valid_from_on,
        coalesce(lead(local_on) over following, {{ open_end() }}) as valid_to_on,
        sum(numerator_change) over so_far as numerator_count,
        sum(denominator_change) over so_far as denominator_count,
        sum(rule_change) over so_far as rule_count
    from days
    window
        following as (partition by cell_number, indicator order by local_on),
        so_far as (partition by cell_number, indicator order by local_on rows unbounded preceding)
)

select
    firsts.programme_id,
    totals.cell_number,
    totals.indicator,
    totals.valid_from_on,
    totals.valid_to_on,
    cast(totals.numerator_count as integer) as numerator_count,
    cast(totals.denominator_count as integer) as denominator_count
from totals
inner join firsts on totals.cell_number = firsts.cell_number
where totals.rule_count > 0
