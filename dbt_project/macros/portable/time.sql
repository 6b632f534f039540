{#- The only folder that knows which engine it is. -#}

{#- The local date of a UTC timestamp in an IANA time zone: a column, whose usual values are
    given as `usual`. DuckDB converts to a constant zone 20 times as fast as to a column. -#}
{% macro local_date(moment, time_zone, usual=[]) -%}
    {{ adapter.dispatch('local_date')(moment, time_zone, usual) }}
{%- endmacro %}
{% macro duckdb__local_date(moment, time_zone, usual) -%}
    case {{ time_zone }}
        {%- for zone in usual %}
        when '{{ zone }}' then cast(timezone('{{ zone }}', {{ moment }}) as date)
        {%- endfor %}
        else cast(timezone({{ time_zone }}, {{ moment }}) as date)
    end
{%- endmacro %}
{% macro spark__local_date(moment, time_zone, usual) -%}
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

{#- Whole elapsed seconds from one UTC timestamp to a later one. -#}
{% macro seconds_between(first, last) -%}{{ adapter.dispatch('seconds_between')(first, last) }}{%- endmacro %}
{% macro duckdb__seconds_between(first, last) -%}date_sub('second', {{ first }}, {{ last }}){%- endmacro %}
{% macro spark__seconds_between(first, last) -%}timestampdiff(SECOND, {{ first }}, {{ last }}){%- endmacro %}

{#- The Monday of a date's week. -#}
{% macro week_start(day) -%}cast(date_trunc('week', {{ day }}) as date){%- endmacro %}

{#- Whole days from one date to a later one. -#}
{% macro days_between(first, last) -%}{{ adapter.dispatch('days_between')(first, last) }}{%- endmacro %}
{% macro duckdb__days_between(first, last) -%}date_diff('day', {{ first }}, {{ last }}){%- endmacro %}
{% macro spark__days_between(first, last) -%}cast(datediff({{ last }}, {{ first }}) as bigint){%- endmacro %}

{#- The date after a date. -#}
{% macro day_after(day) -%}{{ adapter.dispatch('day_after')(day) }}{%- endmacro %}
{% macro duckdb__day_after(day) -%}{{ day }} + 1{%- endmacro %}
{% macro spark__day_after(day) -%}date_add({{ day }}, 1){%- endmacro %}

{#- A date or UTC timestamp so many whole days later. -#}
{% macro days_later(moment, days) -%}{{ moment }} + interval {{ days }} day{%- endmacro %}

{#- The day before all others, from which on holds what was never otherwise. -#}
{% macro beginning() -%}date '1900-01-01'{%- endmacro %}

{#- The end of what has not ended: every period has an end, so that a question about a day needs no "or". -#}
{% macro open_end() -%}date '9999-12-31'{%- endmacro %}
