with named as (
    select programme_id, subject_id, label_zh, label_en from {{ source('reference', 'subjects') }}
),

seen as (
    select distinct programme_id, subject_id from {{ ref('int_enrolment_placements') }} where subject_id is not null
)

select
    coalesce(seen.programme_id, named.programme_id) as programme_id,
    coalesce(seen.subject_id, named.subject_id) as subject_id,
    coalesce(named.label_zh, seen.subject_id) as label_zh,
    coalesce(named.label_en, seen.subject_id) as label_en,
    named.subject_id is not null as is_in_pack
from seen
full join named on seen.programme_id = named.programme_id and seen.subject_id = named.subject_id
