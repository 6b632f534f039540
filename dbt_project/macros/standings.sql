{#- How the cells of one breakdown stand on each date, best pass rate first; equal in all three rates, they share a rank. -#}
{% macro standings(breakdown, dimension) -%}
select
    programme_id,
    as_of_on,
    {{ dimension }},
    participating_count,
    login_count,
    study_count,
    pass_count,
    login_ratio,
    study_ratio,
    pass_ratio,
    cast(rank() over (
        partition by programme_id, as_of_on
        order by pass_ratio desc nulls last, study_ratio desc nulls last, login_ratio desc nulls last
    ) as bigint) as rank_number,
    count(*) over (partition by programme_id, as_of_on) as ranked_count
from {{ ref('rpt_status') }}
where breakdown = '{{ breakdown }}' and {{ dimension }} is not null and participating_count > 0
{%- endmacro %}

{#- The pack's rules of awards for learners or tutors. -#}
{% macro award_rules(who) -%}
    select
        programme_id, award, requires, order_by, applies_from_on, applies_to_on,
        cast(nullif(quota_count, '') as bigint) as quota_count,
        {{ thousandths("nullif(quota_pct, '')") }} as quota_thousandths_pct
    from {{ defined('excellence') }} as rules
    where who = '{{ who }}'
{%- endmacro %}

{#- Candidates in the order of their measures; their id breaks what is still tied, so that the order is stable. -#}
{% macro position_among_candidates(id) -%}
    row_number() over (
        partition by programme_id, as_of_on, award
        order by measure_1 desc nulls last, measure_2 desc nulls last, measure_3 desc nulls last, measure_4 desc nulls last, {{ id }} asc
    )
{%- endmacro %}

{#- Whether a position is within the award's quota: so many, or so many per cent of the candidates. -#}
{% macro is_within_quota() -%}
    position_number <= coalesce(quota_count, {{ whole_quotient('candidate_count * quota_thousandths_pct', '100000') }})
{%- endmacro %}

{#- Whether a row with a validity holds on a day. In an outer join DuckDB needs it without an "or": with one it compares every
    row with every other (7 s for 7,000 enrolments and a date; this way 0.4 s). -#}
{% macro holds_on(alias, day) -%}
    {{ alias }}.valid_from_on <= {{ day }} and coalesce({{ alias }}.valid_to_on, cast('9999-12-31' as date)) > {{ day }}
{%- endmacro %}
