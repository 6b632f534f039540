{{ config(materialized='view') }}
{%- set placed = [
    'programme_id', 'as_of_on', 'enrolment_id', 'learner_key', 'county_id', 'school_id', 'class_id', 'subject_id', 'school_stage',
    'tier', 'gender', 'is_called_up', 'points', 'missing_points'
] %}
{%- set reached = {'has_logged_in': 'login', 'has_studied': 'study', 'has_passed': 'pass'} %}
{%- set counted = {
    'session': 'session_count', 'post': 'post_count', 'journal': 'journal_count', 'assignment_submitted': 'assignment_count',
    'peer_review': 'peer_review_count', 'resource': 'resource_count'
} %}
-- Every enrolment that takes part, on each date: where it is placed, what it had reached and what it had done by then.
-- Each step groups by the date, so that a question about one date computes that date.

with standing as (
    select
        dates.programme_id, dates.as_of_on, enrolments.enrolment_id, enrolments.learner_key, enrolments.county_id,
        enrolments.school_id, enrolments.class_id, enrolments.subject_id, enrolments.school_stage, enrolments.tier,
        enrolments.gender, enrolments.is_called_up, cards.points, cards.missing_points
    from {{ ref('dim_dates') }} as dates
    inner join {{ ref('dim_enrolments') }} as enrolments
        on dates.programme_id = enrolments.programme_id and {{ holds_on('enrolments', 'dates.as_of_on') }}
    left join {{ ref('fct_scorecards') }} as cards
        on dates.programme_id = cards.programme_id and enrolments.enrolment_id = cards.enrolment_id
            and {{ holds_on('cards', 'dates.as_of_on') }}
    where enrolments.is_participating
),

reaching as (
    select
        {%- for c in placed %}
        standing.{{ c }},
        {%- endfor %}
        {%- for column, indicator in reached.items() %}
        max(case when spells.indicator = '{{ indicator }}' then 1 else 0 end) = 1 as {{ column }}{{ "," if not loop.last }}
        {%- endfor %}
    from standing
    left join {{ ref('fct_indicator_spells') }} as spells
        on standing.programme_id = spells.programme_id and standing.enrolment_id = spells.enrolment_id
            and {{ holds_on('spells', 'standing.as_of_on') }}
            and spells.indicator in ('{{ reached.values() | join("', '") }}')
    group by {% for c in placed %}standing.{{ c }}{{ ", " if not loop.last }}{% endfor %}
),

done as (
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
            and days.activity in (
                'video', 'text', 'effective_post', 'journal_featured', 'assignment_featured', '{{ counted | join("', '") }}'
            )
    group by dates.programme_id, dates.as_of_on, days.enrolment_id
)

select
    {%- for c in placed + (reached | list) %}
    reaching.{{ c }},
    {%- endfor %}
    cast(coalesce(done.study_s, 0) as decimal(38, 6)) as study_s,
    {%- for column in ['effective_post_count', 'featured_count'] + (counted.values() | list) %}
    cast(coalesce(done.{{ column }}, 0) as bigint) as {{ column }},
    {%- endfor %}
    done.last_session_on
from reaching
left join done
    on reaching.programme_id = done.programme_id and reaching.as_of_on = done.as_of_on and reaching.enrolment_id = done.enrolment_id
