{{ config(materialized='view') }}
{%- set measures = var('award_measures')['learner'] %}
-- Enrolments in the order of the pack's rule; the id breaks what is still tied, so that the order is stable.

with rules as (
    {{ award_rules('learner') }}
),

dates as (
    select dates.programme_id, dates.as_of_on, rules.award, rules.requires, rules.order_by, rules.quota_count, rules.quota_thousandths_pct
    from {{ ref('dim_dates') }} as dates
    inner join rules
        on dates.programme_id = rules.programme_id and dates.as_of_on >= rules.applies_from_on
            and dates.as_of_on < rules.applies_to_on
),

taking_part as (
    select
        dates.*, cards.enrolment_id, cards.points, cards.has_passed
    from dates
    inner join {{ ref('fct_scorecards') }} as cards
        on dates.programme_id = cards.programme_id and cards.valid_from_on <= dates.as_of_on
            and cards.valid_to_on > dates.as_of_on
    inner join {{ ref('dim_enrolments') }} as enrolments
        on cards.programme_id = enrolments.programme_id and cards.enrolment_id = enrolments.enrolment_id
            and enrolments.valid_from_on <= dates.as_of_on
            and enrolments.valid_to_on > dates.as_of_on
    where enrolments.is_participating
),

amounts as (
    select
        dates.programme_id, dates.as_of_on, dates.award, days.enrolment_id,
        {%- for name, activities in measures.items() if activities %}
        sum(case when days.activity in ('{{ activities | join("', '") }}') then days.quantity else 0 end) as {{ name }}{{ "," if not loop.last }}
        {%- endfor %}
    from dates
    inner join {{ ref('fct_enrolment_days') }} as days
        on dates.programme_id = days.programme_id and days.local_on <= dates.as_of_on
    group by dates.programme_id, dates.as_of_on, dates.award, days.enrolment_id
),

candidates as (
    select
        taking_part.*,
        {%- for n in range(1, 5) %}
        case {{ list_item('taking_part.order_by', n) }}
            when 'points' then cast(taking_part.points as decimal(18, 6))
            {%- for name, activities in measures.items() if activities %}
            when '{{ name }}' then cast(coalesce(amounts.{{ name }}, 0) as decimal(18, 6))
            {%- endfor %}
        end as measure_{{ n }},
        {%- endfor %}
        count(*) over (partition by taking_part.programme_id, taking_part.as_of_on, taking_part.award) as candidate_count
    from taking_part
    left join amounts
        on taking_part.programme_id = amounts.programme_id and taking_part.as_of_on = amounts.as_of_on
            and taking_part.award = amounts.award and taking_part.enrolment_id = amounts.enrolment_id
),

ordered as (
    select
        *,
        {{ position_among_candidates('enrolment_id') }} as position_number
    from candidates
    where has_passed or requires <> 'pass'
)

select
    programme_id,
    as_of_on,
    award,
    cast(position_number as bigint) as position_number,
    enrolment_id,
    order_by,
    measure_1,
    measure_2,
    measure_3,
    measure_4,
    {{ is_within_quota() }} as is_chosen
from ordered
