{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

-- Which event each statement is counted as: a trace finds the statement behind a figure by it.

select
    events.programme_id,
    {{ event_text('events.event_id') }} as event_id,
    events.event_type,
    case when events.event_type = 'event.voided' then {{ json_text('events.details', 'voided_event_id') }} end as voided_event_id,
    events.log_partition,
    events.log_offset
from {{ ref('stg_lake__events') }} as events
{%- if is_incremental() %}
{{ only_fresh('events') }}
{%- endif %}
where events.is_statement
