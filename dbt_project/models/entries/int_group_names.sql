{{ config(materialized='view') }}
{%- set tables = {'school': 'schools', 'class': 'classes', 'workshop': 'workshops'} %}
-- What each school, class and workshop was named, by the pack and by events; of one date an event's name comes after the pack's.
-- A voided name stands until its void was recorded, and from the day on which that was taken back.

with named as (
    select
        events.*, {{ stands_from('events.occurred_on') }} as valid_from_on, {{ stands_to('events.occurred_on') }} as valid_to_on,
        {{ json_struct('events.details', {
            'kind': 'VARCHAR', 'group_id': 'VARCHAR', 'label_zh': 'VARCHAR', 'label_en': 'VARCHAR', 'county_id': 'VARCHAR'
        }) }} as body
    from {{ ref('int_rare_counted') }} as events
    left join {{ standing_of('events') }}
    where events.event_type = 'group.named'
)

select distinct
    named.programme_id,
    named.body.kind,
    named.body.group_id,
    named.body.label_zh,
    named.body.label_en,
    named.body.county_id,
    named.occurred_on as named_on,
    named.valid_from_on,
    named.valid_to_on,
    1 as precedence,
    named.occurred_at,
    named.recorded_at,
    named.log_partition,
    named.log_offset
from named
{%- for kind, table in tables.items() %}
union all
select
    programme_id, '{{ kind }}', {{ kind }}_id, label_zh, nullif(label_en, ''), nullif(county_id, ''),
    coalesce(cast(nullif(valid_from_on, '') as date), {{ beginning() }}),
    coalesce(cast(nullif(valid_from_on, '') as date), {{ beginning() }}), {{ open_end() }}, 0, null, null, null, null
from {{ source('reference', table) }}
{%- endfor %}
