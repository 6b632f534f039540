{#- The millionths of a point that a component's rule gives for what was achieved (millionths of
    the activity's unit). Weighted assessments are linear in the weighted grades. -#}
{% macro component_micropoints(achieved) -%}
        case
            when {{ scored('as_given') }} then least({{ achieved }}, max_micropoints)
            when {{ scored('from_the_target') }}
                then case when {{ achieved }} >= target_millionths then max_micropoints else 0 end
            else cast({{ rounded_quotient(
                wide('max_micropoints') ~ ' * least(' ~ achieved ~ ', target_millionths)', 'target_millionths', 0
            ) }} as bigint)
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

{#- An amount, or a number of a pack's file, in millionths, which are whole numbers. DuckDB multiplies decimals of 18 digits in 18 digits. -#}
{% macro in_millionths(amount) -%}
    cast(cast({{ amount }} as decimal(24, 6)) * 1000000 as bigint)
{%- endmacro %}

{#- What nobody does on a day, though an attacker may send it: no sum of such days is to overflow. -#}
{% macro within_reason(amount) -%}
    greatest(least({{ amount }}, 100000000000), -100000000000)
{%- endmacro %}

{#- A share of a pack's file, in percent, in thousandths of a percent. -#}
{% macro thousandths(text) -%}
    cast(round(cast({{ text }} as decimal(18, 3)) * 1000) as bigint)
{%- endmacro %}
