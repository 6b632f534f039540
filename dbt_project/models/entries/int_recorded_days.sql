{{ config(
    materialized='incremental',
    incremental_strategy=replacing(),
    unique_key='day_key',
    on_schema_change='fail'
) }}
-- What came in on each day of recording, as sums, of which the checks make their means: an update adds the new records.
{%- set sums = {
    'accepted_count': '1',
    'duration_count': 'case when events.duration_s is not null then 1 else 0 end',
    'total_duration_s': 'coalesce(events.duration_s, 0)',
    'grade_count': 'case when events.grade is not null then 1 else 0 end',
    'total_grade': 'coalesce(events.grade, 0)',
    'without_enrolment_count': 'case when events.enrolment_id is null then 1 else 0 end',
    'late_count': 'case when ' ~ seconds_between('events.occurred_at', 'events.recorded_at') ~ ' >= 604800 then 1 else 0 end',
    'future_count': 'case when ' ~ seconds_between('events.recorded_at', 'events.occurred_at') ~ ' > 86400 then 1 else 0 end'
} %}

with fresh as (
    select
        concat_ws(chr(31), events.programme_id, events.recorded_on) as day_key,
        events.programme_id,
        events.recorded_on,
        {%- for name, value in sums.items() %}
        cast(sum({{ value }}) as {{ 'decimal(38, 3)' if name.startswith('total_') else 'bigint' }}) as {{ name }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ ref('stg_lake__events') }} as events
    {%- if is_incremental() %}
    {{ only_fresh('events') }}
    {%- endif %}
    group by events.programme_id, events.recorded_on
)

select
    fresh.day_key,
    fresh.programme_id,
    fresh.recorded_on,
    {%- for name in sums %}
    fresh.{{ name }}{% if is_incremental() %} + coalesce(before.{{ name }}, 0) as {{ name }}{% endif %}{{ "," if not loop.last }}
    {%- endfor %}
from fresh
{%- if is_incremental() %}
left join {{ this }} as before on fresh.day_key = before.day_key
{%- endif %}
