{{ config(materialized='view') }}
-- Enrolments that a warning of the pack is about, on each date on which it is looked at.

with rules as (
    select
        programme_id, warning, level, kind, applies_from_on, applies_to_on,
        cast(threshold as bigint) as threshold,
        cast(from_on as date) as from_on,
        cast(to_on as date) as to_on
    from {{ defined('warnings') }} as rules
),

indicators as (
    select * from {{ defined('indicators') }} as indicators
),

rule_activities as (
    select
        rules.programme_id, rules.warning, rules.level, rules.kind, rules.threshold, rules.from_on, rules.to_on,
        rules.applies_from_on, rules.applies_to_on,
        coalesce(indicators.activity, 'post|effective_post') as activities
    from rules
    left join indicators
        on rules.programme_id = indicators.programme_id and rules.applies_from_on = indicators.applies_from_on
            and indicators.indicator = case rules.kind when 'no_session' then 'login' when 'little_study' then 'study' end
),

dates as (
    select
        dates.programme_id, dates.as_of_on, rule_activities.warning, rule_activities.level, rule_activities.kind,
        rule_activities.threshold, rule_activities.activities
    from {{ ref('dim_dates') }} as dates
    inner join rule_activities
        on dates.programme_id = rule_activities.programme_id
            and dates.as_of_on >= rule_activities.applies_from_on
            and dates.as_of_on < rule_activities.applies_to_on
            and dates.as_of_on between rule_activities.from_on and rule_activities.to_on
),

-- Those who take part and have not passed.
learning as (
    select dates.*, enrolments.enrolment_id, coalesce(enrolments.county_id, '') as county_id,
        -- Nobody is away from a programme that has not begun.
        greatest(opened.opened_on, coalesce(programmes.starts_on, opened.opened_on)) as opened_on
    from dates
    inner join {{ ref('dim_enrolments') }} as enrolments
        on dates.programme_id = enrolments.programme_id and {{ holds_on('enrolments', 'dates.as_of_on') }}
    inner join {{ ref('fct_scorecards') }} as cards
        on dates.programme_id = cards.programme_id and enrolments.enrolment_id = cards.enrolment_id
            and {{ holds_on('cards', 'dates.as_of_on') }}
    inner join (
        select programme_id, enrolment_id, min(valid_from_on) as opened_on
        from {{ ref('dim_enrolments') }}
        where is_participating
        group by programme_id, enrolment_id
    ) as opened
        on dates.programme_id = opened.programme_id and enrolments.enrolment_id = opened.enrolment_id
    left join {{ source('reference', 'programmes') }} as programmes on dates.programme_id = programmes.programme_id
    where enrolments.is_participating and not cards.has_passed
),

-- What each kind of rule counts; rules of a kind count the same.
counted as (
    select distinct programme_id, as_of_on, kind, {{ unpack_list('activities', 'activity') }}
    from dates
),

done as (
    select
        counted.programme_id, counted.as_of_on, days.enrolment_id,
        max(case when counted.kind = 'no_session' and days.event_count > 0 then days.local_on end) as last_on,
        sum(case when counted.kind = 'little_study' then days.quantity else 0 end) as week_quantity,
        sum(case when counted.kind = 'few_effective' and days.activity = 'post' then days.event_count else 0 end) as post_count,
        sum(
            case when counted.kind = 'few_effective' and days.activity = 'effective_post' then days.quantity else 0 end
        ) as effective_count
    from counted
    inner join {{ ref('fct_enrolment_days') }} as days
        on counted.programme_id = days.programme_id and days.local_on <= counted.as_of_on and counted.activity = days.activity
            and (counted.kind <> 'little_study' or {{ days_between('days.local_on', 'counted.as_of_on') }} < 7)
    group by counted.programme_id, counted.as_of_on, days.enrolment_id
),

looked_at as (
    select
        learning.*,
        {{ days_between('greatest(learning.opened_on, coalesce(done.last_on, learning.opened_on))', 'learning.as_of_on') }} as idle_days,
        cast(coalesce(done.week_quantity, 0) as decimal(38, 6)) as week_quantity,
        coalesce(done.post_count, 0) as post_count,
        coalesce(done.effective_count, 0) as effective_count,
        spells.enrolment_id is not null as has_studied_enough
    from learning
    left join done
        on learning.programme_id = done.programme_id and learning.as_of_on = done.as_of_on
            and learning.enrolment_id = done.enrolment_id
    left join {{ ref('fct_indicator_spells') }} as spells
        on learning.programme_id = spells.programme_id and learning.enrolment_id = spells.enrolment_id
            and spells.indicator = 'course_study' and {{ holds_on('spells', 'learning.as_of_on') }}
)

select
    programme_id,
    as_of_on,
    warning,
    level,
    enrolment_id,
    county_id,
    case kind
        when 'no_session' then cast(idle_days as bigint)
        when 'little_study' then {{ whole_quotient('cast(week_quantity as bigint)', '60') }}
        else cast(post_count as bigint)
    end as measured_count
from looked_at
where case kind
    when 'no_session' then idle_days >= threshold
    when 'little_study' then not has_studied_enough and week_quantity < threshold * 60
    else post_count >= threshold and 2 * effective_count < post_count
end
