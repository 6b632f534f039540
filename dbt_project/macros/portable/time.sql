{#- The only folder that knows which engine it is. -#}

{#- The local date of a UTC timestamp in an IANA time zone. -#}
{% macro local_date(moment, time_zone) -%}{{ adapter.dispatch('local_date')(moment, time_zone) }}{%- endmacro %}
{% macro duckdb__local_date(moment, time_zone) -%}
    cast(timezone({{ time_zone }}, {{ moment }}) as date)
{%- endmacro %}
{% macro spark__local_date(moment, time_zone) -%}
    to_date(from_utc_timestamp({{ moment }}, {{ time_zone }}))
{%- endmacro %}

{#- One row a day from `first` to `last` (dates, both included), as column `name`. -#}
{% macro date_spine(first, last, name) -%}{{ adapter.dispatch('date_spine')(first, last, name) }}{%- endmacro %}
{% macro duckdb__date_spine(first, last, name) -%}
    unnest(generate_series(cast({{ first }} as timestamp), cast({{ last }} as timestamp), interval 1 day))::date as {{ name }}
{%- endmacro %}
{% macro spark__date_spine(first, last, name) -%}
    explode(sequence({{ first }}, {{ last }}, interval 1 day)) as {{ name }}
{%- endmacro %}
