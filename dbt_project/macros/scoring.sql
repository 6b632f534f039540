{#- The millionths of a point that a component's rule gives for what was achieved (thousandths of
    the activity's unit). Weighted assessments are linear in the weighted grades. -#}
{% macro component_micropoints(achieved) -%}
        case
            when {{ scored('as_given') }} then least({{ achieved }}, max_thousandths) * 1000
            when {{ scored('from_the_target') }}
                then case when {{ achieved }} >= target_thousandths then max_thousandths * 1000 else 0 end
            else {{ rounded_quotient('max_thousandths * least(' ~ achieved ~ ', target_thousandths)', 'target_thousandths', 3) }}
        end
{%- endmacro %}

{#- Whether a component's rule gives points in this way (see `scoring` in dbt_project.yml). -#}
{% macro scored(way, rules='') -%}
    {%- set names = [] -%}
    {%- for name, found in var('scoring').items() if found == way -%}{%- do names.append("'" ~ name ~ "'") -%}{%- endfor -%}
    {{ rules }}scoring in ({{ names | join(', ') }})
{%- endmacro %}

{#- Millionths as points. -#}
{% macro points(micropoints) -%}
    cast(cast({{ micropoints }} as decimal(18, 0)) * cast(0.000001 as decimal(7, 6)) as decimal(18, 6))
{%- endmacro %}

{#- A number of a pack's file in thousandths. -#}
{% macro thousandths(text) -%}
    cast(round(cast({{ text }} as decimal(18, 3)) * 1000) as bigint)
{%- endmacro %}
