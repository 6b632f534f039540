-- depends_on: {{ ref('int_enrolments_touched') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_touched() }}"
) }}

-- The days on which an enrolment meets, or no longer meets, an indicator or passes a stage.

with days as (
    select days.*
    from {{ ref('fct_enrolment_days') }} as days
    {{ only_touched('days') }}
),

indicators as (
    select programme_id, indicator, activity, measure, operator, cast(threshold as decimal(18, 3)) as threshold
    from {{ source('reference', 'indicators') }}
    where coalesce(activity, '') <> ''
),

indicator_sums as (
    select
        days.programme_id,
        days.enrolment_id,
        indicators.indicator,
        indicators.operator,
        indicators.threshold,
        days.local_on,
        sum(case indicators.measure
            when 'event_count' then cast(days.event_count as decimal(18, 3))
            else days.quantity
        end) as amount
    from days
    inner join indicators
        on days.programme_id = indicators.programme_id and {{ in_list('days.activity', 'indicators.activity') }}
    group by days.programme_id, days.enrolment_id, indicators.indicator, indicators.operator,
        indicators.threshold, days.local_on
),

indicator_totals as (
    select
        *,
        sum(amount) over (
            partition by programme_id, enrolment_id, indicator order by local_on rows unbounded preceding
        ) as total
    from indicator_sums
),

indicator_states as (
    select
        programme_id,
        enrolment_id,
        indicator as criterion,
        local_on,
        case operator when '>' then total > threshold else total >= threshold end as is_met
    from indicator_totals
),

rules as (
    select
        programme_id,
        stage,
        component,
        activity,
        scoring,
        cast(stage_pass_points as decimal(9, 3)) as stage_pass_points,
        cast(max_points as bigint) as max_points,
        cast(round(cast(unit_size as decimal(18, 3)) * cast(target as decimal(18, 3)) * 1000) as bigint) as target_thousandths
    from {{ source('reference', 'assessment_rules') }}
),

component_sums as (
    select
        days.programme_id,
        days.enrolment_id,
        rules.stage,
        rules.component,
        rules.scoring,
        rules.stage_pass_points,
        rules.max_points,
        rules.target_thousandths,
        days.local_on,
        sum(days.quantity) as amount
    from days
    inner join rules
        on days.programme_id = rules.programme_id and {{ in_list('days.activity', 'rules.activity') }}
    group by days.programme_id, days.enrolment_id, rules.stage, rules.component, rules.scoring,
        rules.stage_pass_points, rules.max_points, rules.target_thousandths, days.local_on
),

component_totals as (
    select
        *,
        greatest(0, cast(sum(amount) over (
            partition by programme_id, enrolment_id, component order by local_on rows unbounded preceding
        ) * 1000 as bigint)) as achieved_thousandths
    from component_sums
),

component_points as (
    select
        programme_id,
        enrolment_id,
        stage,
        component,
        stage_pass_points,
        local_on,
        case
            when scoring in ('awarded', 'awarded_if_approved')
                then cast(least(achieved_thousandths, max_points * 1000) as decimal(18, 6)) / 1000
            when scoring in ('all_or_nothing', 'external_result')
                then case when achieved_thousandths >= target_thousandths then max_points else 0 end
            else {{ exact_ratio('max_points * least(achieved_thousandths, target_thousandths)', 'target_thousandths', 6) }}
        end as points
    from component_totals
),

point_changes as (
    select
        programme_id, enrolment_id, stage, stage_pass_points, local_on,
        cast(points as decimal(18, 6)) - coalesce(lag(cast(points as decimal(18, 6))) over (
            partition by programme_id, enrolment_id, component order by local_on
        ), 0) as change_points
    from component_points
),

stage_days as (
    select programme_id, enrolment_id, stage, stage_pass_points, local_on, sum(change_points) as change_points
    from point_changes
    where change_points <> 0
    group by programme_id, enrolment_id, stage, stage_pass_points, local_on
),

stage_states as (
    select
        programme_id,
        enrolment_id,
        'stage:' || stage as criterion,
        local_on,
        sum(change_points) over (
            partition by programme_id, enrolment_id, stage order by local_on rows unbounded preceding
        ) >= stage_pass_points as is_met
    from stage_days
),

states as (
    select * from indicator_states
    union all
    select * from stage_states
),

compared as (
    select
        *,
        coalesce(lag(is_met) over (
            partition by programme_id, enrolment_id, criterion order by local_on
        ), false) as was_met
    from states
)

select programme_id, enrolment_id, criterion, local_on, is_met
from compared
where is_met <> was_met
