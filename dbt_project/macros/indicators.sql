{#- The dimensions that a placement itself has; the others follow from its county. -#}
{% macro placement_dimensions() -%}
    {{ return(var('dimensions') | reject('in', ['province_id', 'city_id']) | list) }}
{%- endmacro %}

{#- The activity of an event type that simply adds up. -#}
{% macro plain_activity(event_type) -%}
    case {{ event_type }}
        {%- for name, activity in var('plain_activities').items() %}
        when '{{ name }}' then '{{ activity }}'
        {%- endfor %}
    end
{%- endmacro %}

{#- The whole groups, of which indicators are shares: they are counted like indicators. -#}
{% macro whole_groups() -%}
    {{ return(var('whole_groups') | list) }}
{%- endmacro %}

{#- Names the place of a row that has all dimensions of a placement: no id holds the characters 30 and 31. -#}
{% macro place_key(of) -%}
    concat_ws(chr(31), {{ of }}.programme_id{% for d in placement_dimensions() %}, coalesce({{ of }}.{{ d }}, chr(30)){% endfor %})
{%- endmacro %}

{#- The dimensions whose values a pack lists, so that a table has a row of each, by the list. -#}
{% macro listed_dimensions() -%}
    {{ return({'counties': 'county_id', 'subjects': 'subject_id'}) }}
{%- endmacro %}

{#- To select from: the cells of the counties and subjects that packs list. -#}
{% macro listed_cells() -%}
(
    {%- for table, column in listed_dimensions().items() %}
    select distinct cells.programme_id, cells.cell_number
    from {{ ref('int_cells') }} as cells
    inner join {{ source('reference', table) }} as listed
        on cells.programme_id = listed.programme_id and cells.breakdown = '{{ column.removesuffix('_id') }}'
            and cells.cell_id = {{ id_part('listed.' ~ column) }}
    {{ "union all" if not loop.last }}
    {%- endfor %}
)
{%- endmacro %}

{#- What a breakdown makes of a dimension: its value where the breakdown has it. -#}
{% macro broken_down(dimension) -%}
    case when {{ in_list("'" ~ dimension ~ "'", 'breakdowns.dimensions') }} then places.{{ dimension }} end
{%- endmacro %}

{#- An id as a part of a cell's id: escaped as JSON Pointer (RFC 6901) escapes, a lone ~ where there is none. -#}
{% macro id_part(value) -%}
    coalesce(replace(replace({{ value }}, '~', '~0'), '/', '~1'), '~')
{%- endmacro %}

{#- To select from: on each date, the spells that hold on it, with their cells. -#}
{% macro cell_spells_by_date() -%}
{{ ref('dim_dates') }} as dates
inner join {{ ref('dim_cells') }} as cells on dates.programme_id = cells.programme_id
inner join {{ ref('fct_cell_spells') }} as spells
    on cells.cell_number = spells.cell_number and {{ holds_on('spells', 'dates.as_of_on') }}
{%- endmacro %}

{#- The rate of such a spell. -#}
{% macro spell_ratio() -%}
    cast({{ exact_ratio('cast(spells.numerator_count as bigint)', 'cast(spells.denominator_count as bigint)', 8) }} as decimal(18, 8))
{%- endmacro %}
