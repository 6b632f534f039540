-- depends_on: {{ ref('int_enrolments_touched') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_touched() }}"
) }}

-- Every component stands at nothing from the enrolment's opening on; activity that is older counts
-- from there. A definition's rules hold for the days it applies to. Enrolments and rules are
-- numbered, because sorting and grouping long texts costs far more.

with enrolments as (
    {{ numbered_enrolments() }}
),

rules as (
    select
        rules.programme_id, rules.version, rules.stage, rules.component, rules.scoring, rules.activity, rules.measure,
        rules.applies_from_on, rules.applies_to_on,
        {{ in_millionths('rules.max_points') }} as max_micropoints,
        {{ in_millionths('rules.unit_size') }} as unit_millionths,
        {{ in_millionths('cast(rules.unit_size as decimal(19, 6)) * cast(rules.target as decimal(18, 6))') }} as target_millionths,
        row_number() over (order by rules.programme_id, rules.version, rules.stage, rules.component) as rule_number
    from {{ defined('assessment_rules') }} as rules
),

rule_activities as (
    select programme_id, rule_number, measure, {{ unpack_list('activity', 'activity') }}
    from rules
),

amounts as (
    select
        enrolments.enrolment_number,
        rule_activities.rule_number,
        greatest(days.local_on, enrolments.first_opened_on) as local_on,
        case rule_activities.measure
            when 'event_count' then cast(days.event_count as decimal(18, 6))
            else days.quantity
        end as amount
    from {{ ref('fct_enrolment_days') }} as days
    inner join rule_activities
        on days.programme_id = rule_activities.programme_id and days.activity = rule_activities.activity
    inner join enrolments
        on days.programme_id = enrolments.programme_id and days.enrolment_id = enrolments.enrolment_id
    where rule_activities.measure = 'event_count' or days.quantity <> 0
    union all
    select enrolments.enrolment_number, rules.rule_number, enrolments.first_opened_on, cast(0 as decimal(18, 6))
    from enrolments
    inner join rules on enrolments.programme_id = rules.programme_id
),

sums as (
    select enrolment_number, rule_number, local_on, {{ in_millionths('sum(amount)') }} as amount
    from amounts
    group by enrolment_number, rule_number, local_on
),

totals as (
    select
        enrolment_number, rule_number, local_on,
        coalesce(
            lead(local_on) over (partition by enrolment_number, rule_number order by local_on), {{ open_end() }}
        ) as next_on,
        cast(least(sum(amount) over (
            partition by enrolment_number, rule_number order by local_on rows unbounded preceding
        ), 1000000000000000000) as bigint) as total
    from sums
),

periods as (
    select
        totals.enrolment_number,
        rules.*,
        greatest(totals.local_on, rules.applies_from_on) as valid_from_on,
        least(totals.next_on, rules.applies_to_on) as valid_to_on,
        greatest(0, totals.total) as achieved
    from totals
    inner join rules on totals.rule_number = rules.rule_number
    where totals.local_on < rules.applies_to_on
        and totals.next_on > rules.applies_from_on
),

scored as (
    select *, {{ component_micropoints('achieved') }} as micropoints
    from periods
)

select
    enrolments.programme_id,
    enrolments.enrolment_id,
    scored.version as definition_version,
    scored.stage,
    scored.component,
    scored.valid_from_on,
    scored.valid_to_on,
    {{ points('scored.achieved') }} as achieved,
    {{ points('scored.target_millionths') }} as target,
    {{ points('scored.micropoints') }} as points,
    {{ points('scored.max_micropoints') }} as max_points,
    {{ points('scored.max_micropoints - scored.micropoints') }} as missing_points,
    case
        when {{ scored('as_given', 'scored.') }}
            then {{ quotient_up('greatest(0, scored.max_micropoints - scored.achieved)', 'scored.unit_millionths') }}
        else {{ quotient_up('greatest(0, scored.target_millionths - scored.achieved)', 'scored.unit_millionths') }}
    end as todo_count,
    {{ scored('as_given', 'scored.') }} and scored.achieved > scored.max_micropoints as is_clipped
from scored
inner join enrolments on scored.enrolment_number = enrolments.enrolment_number
