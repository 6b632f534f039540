-- Those of the pack, and those that only events name: nobody is dropped for want of a label.
with named as (
    select programme_id, county_id, label_zh, label_en, nullif(city_id, '') as city_id, nullif(province_id, '') as province_id
    from {{ source('reference', 'counties') }}
),

seen as (
    select distinct programme_id, county_id from {{ ref('int_enrolment_placements') }} where county_id is not null
)

select
    coalesce(seen.programme_id, named.programme_id) as programme_id,
    coalesce(seen.county_id, named.county_id) as county_id,
    coalesce(named.label_zh, seen.county_id) as label_zh,
    coalesce(named.label_en, seen.county_id) as label_en,
    named.city_id,
    named.province_id,
    named.county_id is not null as is_in_pack
from seen
full join named on seen.programme_id = named.programme_id and seen.county_id = named.county_id
