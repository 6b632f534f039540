{#- How the cells of one breakdown stand on each date, best pass rate first; equal in all three rates, they share a rank. -#}
{% macro standings(breakdown, dimension) -%}
select
    status.programme_id,
    status.as_of_on,
    cells.{{ dimension }},
    status.participating_count,
    status.login_count,
    status.study_count,
    status.pass_count,
    status.login_ratio,
    status.study_ratio,
    status.pass_ratio,
    cast(rank() over (
        partition by status.programme_id, status.as_of_on
        order by status.pass_ratio desc nulls last, status.study_ratio desc nulls last, status.login_ratio desc nulls last
    ) as bigint) as rank_number,
    count(*) over (partition by status.programme_id, status.as_of_on) as ranked_count
from {{ ref('rpt_status') }} as status
inner join {{ ref('dim_cells') }} as cells
    on status.programme_id = cells.programme_id and status.breakdown = cells.breakdown and status.cell_id = cells.cell_id
where status.breakdown = '{{ breakdown }}' and cells.{{ dimension }} is not null and status.participating_count > 0
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

{#- Whether a row with a validity holds on a day. -#}
{% macro holds_on(alias, day) -%}
    {{ alias }}.valid_from_on <= {{ day }} and {{ alias }}.valid_to_on > {{ day }}
{%- endmacro %}

{#- What all of a group have, in an aggregate; null where they have several, or none. -#}
{% macro the_only(value) -%}
    case when count(distinct {{ value }}) = 1 then min({{ value }}) end
{%- endmacro %}
