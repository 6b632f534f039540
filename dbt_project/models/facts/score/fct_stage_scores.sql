-- depends_on: {{ ref('int_enrolments_touched') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_touched() }}"
) }}

-- A component's points count from the day its period begins to the day it ends; their running total
-- is the stage's. Days on which nothing changes are left out.

with components as (
    select components.*, cast(components.points * 1000000 as bigint) as micropoints
    from {{ ref('fct_score_components') }} as components
    {{ only_touched('components') }}
),

stages as (
    select
        rules.programme_id, rules.version, rules.stage, rules.applies_to_on,
        max({{ in_millionths('rules.stage_max_points') }}) as max_micropoints,
        max({{ in_millionths("nullif(rules.stage_pass_points, '')") }}) as pass_micropoints,
        row_number() over (order by rules.programme_id, rules.version, rules.stage) as stage_number
    from {{ defined('assessment_rules') }} as rules
    group by rules.programme_id, rules.version, rules.stage, rules.applies_to_on
),

enrolments as (
    {{ numbered_enrolments() }}
),

numbered as (
    select
        enrolments.enrolment_number, stages.stage_number, stages.applies_to_on,
        components.valid_from_on, components.valid_to_on, components.micropoints
    from components
    inner join enrolments
        on components.programme_id = enrolments.programme_id and components.enrolment_id = enrolments.enrolment_id
    inner join stages
        on components.programme_id = stages.programme_id and components.definition_version = stages.version
            and components.stage = stages.stage
),

movements as (
    select enrolment_number, stage_number, valid_from_on as day_on, micropoints as change_micropoints, 1 as is_start
    from numbered
    union all
    select enrolment_number, stage_number, valid_to_on, -micropoints, 0
    from numbered
    where valid_to_on < applies_to_on
),

days as (
    select enrolment_number, stage_number, day_on, sum(change_micropoints) as change_micropoints
    from movements
    group by enrolment_number, stage_number, day_on
),

firsts as (
    select *, row_number() over (partition by enrolment_number, stage_number order by day_on) as day_number
    from days
),

totals as (
    select
        enrolment_number, stage_number, day_on,
        lead(day_on) over (partition by enrolment_number, stage_number order by day_on) as next_on,
        cast(sum(change_micropoints) over (
            partition by enrolment_number, stage_number order by day_on rows unbounded preceding
        ) as bigint) as micropoints
    from firsts
    where change_micropoints <> 0 or day_number = 1
)

select
    enrolments.programme_id,
    enrolments.enrolment_id,
    stages.version as definition_version,
    stages.stage,
    totals.day_on as valid_from_on,
    coalesce(totals.next_on, stages.applies_to_on) as valid_to_on,
    {{ points('totals.micropoints') }} as points,
    {{ points('stages.max_micropoints') }} as max_points,
    {{ points('stages.pass_micropoints') }} as pass_points,
    {{ points('greatest(0, coalesce(stages.pass_micropoints, 0) - totals.micropoints)') }} as missing_points,
    totals.micropoints >= stages.pass_micropoints as has_passed
from totals
inner join stages on totals.stage_number = stages.stage_number
inner join enrolments on totals.enrolment_number = enrolments.enrolment_number
