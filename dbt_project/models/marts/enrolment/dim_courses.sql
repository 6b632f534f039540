with named as (
    select programme_id, course_id, label_zh, label_en, category_id, cast(hours as decimal(9, 2)) as hours
    from {{ source('reference', 'courses') }}
),

seen as (
    select distinct programme_id, course_id from {{ ref('int_events_counted') }} where course_id is not null
)

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
