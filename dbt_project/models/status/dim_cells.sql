{%- set dimensions = var('dimensions') %}
-- Of the cells that there are numbers for, those in which somebody counts, or did. All places of a cell have its dimensions in
-- common, so that any of them tells.

with counted as (
    select distinct cell_number from {{ ref('fct_cell_spells') }}
),

cells as (
    select cell_number, programme_id, breakdown, cell_id, min(place_number) as place_number
    from {{ ref('int_cells') }}
    group by cell_number, programme_id, breakdown, cell_id
)

select
    cells.programme_id,
    cells.cell_number,
    cells.breakdown,
    cells.cell_id,
    {%- for d in dimensions %}
    {{ broken_down(d) }} as {{ d }}{{ "," if not loop.last }}
    {%- endfor %}
from cells
inner join counted on cells.cell_number = counted.cell_number
inner join {{ ref('int_places') }} as places on cells.place_number = places.place_number
inner join {{ source('reference', 'breakdowns') }} as breakdowns
    on cells.programme_id = breakdowns.programme_id and cells.breakdown = breakdowns.breakdown
