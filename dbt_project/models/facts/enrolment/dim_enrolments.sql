-- depends_on: {{ ref('int_enrolments_touched') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_touched() }}"
) }}

select
    placements.programme_id,
    placements.enrolment_id,
    placements.learner_key,
    placements.valid_from_on,
    placements.valid_to_on,
    placements.class_id,
    placements.school_id,
    placements.county_id,
    placements.subject_id,
    placements.school_stage,
    placements.tier,
    placements.gender,
    placements.is_called_up,
    placements.is_participating
from {{ ref('int_enrolment_placements') }} as placements
{{ only_touched('placements') }}
