{{ config(materialized='view') }}
{%- set activities = ['post', 'reply'] + (var('staff_activities').values() | list) %}
-- What each member of staff had done by the end of a date, and how the class or subject stood.

with dates as (
    select programme_id, as_of_on from {{ ref('dim_dates') }}
),

done as (
    select
        dates.programme_id, dates.as_of_on, days.staff_key,
        {%- for a in activities %}
        cast(sum(case when days.activity = '{{ a }}' then days.event_count else 0 end) as bigint) as {{ a }}_count{{ "," if not loop.last }}
        {%- endfor %}
    from dates
    inner join {{ ref('fct_staff_days') }} as days
        on dates.programme_id = days.programme_id and days.local_on <= dates.as_of_on
    group by dates.programme_id, dates.as_of_on, days.staff_key
),

-- The first answer of each post counts.
answers as (
    select
        dates.programme_id, dates.as_of_on, responses.staff_key, responses.response_s,
        row_number() over (
            partition by dates.programme_id, dates.as_of_on, responses.post_id order by responses.responded_at, responses.event_id
        ) as answer_number
    from dates
    inner join {{ ref('fct_post_responses') }} as responses
        on dates.programme_id = responses.programme_id and responses.valid_from_on <= dates.as_of_on
            and responses.valid_to_on > dates.as_of_on
),

answered as (
    select
        programme_id, as_of_on, staff_key,
        count(*) as responded_post_count,
        cast(sum(response_s) as bigint) as response_s_sum
    from answers
    where answer_number = 1
    group by programme_id, as_of_on, staff_key
),

stood as (
    select
        status.programme_id, status.as_of_on, status.breakdown, coalesce(cells.class_id, cells.subject_id) as scope_id,
        status.participating_count, status.study_count, status.pass_count, status.study_ratio, status.pass_ratio
    from {{ ref('rpt_status') }} as status
    inner join {{ ref('dim_cells') }} as cells
        on status.programme_id = cells.programme_id and status.breakdown = cells.breakdown and status.cell_id = cells.cell_id
    where status.breakdown in ('class', 'subject')
)

select
    dates.programme_id,
    dates.as_of_on,
    staff.staff_key,
    staff.role,
    staff.scope_kind,
    staff.scope_id,
    {%- for a in activities %}
    coalesce(done.{{ a }}_count, 0) as {{ a }}_count,
    {%- endfor %}
    coalesce(answered.responded_post_count, 0) as responded_post_count,
    {{ rounded_quotient('answered.response_s_sum', 'answered.responded_post_count', 0) }} as mean_response_s,
    stood.participating_count,
    stood.study_count,
    stood.pass_count,
    stood.study_ratio,
    stood.pass_ratio
from dates
inner join {{ ref('dim_staff') }} as staff
    on dates.programme_id = staff.programme_id and staff.valid_from_on <= dates.as_of_on
        and staff.valid_to_on > dates.as_of_on
left join done
    on dates.programme_id = done.programme_id and dates.as_of_on = done.as_of_on and staff.staff_key = done.staff_key
left join answered
    on dates.programme_id = answered.programme_id and dates.as_of_on = answered.as_of_on
        and staff.staff_key = answered.staff_key
left join stood
    on dates.programme_id = stood.programme_id and dates.as_of_on = stood.as_of_on
        and staff.scope_kind = stood.breakdown and staff.scope_id = stood.scope_id
where staff.role is not null or done.staff_key is not null
