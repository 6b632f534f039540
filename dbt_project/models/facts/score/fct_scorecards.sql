-- depends_on: {{ ref('int_enrolments_touched') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_touched() }}"
) }}

-- The stages together: all that a pass needs must be passed at once. Periods as the stages have them.

with stages as (
    select stages.*
    from {{ ref('fct_stage_scores') }} as stages
    {{ only_touched('stages') }}
),

needed as (
    select
        rules.programme_id, rules.version, rules.applies_to_on,
        count(distinct case when nullif(rules.stage_pass_points, '') is not null then rules.stage end) as stage_count,
        row_number() over (order by rules.programme_id, rules.version) as rules_number
    from {{ defined('assessment_rules') }} as rules
    group by rules.programme_id, rules.version, rules.applies_to_on
),

enrolments as (
    {{ numbered_enrolments() }}
),

numbered as (
    select
        enrolments.enrolment_number, needed.rules_number, needed.applies_to_on, stages.valid_from_on, stages.valid_to_on,
        cast(stages.points * 1000000 as bigint) as micropoints,
        cast(stages.missing_points * 1000000 as bigint) as missing_micropoints,
        case when stages.has_passed then 1 else 0 end as passed
    from stages
    inner join enrolments
        on stages.programme_id = enrolments.programme_id and stages.enrolment_id = enrolments.enrolment_id
    inner join needed on stages.programme_id = needed.programme_id and stages.definition_version = needed.version
),

movements as (
    select enrolment_number, rules_number, valid_from_on as day_on, micropoints, missing_micropoints, passed
    from numbered
    union all
    select enrolment_number, rules_number, valid_to_on, -micropoints, -missing_micropoints, -passed
    from numbered
    where valid_to_on < applies_to_on
),

days as (
    select
        enrolment_number, rules_number, day_on,
        sum(micropoints) as micropoints, sum(missing_micropoints) as missing_micropoints, sum(passed) as passed
    from movements
    group by enrolment_number, rules_number, day_on
),

totals as (
    select
        enrolment_number, rules_number, day_on,
        lead(day_on) over card as next_on,
        cast(sum(micropoints) over card_so_far as bigint) as micropoints,
        cast(sum(missing_micropoints) over card_so_far as bigint) as missing_micropoints,
        cast(sum(passed) over card_so_far as bigint) as passed
    from days
    window
        card as (partition by enrolment_number, rules_number order by day_on),
        card_so_far as (partition by enrolment_number, rules_number order by day_on rows unbounded preceding)
)

select
    enrolments.programme_id,
    enrolments.enrolment_id,
    needed.version as definition_version,
    totals.day_on as valid_from_on,
    coalesce(totals.next_on, needed.applies_to_on) as valid_to_on,
    {{ points('totals.micropoints') }} as points,
    {{ points('totals.missing_micropoints') }} as missing_points,
    totals.passed as passed_stage_count,
    needed.stage_count,
    needed.stage_count > 0 and totals.passed >= needed.stage_count as has_passed
from totals
inner join needed on totals.rules_number = needed.rules_number
inner join enrolments on totals.enrolment_number = enrolments.enrolment_number
