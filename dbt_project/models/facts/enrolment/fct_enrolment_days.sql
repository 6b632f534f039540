-- depends_on: {{ ref('int_enrolments_touched') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_touched() }}"
) }}

select
    programme_id,
    enrolment_id,
    entry_on as local_on,
    activity,
    cast(sum(event_count) as bigint) as event_count,
    cast({{ within_reason('sum(quantity)') }} as decimal(18, 6)) as quantity
from {{ ref('int_activity_entries') }}
group by programme_id, enrolment_id, entry_on, activity
having sum(event_count) <> 0 or sum(quantity) <> 0
