{#- An event id in the engine's cheapest comparable form. -#}
{% macro event_key(event_id) -%}{{ adapter.dispatch('event_key')(event_id) }}{%- endmacro %}
{% macro duckdb__event_key(event_id) -%}cast({{ event_id }} as uuid){%- endmacro %}
{% macro spark__event_key(event_id) -%}{{ event_id }}{%- endmacro %}

{#- An event's key as the text that the event had. -#}
{% macro event_text(key) -%}{{ adapter.dispatch('event_text')(key) }}{%- endmacro %}
{% macro duckdb__event_text(key) -%}cast({{ key }} as varchar){%- endmacro %}
{% macro spark__event_text(key) -%}{{ key }}{%- endmacro %}

{#- A 64-bit fingerprint of some columns, nulls told apart. -#}
{% macro fingerprint(columns) -%}{{ adapter.dispatch('fingerprint')(columns) }}{%- endmacro %}
{% macro duckdb__fingerprint(columns) -%}hash({{ columns | join(', ') }}){%- endmacro %}
{% macro spark__fingerprint(columns) -%}xxhash64({{ columns | join(', ') }}){%- endmacro %}

{#- A whole number with room for products that 64 bits have not. -#}
{% macro wide(number) -%}{{ adapter.dispatch('wide')(number) }}{%- endmacro %}
{% macro duckdb__wide(number) -%}cast({{ number }} as hugeint){%- endmacro %}
{% macro spark__wide(number) -%}cast({{ number }} as decimal(20, 0)){%- endmacro %}

{#- numerator ÷ denominator of two non-negative whole numbers in units of 10^-decimals, half up, in
    whole numbers throughout: no binary fraction ever decides a rate. Null for an empty denominator. -#}
{% macro rounded_quotient(numerator, denominator, decimals) -%}
    {{ adapter.dispatch('rounded_quotient')(numerator, denominator, decimals) }}
{%- endmacro %}
{% macro duckdb__rounded_quotient(numerator, denominator, decimals) -%}
    ({{ numerator }} * {{ 2 * 10 ** decimals }} + {{ denominator }}) // nullif(2 * {{ denominator }}, 0)
{%- endmacro %}
{% macro spark__rounded_quotient(numerator, denominator, decimals) -%}
    ({{ numerator }} * {{ 2 * 10 ** decimals }} + {{ denominator }}) div nullif(2 * {{ denominator }}, 0)
{%- endmacro %}

{#- The same as a decimal with that many decimals; its digits stay below 38, past which Spark drops decimals. -#}
{% macro exact_ratio(numerator, denominator, decimals) -%}
    cast({{ rounded_quotient(numerator, denominator, decimals) }} as decimal(18, 0))
        * cast(0.{{ '0' * (decimals - 1) }}1 as decimal({{ decimals + 1 }}, {{ decimals }}))
{%- endmacro %}

{#- Does a |-separated list hold this value? -#}
{% macro in_list(value, list) -%}{{ adapter.dispatch('in_list')(value, list) }}{%- endmacro %}
{% macro duckdb__in_list(value, list) -%}list_contains(string_split({{ list }}, '|'), {{ value }}){%- endmacro %}
{% macro spark__in_list(value, list) -%}array_contains(split({{ list }}, '[|]'), {{ value }}){%- endmacro %}

{#- One row for each value of a |-separated list, as column `name`. -#}
{% macro unpack_list(list, name) -%}{{ adapter.dispatch('unpack_list')(list, name) }}{%- endmacro %}
{% macro duckdb__unpack_list(list, name) -%}unnest(string_split({{ list }}, '|')) as {{ name }}{%- endmacro %}
{% macro spark__unpack_list(list, name) -%}explode(split({{ list }}, '[|]')) as {{ name }}{%- endmacro %}

{#- The value of `column`, null too, in the row that comes last by `ordering` columns. -#}
{% macro last_by(column, ordering) -%}{{ adapter.dispatch('last_by')(column, ordering) }}{%- endmacro %}
{% macro duckdb__last_by(column, ordering) -%}arg_max_null({{ column }}, row({{ ordering | join(', ') }})){%- endmacro %}
{% macro spark__last_by(column, ordering) -%}max_by({{ column }}, struct({{ ordering | join(', ') }})){%- endmacro %}

{#- Whole-number quotient, rounded up, of a non-negative number and a positive one. -#}
{% macro quotient_up(numerator, denominator) -%}{{ adapter.dispatch('quotient_up')(numerator, denominator) }}{%- endmacro %}
{% macro duckdb__quotient_up(numerator, denominator) -%}(({{ numerator }} + {{ denominator }} - 1) // {{ denominator }}){%- endmacro %}
{% macro spark__quotient_up(numerator, denominator) -%}(({{ numerator }} + {{ denominator }} - 1) div {{ denominator }}){%- endmacro %}

{#- Columns as one value; its members go by the columns' names. -#}
{% macro record(columns) -%}{{ adapter.dispatch('record')(columns) }}{%- endmacro %}
{% macro duckdb__record(columns) -%}struct_pack({% for c in columns %}{{ c }} := {{ c }}{{ ", " if not loop.last }}{% endfor %}){%- endmacro %}
{% macro spark__record(columns) -%}struct({{ columns | join(', ') }}){%- endmacro %}

{#- Whole-number quotient, rounded down, of a non-negative number and a positive one. -#}
{% macro whole_quotient(numerator, denominator) -%}{{ adapter.dispatch('whole_quotient')(numerator, denominator) }}{%- endmacro %}
{% macro duckdb__whole_quotient(numerator, denominator) -%}(({{ numerator }}) // ({{ denominator }})){%- endmacro %}
{% macro spark__whole_quotient(numerator, denominator) -%}(({{ numerator }}) div ({{ denominator }})){%- endmacro %}

{#- The n-th value of a |-separated list, counted from 1; null or empty where there are fewer. -#}
{% macro list_item(list, n) -%}{{ adapter.dispatch('list_item')(list, n) }}{%- endmacro %}
{% macro duckdb__list_item(list, n) -%}split_part({{ list }}, '|', {{ n }}){%- endmacro %}
{% macro spark__list_item(list, n) -%}split_part({{ list }}, '|', {{ n }}){%- endmacro %}

{#- How an incremental model replaces the rows of its unique key; on Spark every build is a full one. -#}
{% macro replacing() -%}{{ return(adapter.dispatch('replacing')()) }}{%- endmacro %}
{% macro duckdb__replacing() -%}{{ return('delete+insert') }}{%- endmacro %}
{% macro spark__replacing() -%}{{ return('append') }}{%- endmacro %}
