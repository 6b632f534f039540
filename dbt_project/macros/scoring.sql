{#- The millionths of a point that a component's rule gives for what was achieved (thousandths of
    the activity's unit). Weighted assessments are linear in the weighted grades. -#}
{% macro component_micropoints(achieved) -%}
        case
            when scoring in ('awarded', 'awarded_if_approved') then least({{ achieved }}, max_thousandths) * 1000
            when scoring in ('all_or_nothing', 'external_result')
                then case when {{ achieved }} >= target_thousandths then max_thousandths * 1000 else 0 end
            else {{ rounded_quotient('max_thousandths * least(' ~ achieved ~ ', target_thousandths)', 'target_thousandths', 3) }}
        end
{%- endmacro %}

{#- Millionths as points. -#}
{% macro points(micropoints) -%}
    cast(cast({{ micropoints }} as decimal(18, 0)) * cast(0.000001 as decimal(7, 6)) as decimal(18, 6))
{%- endmacro %}

{#- A number of a pack's file in thousandths. -#}
{% macro thousandths(text) -%}
    cast(round(cast({{ text }} as decimal(18, 3)) * 1000) as bigint)
{%- endmacro %}
