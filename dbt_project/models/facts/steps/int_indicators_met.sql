-- depends_on: {{ ref('int_enrolments_touched') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_touched() }}"
) }}

-- From when to when an enrolment's activity, or its score, meets an indicator; whether it counts
-- is fct_indicator_spells' to say. What it had before a day is its total less the day's own amount:
-- nothing before its first day, and nothing meets no threshold (a pack with a threshold that
-- nothing meets is refused).

with enrolments as (
    {{ numbered_enrolments() }}
),

rules as (
    select
        indicators.programme_id, indicators.version, indicators.indicator, indicators.activity, indicators.measure,
        indicators.operator, {{ in_millionths('indicators.threshold') }} as threshold,
        indicators.applies_from_on, indicators.applies_to_on,
        row_number() over (order by indicators.programme_id, indicators.version, indicators.indicator) as rule_number
    from {{ defined('indicators') }} as indicators
    where indicators.measure in ('event_count', 'quantity')
),

rule_activities as (
    select programme_id, rule_number, measure, {{ unpack_list('activity', 'activity') }}
    from rules
),

sums as (
    select
        enrolments.enrolment_number,
        rule_activities.rule_number,
        days.local_on,
        cast(sum(case rule_activities.measure
            when 'event_count' then days.event_count * 1000000
            else {{ in_millionths('days.quantity') }}
        end) as bigint) as amount
    from {{ ref('fct_enrolment_days') }} as days
    inner join rule_activities
        on days.programme_id = rule_activities.programme_id and days.activity = rule_activities.activity
    inner join enrolments
        on days.programme_id = enrolments.programme_id and days.enrolment_id = enrolments.enrolment_id
    group by enrolments.enrolment_number, rule_activities.rule_number, days.local_on
),

totals as (
    select
        *,
        sum(amount) over (partition by enrolment_number, rule_number order by local_on rows unbounded preceding) as total
    from sums
),

states as (
    select
        totals.enrolment_number, totals.rule_number, totals.local_on,
        case rules.operator when '>' then totals.total > rules.threshold else totals.total >= rules.threshold end as is_met,
        case rules.operator
            when '>' then totals.total - totals.amount > rules.threshold
            else totals.total - totals.amount >= rules.threshold
        end as was_met
    from totals
    inner join rules on totals.rule_number = rules.rule_number
),

changes as (
    select
        enrolment_number, rule_number, local_on, is_met,
        coalesce(
            lead(local_on) over (partition by enrolment_number, rule_number order by local_on), {{ open_end() }}
        ) as next_on
    from states
    where is_met <> was_met
),

cards as (
    select
        cards.programme_id, cards.enrolment_id, cards.definition_version, cards.valid_from_on, cards.valid_to_on, cards.has_passed,
        coalesce(lag(cards.has_passed) over (
            partition by cards.programme_id, cards.enrolment_id, cards.definition_version order by cards.valid_from_on
        ), false) as had_passed,
        max(cards.valid_to_on) over (
            partition by cards.programme_id, cards.enrolment_id, cards.definition_version
        ) as ends_on
    from {{ ref('fct_scorecards') }} as cards
    {{ only_touched('cards') }}
),

passes as (
    select
        *,
        lead(valid_from_on) over (
            partition by programme_id, enrolment_id, definition_version order by valid_from_on
        ) as next_on
    from cards
    where has_passed <> had_passed
)

select
    enrolments.programme_id,
    enrolments.enrolment_id,
    rules.version as definition_version,
    rules.indicator,
    greatest(changes.local_on, rules.applies_from_on) as valid_from_on,
    least(changes.next_on, rules.applies_to_on) as valid_to_on
from changes
inner join rules on changes.rule_number = rules.rule_number
inner join enrolments on changes.enrolment_number = enrolments.enrolment_number
where changes.is_met
    and changes.local_on < rules.applies_to_on
    and changes.next_on > rules.applies_from_on
union all
select
    passes.programme_id, passes.enrolment_id, passes.definition_version, indicators.indicator, passes.valid_from_on,
    coalesce(passes.next_on, passes.ends_on)
from passes
inner join {{ source('reference', 'indicators') }} as indicators
    on passes.programme_id = indicators.programme_id and passes.definition_version = indicators.version
        and indicators.measure = 'has_passed'
where passes.has_passed
