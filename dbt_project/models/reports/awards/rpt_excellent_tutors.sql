{{ config(materialized='view') }}
{%- set measures = var('award_measures')['tutor'] %}
-- Tutors in the order of the pack's rule; the key breaks what is still tied, so that the order is stable.

with rules as (
    {{ award_rules('tutor') }}
),

candidates as (
    select
        staff.programme_id, staff.as_of_on, rules.award, staff.staff_key, staff.scope_id, rules.order_by,
        rules.quota_count, rules.quota_thousandths_pct,
        {%- for n in range(1, 5) %}
        case {{ list_item('rules.order_by', n) }}
            {%- for name, column in measures.items() %}
            when '{{ name }}' then cast(staff.{{ column }} as decimal(18, 8))
            {%- endfor %}
        end as measure_{{ n }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ ref('rpt_staff') }} as staff
    inner join rules
        on staff.programme_id = rules.programme_id and staff.as_of_on >= rules.applies_from_on
            and staff.as_of_on < rules.applies_to_on
    where staff.role = 'tutor'
),

ordered as (
    select
        *,
        {{ position_among_candidates('staff_key') }} as position_number,
        count(*) over (partition by programme_id, as_of_on, award) as candidate_count
    from candidates
)

select
    programme_id,
    as_of_on,
    award,
    cast(position_number as bigint) as position_number,
    staff_key,
    scope_id,
    order_by,
    measure_1,
    measure_2,
    measure_3,
    measure_4,
    {{ is_within_quota() }} as is_chosen
from ordered
