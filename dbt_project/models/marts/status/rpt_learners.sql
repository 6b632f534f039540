{{ config(materialized='view') }}
{%- set counted = {
    'session': 'session_count', 'post': 'post_count', 'journal': 'journal_count', 'assignment_submitted': 'assignment_count',
    'peer_review': 'peer_review_count', 'resource': 'resource_count'
} %}
-- Every enrolment that takes part, on each date: where it is placed, what it had reached and what it had done by then.

with done as (
    select
        dates.programme_id, dates.as_of_on, days.enrolment_id,
        sum(case when days.activity in ('video', 'text') then days.quantity else 0 end) as study_s,
        sum(case when days.activity = 'effective_post' then days.quantity else 0 end) as effective_post_count,
        sum(case when days.activity in ('journal_featured', 'assignment_featured') then days.event_count else 0 end) as featured_count,
        {%- for activity, column in counted.items() %}
        sum(case when days.activity = '{{ activity }}' then days.event_count else 0 end) as {{ column }},
        {%- endfor %}
        max(case when days.activity = 'session' and days.event_count > 0 then days.local_on end) as last_session_on
    from {{ ref('dim_dates') }} as dates
    inner join {{ ref('fct_enrolment_days') }} as days
        on dates.programme_id = days.programme_id and days.local_on <= dates.as_of_on
    group by dates.programme_id, dates.as_of_on, days.enrolment_id
),

reached as (
    select
        dates.programme_id, dates.as_of_on, spells.enrolment_id,
        max(case when spells.indicator = 'login' then 1 else 0 end) = 1 as has_logged_in,
        max(case when spells.indicator = 'study' then 1 else 0 end) = 1 as has_studied,
        max(case when spells.indicator = 'pass' then 1 else 0 end) = 1 as has_passed
    from {{ ref('dim_dates') }} as dates
    inner join {{ ref('fct_indicator_spells') }} as spells
        on dates.programme_id = spells.programme_id and spells.valid_from_on <= dates.as_of_on
            and (spells.valid_to_on is null or spells.valid_to_on > dates.as_of_on)
    group by dates.programme_id, dates.as_of_on, spells.enrolment_id
)

select
    dates.programme_id,
    dates.as_of_on,
    enrolments.enrolment_id,
    enrolments.learner_key,
    enrolments.county_id,
    enrolments.school_id,
    enrolments.class_id,
    enrolments.subject_id,
    enrolments.school_stage,
    enrolments.tier,
    enrolments.gender,
    enrolments.is_called_up,
    coalesce(reached.has_logged_in, false) as has_logged_in,
    coalesce(reached.has_studied, false) as has_studied,
    coalesce(reached.has_passed, false) as has_passed,
    cards.points,
    cards.missing_points,
    cast(coalesce(done.study_s, 0) as decimal(18, 3)) as study_s,
    cast(coalesce(done.effective_post_count, 0) as bigint) as effective_post_count,
    cast(coalesce(done.featured_count, 0) as bigint) as featured_count,
    {%- for column in counted.values() %}
    cast(coalesce(done.{{ column }}, 0) as bigint) as {{ column }},
    {%- endfor %}
    done.last_session_on
from {{ ref('dim_dates') }} as dates
inner join {{ ref('dim_enrolments') }} as enrolments
    on dates.programme_id = enrolments.programme_id and enrolments.valid_from_on <= dates.as_of_on
        and (enrolments.valid_to_on is null or enrolments.valid_to_on > dates.as_of_on)
left join {{ ref('fct_scorecards') }} as cards
    on dates.programme_id = cards.programme_id and enrolments.enrolment_id = cards.enrolment_id
        and cards.valid_from_on <= dates.as_of_on and (cards.valid_to_on is null or cards.valid_to_on > dates.as_of_on)
left join reached
    on dates.programme_id = reached.programme_id and dates.as_of_on = reached.as_of_on
        and enrolments.enrolment_id = reached.enrolment_id
left join done
    on dates.programme_id = done.programme_id and dates.as_of_on = done.as_of_on and enrolments.enrolment_id = done.enrolment_id
where enrolments.is_participating
