{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}
{%- set dimensions = placement_dimensions() %}
-- Every combination of dimensions that an enrolment was ever placed in, and each county and subject of the pack, if nobody is there. The places are numbered, because grouping by
-- nine texts costs far more than by one number; an update numbers those that it meets first.

with placements as (
    select distinct placements.programme_id, {% for d in dimensions %}placements.{{ d }}{{ ", " if not loop.last }}{% endfor %}
    from {{ ref('int_enrolment_placements') }} as placements
    {{ only_touched('placements') }}
    {%- for table, column in listed_dimensions().items() %}
    union
    select programme_id, {% for d in dimensions %}{{ column if d == column else 'cast(null as string)' }}{{ ", " if not loop.last }}{% endfor %}
    from {{ source('reference', table) }}
    {%- endfor %}
),

keyed as (
    select {{ place_key('placements') }} as place_key, placements.*
    from placements
),

unnumbered as (
    select keyed.*
    from keyed
    {%- if is_incremental() %}
    left join {{ this }} as numbered on keyed.place_key = numbered.place_key
    where numbered.place_key is null
    {%- endif %}
)

select
    cast(
        row_number() over (order by unnumbered.place_key)
        {%- if is_incremental() %} + (select coalesce(max(place_number), 0) from {{ this }}){% endif %} as integer
    ) as place_number,
    unnumbered.place_key,
    unnumbered.programme_id,
    nullif(counties.province_id, '') as province_id,
    nullif(counties.city_id, '') as city_id,
    {%- for d in dimensions %}
    unnumbered.{{ d }}{{ "," if not loop.last }}
    {%- endfor %}
from unnumbered
left join {{ source('reference', 'counties') }} as counties
    on unnumbered.programme_id = counties.programme_id and unnumbered.county_id = counties.county_id
