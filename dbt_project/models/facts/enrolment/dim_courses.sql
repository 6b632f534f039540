{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail'
) }}
-- A full build lists the pack's courses and those that it meets, an update adds what it meets first.

with named as (
    select programme_id, course_id, label_zh, label_en, category_id, cast(hours as decimal(9, 2)) as hours
    from {{ source('reference', 'courses') }}
),

seen as (
    select distinct events.programme_id, events.course_id
    from {{ ref('stg_lake__events') }} as events
    {%- if is_incremental() %}
    {{ only_fresh('events') }}
    {%- endif %}
    where events.course_id is not null
),

courses as (
    select
        coalesce(seen.programme_id, named.programme_id) as programme_id,
        coalesce(seen.course_id, named.course_id) as course_id,
        coalesce(named.label_zh, seen.course_id) as label_zh,
        coalesce(named.label_en, seen.course_id) as label_en,
        named.category_id,
        named.hours,
        named.course_id is not null as is_in_pack
    from seen
    full join named on seen.programme_id = named.programme_id and seen.course_id = named.course_id
)

select courses.*
from courses
{%- if is_incremental() %}
left join {{ this }} as listed on courses.programme_id = listed.programme_id and courses.course_id = listed.course_id
where listed.course_id is null
{%- endif %}
