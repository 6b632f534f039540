{{ config(materialized='view') }}
-- How many of those taking part chose each level, as the forms stood at the end of a date.

select
    dates.programme_id,
    dates.as_of_on,
    answers.form_id,
    answers.item_id,
    answers.level,
    count(*) as answer_count,
    cast(sum(count(*)) over (
        partition by dates.programme_id, dates.as_of_on, answers.form_id, answers.item_id
    ) as bigint) as item_answer_count
from {{ ref('dim_dates') }} as dates
inner join {{ ref('fct_survey_answers') }} as answers
    on dates.programme_id = answers.programme_id and answers.valid_from_on <= dates.as_of_on
        and answers.valid_to_on > dates.as_of_on
inner join {{ ref('dim_enrolments') }} as enrolments
    on answers.programme_id = enrolments.programme_id and answers.enrolment_id = enrolments.enrolment_id
        and enrolments.valid_from_on <= dates.as_of_on
        and enrolments.valid_to_on > dates.as_of_on
where enrolments.is_participating
group by dates.programme_id, dates.as_of_on, answers.form_id, answers.item_id, answers.level
