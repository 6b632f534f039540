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
    platform,
    course_id,
    activity,
    entry_on as local_on,
    total,
    quantity as change,
    quantity < 0 as is_correction,
    told_as_of_on as as_of_on,
    event_id,
    file_digest,
    file_sheet,
    file_row
from {{ ref('int_totals_entries') }}
