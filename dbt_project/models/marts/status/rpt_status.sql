{%- set counts = ['called_up', 'participating', 'login', 'study', 'pass'] %}
-- Each state adds to its cell on the day it begins and takes away on the day it ends; the
-- running total of a cell is its status on that day. Cells are few, so every date is kept.

with states as (
    select
        *,
        cast(is_called_up as integer) as called_up,
        cast(is_participating as integer) as participating,
        cast(has_logged_in as integer) as login,
        cast(has_studied as integer) as study,
        cast(has_passed as integer) as pass
    from {{ ref('int_enrolment_states') }}
),

movements as (
    select programme_id, county_id, subject_id, class_id, school_stage, valid_from_on as local_on,
        {{ counts | join(', ') }}
    from states
    union all
    select programme_id, county_id, subject_id, class_id, school_stage, valid_to_on,
        {% for c in counts %}-{{ c }}{{ ", " if not loop.last }}{% endfor %}
    from states
    where valid_to_on is not null
),

cells as (
    select
        programme_id,
        case
            when grouping(class_id) = 0 then 'class'
            when grouping(school_stage) = 0 then 'school_stage'
            when grouping(county_id) = 0 and grouping(subject_id) = 0 then 'county_subject'
            when grouping(county_id) = 0 then 'county'
            when grouping(subject_id) = 0 then 'subject'
            else 'programme'
        end as breakdown,
        county_id,
        subject_id,
        class_id,
        school_stage,
        local_on,
        {% for c in counts %}sum({{ c }}) as {{ c }}{{ ", " if not loop.last }}{% endfor %}
    from movements
    group by grouping sets (
        (programme_id, local_on),
        (programme_id, county_id, local_on),
        (programme_id, subject_id, local_on),
        (programme_id, class_id, local_on),
        (programme_id, school_stage, local_on),
        (programme_id, county_id, subject_id, local_on)
    )
),

last_days as (
    select programme_id, max(local_on) as last_on from cells group by programme_id
),

-- From a cell's first day to the programme's last, the report's day included.
spines as (
    select
        firsts.programme_id, firsts.breakdown, firsts.county_id, firsts.subject_id, firsts.class_id,
        firsts.school_stage,
        {{ date_spine('firsts.first_on', 'firsts.last_on', 'local_on') }}
    from (
        select
            cells.programme_id, cells.breakdown, cells.county_id, cells.subject_id, cells.class_id,
            cells.school_stage,
            min(cells.local_on) as first_on,
            greatest(last_days.last_on, coalesce(programmes.report_on, last_days.last_on)) as last_on
        from cells
        inner join last_days on cells.programme_id = last_days.programme_id
        left join {{ source('reference', 'programmes') }} as programmes
            on cells.programme_id = programmes.programme_id
        group by cells.programme_id, cells.breakdown, cells.county_id, cells.subject_id, cells.class_id,
            cells.school_stage, last_days.last_on, programmes.report_on
    ) as firsts
),

dated as (
    select programme_id, breakdown, county_id, subject_id, class_id, school_stage, local_on, {{ counts | join(', ') }}
    from cells
    union all
    select programme_id, breakdown, county_id, subject_id, class_id, school_stage, local_on,
        {% for c in counts %}0{{ ", " if not loop.last }}{% endfor %}
    from spines
),

daily as (
    select programme_id, breakdown, county_id, subject_id, class_id, school_stage, local_on,
        {% for c in counts %}sum({{ c }}) as {{ c }}{{ ", " if not loop.last }}{% endfor %}
    from dated
    group by programme_id, breakdown, county_id, subject_id, class_id, school_stage, local_on
),

running as (
    select
        programme_id, breakdown, county_id, subject_id, class_id, school_stage,
        local_on as as_of_on,
        {%- for c in counts %}
        cast(sum({{ c }}) over cell as bigint) as {{ c }}_count{{ "," if not loop.last }}
        {%- endfor %}
    from daily
    window cell as (
        partition by programme_id, breakdown, county_id, subject_id, class_id, school_stage
        order by local_on rows unbounded preceding
    )
)

select
    programme_id,
    as_of_on,
    breakdown,
    county_id,
    subject_id,
    class_id,
    school_stage,
    called_up_count,
    participating_count,
    login_count,
    study_count,
    pass_count,
    {{ exact_ratio('participating_count', 'called_up_count', 8) }} as participation_ratio,
    {{ exact_ratio('login_count', 'participating_count', 8) }} as login_ratio,
    {{ exact_ratio('study_count', 'participating_count', 8) }} as study_ratio,
    {{ exact_ratio('pass_count', 'participating_count', 8) }} as pass_ratio,
    {{ exact_ratio('pass_count', 'study_count', 8) }} as pass_of_studied_ratio
from running
