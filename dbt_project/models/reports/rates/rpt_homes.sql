{{ config(materialized='view') }}
{%- set kinds = {'class': 'class_id', 'school': 'school_id'} %}
-- Where a class or a school is at home: in the county, and at the subject, of those who take part in it on the date, if they have but one.

{%- for kind, column in kinds.items() %}
select
    dates.programme_id,
    dates.as_of_on,
    '{{ kind }}' as kind,
    enrolments.{{ column }} as group_id,
    {{ the_only('enrolments.county_id') }} as county_id,
    {{ the_only('enrolments.subject_id') }} as subject_id
from {{ ref('dim_dates') }} as dates
inner join {{ ref('dim_enrolments') }} as enrolments
    on dates.programme_id = enrolments.programme_id and {{ holds_on('enrolments', 'dates.as_of_on') }}
where enrolments.is_participating and enrolments.{{ column }} is not null
group by dates.programme_id, dates.as_of_on, enrolments.{{ column }}
{{ "union all" if not loop.last }}
{%- endfor %}
