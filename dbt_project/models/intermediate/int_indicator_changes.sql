-- depends_on: {{ ref('int_enrolments_touched') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_touched() }}"
) }}

-- The days on which an enrolment meets, or no longer meets, an indicator or passes a stage. What
-- an enrolment had before a day is its total less the day's own amount: nothing before its first
-- day, and nothing meets no threshold (a pack with a threshold that nothing meets is refused).
-- Enrolments are numbered, because sorting and grouping two long texts costs far more.

with enrolments as (
    select
        opened.programme_id, opened.enrolment_id,
        row_number() over (order by opened.programme_id, opened.enrolment_id) as enrolment_number
    from {{ ref('int_enrolments_opened') }} as opened
    {{ only_touched('opened') }}
),

indicators as (
    select
        programme_id, indicator, measure, operator, cast(threshold as decimal(18, 3)) as threshold,
        {{ unpack_list('activity', 'activity') }}
    from {{ source('reference', 'indicators') }}
    where coalesce(activity, '') <> ''
),

rules as (
    select
        programme_id,
        stage,
        component,
        scoring,
        cast(round(cast(stage_pass_points as decimal(9, 3)) * 1000000) as bigint) as stage_pass_micropoints,
        cast(max_points as bigint) as max_points,
        cast(round(cast(unit_size as decimal(18, 3)) * cast(target as decimal(18, 3)) * 1000) as bigint) as target_thousandths,
        {{ unpack_list('activity', 'activity') }}
    from {{ source('reference', 'assessment_rules') }}
),

indicator_sums as (
    select
        enrolments.enrolment_number,
        indicators.indicator,
        days.local_on,
        min(indicators.operator) as operator,
        min(indicators.threshold) as threshold,
        sum(case indicators.measure
            when 'event_count' then cast(days.event_count as decimal(18, 3))
            else days.quantity
        end) as amount
    from {{ ref('fct_enrolment_days') }} as days
    inner join indicators
        on days.programme_id = indicators.programme_id and days.activity = indicators.activity
    inner join enrolments
        on days.programme_id = enrolments.programme_id and days.enrolment_id = enrolments.enrolment_id
    group by enrolments.enrolment_number, indicators.indicator, days.local_on
),

indicator_totals as (
    select
        enrolment_number,
        indicator as criterion,
        local_on,
        operator,
        threshold,
        amount,
        sum(amount) over (
            partition by enrolment_number, indicator order by local_on rows unbounded preceding
        ) as total
    from indicator_sums
),

indicator_states as (
    select
        enrolment_number,
        criterion,
        local_on,
        case operator when '>' then total > threshold else total >= threshold end as is_met,
        case operator when '>' then total - amount > threshold else total - amount >= threshold end as was_met
    from indicator_totals
),

component_sums as (
    select
        enrolments.enrolment_number,
        rules.component,
        days.local_on,
        min(rules.stage) as stage,
        min(rules.scoring) as scoring,
        min(rules.stage_pass_micropoints) as stage_pass_micropoints,
        min(rules.max_points) as max_points,
        min(rules.target_thousandths) as target_thousandths,
        sum(days.quantity) as amount
    from {{ ref('fct_enrolment_days') }} as days
    inner join rules
        on days.programme_id = rules.programme_id and days.activity = rules.activity
    inner join enrolments
        on days.programme_id = enrolments.programme_id and days.enrolment_id = enrolments.enrolment_id
    group by enrolments.enrolment_number, rules.component, days.local_on
),

component_totals as (
    select
        *,
        sum(amount) over (
            partition by enrolment_number, component order by local_on rows unbounded preceding
        ) as total
    from component_sums
),

component_achievements as (
    select
        *,
        greatest(0, cast(total * 1000 as bigint)) as achieved,
        greatest(0, cast((total - amount) * 1000 as bigint)) as achieved_before
    from component_totals
),

point_changes as (
    select
        enrolment_number,
        stage,
        stage_pass_micropoints,
        local_on,
        {{ component_micropoints('achieved') }} - {{ component_micropoints('achieved_before') }} as change_micropoints
    from component_achievements
),

stage_days as (
    select
        enrolment_number, stage, local_on,
        min(stage_pass_micropoints) as stage_pass_micropoints,
        sum(change_micropoints) as change_micropoints
    from point_changes
    where change_micropoints <> 0
    group by enrolment_number, stage, local_on
),

stage_totals as (
    select
        *,
        sum(change_micropoints) over (
            partition by enrolment_number, stage order by local_on rows unbounded preceding
        ) as micropoints
    from stage_days
),

states as (
    select enrolment_number, criterion, local_on, is_met, was_met from indicator_states
    union all
    select
        enrolment_number,
        'stage:' || stage,
        local_on,
        micropoints >= stage_pass_micropoints,
        micropoints - change_micropoints >= stage_pass_micropoints
    from stage_totals
)

select enrolments.programme_id, enrolments.enrolment_id, states.criterion, states.local_on, states.is_met
from states
inner join enrolments on states.enrolment_number = enrolments.enrolment_number
where states.is_met <> states.was_met
