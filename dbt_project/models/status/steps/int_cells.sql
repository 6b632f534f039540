{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}
{%- set dimensions = var('dimensions') %}
-- The cells of every breakdown that hold a place, and which places they hold: one row a place and breakdown. A cell
-- keeps its number from build to build.

with places as (
    select places.*
    from {{ ref('int_places') }} as places
    {%- if is_incremental() %}
    left join (select distinct place_number from {{ this }}) as known on places.place_number = known.place_number
    where known.place_number is null
    {%- endif %}
),

-- Looked up once a breakdown, and not for each of its places.
breakdowns as (
    select
        programme_id,
        breakdown,
        {%- for d in dimensions %}
        {{ in_list("'" ~ d ~ "'", 'dimensions') }} as has_{{ d }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ source('reference', 'breakdowns') }}
),

members as (
    select
        places.place_number,
        places.programme_id,
        breakdowns.breakdown,
        -- Of a dimension that the breakdown has not, nothing stands in the id.
        concat_ws(
            '/'
            {%- for d in dimensions %},
            case when breakdowns.has_{{ d }} then {{ id_part('places.' ~ d) }} end
            {%- endfor %}
        ) as cell_id
    from places
    inner join breakdowns on places.programme_id = breakdowns.programme_id
),

cells as (
    select distinct programme_id, breakdown, cell_id from members
),

numbered as (
    {%- if is_incremental() %}
    select distinct cell_number, programme_id, breakdown, cell_id from {{ this }}
    union all
    select
        cast(
            (select coalesce(max(cell_number), 0) from {{ this }})
            + row_number() over (order by cells.programme_id, cells.breakdown, cells.cell_id) as integer
        ) as cell_number,
        cells.programme_id, cells.breakdown, cells.cell_id
    from cells
    left join (select distinct programme_id, breakdown, cell_id from {{ this }}) as known
        on cells.programme_id = known.programme_id and cells.breakdown = known.breakdown and cells.cell_id = known.cell_id
    where known.cell_id is null
    {%- else %}
    select
        cast(row_number() over (order by programme_id, breakdown, cell_id) as integer) as cell_number,
        programme_id, breakdown, cell_id
    from cells
    {%- endif %}
)

select
    numbered.cell_number,
    members.place_number,
    members.programme_id,
    members.breakdown,
    members.cell_id
from members
inner join numbered
    on members.programme_id = numbered.programme_id and members.breakdown = numbered.breakdown and members.cell_id = numbered.cell_id
