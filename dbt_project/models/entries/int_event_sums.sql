{{ config(
    materialized='incremental',
    incremental_strategy=replacing(),
    unique_key='sums_key',
    on_schema_change='fail'
) }}
-- How many records each enrolment has from each source and learner: few rows, of which the accounts are made. Records are never
-- taken away, so an update adds the new ones.

with fresh as (
    select
        concat_ws(
            chr(31), events.programme_id, events.source, coalesce(events.enrolment_id, ''), coalesce(events.learner_key, '')
        ) as sums_key,
        events.programme_id,
        events.enrolment_id,
        events.learner_key,
        events.source,
        count(*) as accepted_count,
        max(events.recorded_at) as last_recorded_at
    from {{ ref('stg_lake__events') }} as events
    {%- if is_incremental() %}
    {{ only_fresh('events') }}
    {%- endif %}
    group by events.programme_id, events.enrolment_id, events.learner_key, events.source
)

select
    fresh.sums_key,
    fresh.programme_id,
    fresh.enrolment_id,
    fresh.learner_key,
    fresh.source,
    {%- if is_incremental() %}
    fresh.accepted_count + coalesce(before.accepted_count, 0) as accepted_count,
    greatest(fresh.last_recorded_at, coalesce(before.last_recorded_at, fresh.last_recorded_at)) as last_recorded_at
    {%- else %}
    fresh.accepted_count,
    fresh.last_recorded_at
    {%- endif %}
from fresh
{%- if is_incremental() %}
left join {{ this }} as before on fresh.sums_key = before.sums_key
{%- endif %}
