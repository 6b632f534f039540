{{ config(materialized='view') }}
{%- set groups = {'programme': "''", 'county': 'county_id', 'subject': 'subject_id', 'school_stage': 'school_stage'} %}
-- Who of those taking part had answered a form by a date, and what the records know of them and of everybody.

with forms as (
    select distinct programme_id, form_id from {{ ref('fct_survey_answers') }}
),

answered as (
    select distinct programme_id, form_id, enrolment_id, valid_from_on, valid_to_on from {{ ref('fct_survey_answers') }}
),

breakdowns as (
    {%- for name in groups %}
    select '{{ name }}' as breakdown
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

asked as (
    select
        learners.programme_id, learners.as_of_on, forms.form_id, breakdowns.breakdown,
        case breakdowns.breakdown
            {%- for name, column in groups.items() %}
            when '{{ name }}' then {{ column if column.startswith("'") else 'learners.' ~ column }}
            {%- endfor %}
        end as group_id,
        case when answered.enrolment_id is not null then 1 else 0 end as has_answered,
        learners.study_s, learners.post_count, case when learners.has_passed then 1 else 0 end as has_passed
    from {{ ref('rpt_learners') }} as learners
    inner join forms on learners.programme_id = forms.programme_id
    cross join breakdowns
    left join answered
        on learners.programme_id = answered.programme_id and learners.enrolment_id = answered.enrolment_id
            and forms.form_id = answered.form_id and {{ holds_on('answered', 'learners.as_of_on') }}
),

counted as (
    select
        programme_id, as_of_on, form_id, breakdown, group_id,
        count(*) as participating_count,
        cast(sum(has_answered) as bigint) as respondent_count,
        cast(sum(study_s) as decimal(38, 6)) as participating_study_s,
        cast(sum(case when has_answered = 1 then study_s else 0 end) as decimal(38, 6)) as respondent_study_s,
        cast(sum(post_count) as bigint) as participating_post_count,
        cast(sum(case when has_answered = 1 then post_count else 0 end) as bigint) as respondent_post_count,
        cast(sum(has_passed) as bigint) as participating_pass_count,
        cast(sum(case when has_answered = 1 then has_passed else 0 end) as bigint) as respondent_pass_count
    from asked
    group by programme_id, as_of_on, form_id, breakdown, group_id
)

select
    programme_id,
    as_of_on,
    form_id,
    breakdown,
    group_id,
    participating_count,
    respondent_count,
    cast({{ exact_ratio('respondent_count', 'participating_count', 8) }} as decimal(18, 8)) as response_ratio,
    participating_study_s,
    respondent_study_s,
    participating_post_count,
    respondent_post_count,
    participating_pass_count,
    respondent_pass_count
from counted
