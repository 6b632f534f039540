{#- The millionths of a point that a component's rule gives for what was achieved (thousandths of
    the rule's unit). -#}
{% macro component_micropoints(achieved) -%}
        case
            when scoring in ('awarded', 'awarded_if_approved') then least({{ achieved }}, max_points * 1000) * 1000
            when scoring in ('all_or_nothing', 'external_result')
                then case when {{ achieved }} >= target_thousandths then max_points * 1000000 else 0 end
            else {{ rounded_quotient('max_points * least(' ~ achieved ~ ', target_thousandths)', 'target_thousandths', 6) }}
        end
{%- endmacro %}
