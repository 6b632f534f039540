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
