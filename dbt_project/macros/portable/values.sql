{#- An event id in the engine's cheapest comparable form. -#}
{% macro event_key(event_id) -%}{{ adapter.dispatch('event_key')(event_id) }}{%- endmacro %}
{% macro duckdb__event_key(event_id) -%}cast({{ event_id }} as uuid){%- endmacro %}
{% macro spark__event_key(event_id) -%}{{ event_id }}{%- endmacro %}

{#- A 64-bit fingerprint of some columns, nulls told apart. -#}
{% macro fingerprint(columns) -%}{{ adapter.dispatch('fingerprint')(columns) }}{%- endmacro %}
{% macro duckdb__fingerprint(columns) -%}hash({{ columns | join(', ') }}){%- endmacro %}
{% macro spark__fingerprint(columns) -%}xxhash64({{ columns | join(', ') }}){%- endmacro %}

{#- numerator ÷ denominator of two non-negative whole numbers, half up to `decimals`, in whole
    numbers throughout: no binary fraction ever decides a rate. Null for an empty denominator. -#}
{% macro exact_ratio(numerator, denominator, decimals) -%}
    {{ adapter.dispatch('exact_ratio')(numerator, denominator, decimals) }}
{%- endmacro %}
{% macro duckdb__exact_ratio(numerator, denominator, decimals) -%}
    cast(
        ({{ numerator }} * {{ 2 * 10 ** decimals }} + {{ denominator }})
        // nullif(2 * {{ denominator }}, 0) as decimal(38, 0)
    ) * cast(0.{{ '0' * (decimals - 1) }}1 as decimal(10, {{ decimals }}))
{%- endmacro %}
{% macro spark__exact_ratio(numerator, denominator, decimals) -%}
    cast(
        ({{ numerator }} * {{ 2 * 10 ** decimals }} + {{ denominator }})
        div nullif(2 * {{ denominator }}, 0) as decimal(28, 0)
    ) * cast(0.{{ '0' * (decimals - 1) }}1 as decimal(10, {{ decimals }}))
{%- endmacro %}

{#- Does a |-separated list hold this value? -#}
{% macro in_list(value, list) -%}{{ adapter.dispatch('in_list')(value, list) }}{%- endmacro %}
{% macro duckdb__in_list(value, list) -%}list_contains(string_split({{ list }}, '|'), {{ value }}){%- endmacro %}
{% macro spark__in_list(value, list) -%}array_contains(split({{ list }}, '[|]'), {{ value }}){%- endmacro %}

{#- The value of `column` in the row that comes last by `ordering` columns. -#}
{% macro last_by(column, ordering) -%}{{ adapter.dispatch('last_by')(column, ordering) }}{%- endmacro %}
{% macro duckdb__last_by(column, ordering) -%}arg_max({{ column }}, row({{ ordering | join(', ') }})){%- endmacro %}
{% macro spark__last_by(column, ordering) -%}max_by({{ column }}, struct({{ ordering | join(', ') }})){%- endmacro %}
