{#- Several members of a JSON object as texts, found in one pass: a list in the order of `paths`, each the names on the way.
    What is an object there comes as its text. -#}
{% macro json_texts(text, paths) -%}{{ adapter.dispatch('json_texts')(text, paths) }}{%- endmacro %}
{% macro duckdb__json_texts(text, paths) -%}
    json_extract_string({{ text }}, [
        {%- for path in paths %}'${% for name in path %}."{{ name }}"{% endfor %}'{{ ", " if not loop.last }}{% endfor -%}
    ])
{%- endmacro %}
{% macro spark__json_texts(text, paths) -%}
    array(
        {%- for path in paths -%}
        get_json_object({{ text }}, "${% for name in path %}['{{ name }}']{% endfor %}"){{ ", " if not loop.last }}
        {%- endfor -%}
    )
{%- endmacro %}

{#- The n-th value of a list, counted from 1. -#}
{% macro list_value(list, n) -%}{{ adapter.dispatch('list_value')(list, n) }}{%- endmacro %}
{% macro duckdb__list_value(list, n) -%}list_extract({{ list }}, {{ n }}){%- endmacro %}
{% macro spark__list_value(list, n) -%}element_at({{ list }}, {{ n }}){%- endmacro %}

{#- A JSON object as text, of a dict name → expression. -#}
{% macro json_object_text(fields) -%}{{ adapter.dispatch('json_object_text')(fields) }}{%- endmacro %}
{% macro duckdb__json_object_text(fields) -%}
    cast(to_json(struct_pack({% for name, value in fields.items() %}{{ name }} := {{ value }}{{ ", " if not loop.last }}{% endfor %})) as varchar)
{%- endmacro %}
{% macro spark__json_object_text(fields) -%}
    to_json(named_struct({% for name, value in fields.items() %}'{{ name }}', {{ value }}{{ ", " if not loop.last }}{% endfor %}))
{%- endmacro %}

{#- A text where it is a number in plain digits, else null: one engine takes digits of any script for a number, one an empty text. -#}
{% macro number_text(text) -%}{{ adapter.dispatch('number_text')(text) }}{%- endmacro %}
{% macro duckdb__number_text(text) -%}
    case when regexp_matches({{ text }}, '^ *[-+]?[0-9]*[.]?[0-9]+([eE][-+]?[0-9]+)? *$') then {{ text }} end
{%- endmacro %}
{% macro spark__number_text(text) -%}
    case when {{ text }} rlike '^ *[-+]?[0-9]*[.]?[0-9]+([eE][-+]?[0-9]+)? *$' then {{ text }} end
{%- endmacro %}

{#- A number that a client has written as text, to the millionth, and within a million either way: what is beyond is nothing that
    anybody did, and no sum of such numbers is to overflow. Null where it is no number. -#}
{% macro bounded_number(text) -%}
    {%- set number = number_text(text) -%}
    case when {{ number }} is not null then cast(greatest(least(coalesce(
        try_cast({{ number }} as decimal(18, 6)),
        case when try_cast({{ number }} as double) > 0 then 1000000 when try_cast({{ number }} as double) < 0 then -1000000 else 0 end
    ), 1000000), -1000000) as decimal(18, 6)) end
{%- endmacro %}

{#- Whether a text is one of played-segments: empty, or with a first segment that begins at a number. What is none is no viewing. -#}
{% macro has_segments(text) -%}
    {%- set start = "split_part(split_part(" ~ text ~ ", '[,]', 1), '[.]', 1)" -%}
    coalesce(trim({{ text }}) = '' or {{ number_text("replace(" ~ start ~ ", ',', '.')") }} is not null, false)
{%- endmacro %}

{#- Seconds played by the xAPI Video Profile's played-segments (0[.]12.5[,]40[.]60). A segment without an end is still
    playing and counts nothing yet; what was played twice counts twice, what is no number nothing. Some players write a decimal comma. -#}
{% macro played_seconds(segments) -%}{{ adapter.dispatch('played_seconds')(segments) }}{%- endmacro %}
{% macro duckdb__played_seconds(segments) -%}
    list_reduce(
        list_transform(
            list_filter(string_split({{ segments }}, '[,]'), lambda part: trim(split_part(part, '[.]', 2)) <> ''),
            lambda part: greatest(0, {{ bounded_number("replace(split_part(part, '[.]', 2), ',', '.')") }} - {{ bounded_number("replace(split_part(part, '[.]', 1), ',', '.')") }})
        ),
        lambda a, b: a + b, cast(0 as decimal(19, 6))
    )
{%- endmacro %}
{% macro spark__played_seconds(segments) -%}
    aggregate(
        transform(
            filter(split(replace({{ segments }}, '[,]', chr(30)), chr(30)), part -> trim(split_part(part, '[.]', 2)) <> ''),
            part -> greatest(0, {{ bounded_number("replace(split_part(part, '[.]', 2), ',', '.')") }} - {{ bounded_number("replace(split_part(part, '[.]', 1), ',', '.')") }})
        ),
        cast(0 as decimal(38, 6)), (a, b) -> cast(a + b as decimal(38, 6))
    )
{%- endmacro %}

{#- Seconds of an ISO 8601 duration (PT1H30M5.5S, P2D, P1W); null of one in years or months, whose seconds nobody knows. -#}
{% macro duration_seconds(duration) -%}
    {%- set days = "split_part(" ~ duration ~ ", 'T', 1)" %}
    case when {{ duration }} like 'P%' and {{ days }} not like '%Y%' and {{ days }} not like '%M%' then
        {%- for unit, part, seconds in [('W', 1, 604800), ('D', 1, 86400), ('H', 2, 3600), ('M', 2, 60), ('S', 2, 1)] %}
        {%- set number = "nullif(regexp_extract(replace(split_part(" ~ duration ~ ", 'T', " ~ part ~ "), ',', '.'), '([0-9.]+)" ~ unit ~ "', 1), '')" %}
        {{ "+ " if not loop.first }}{{ seconds }} * coalesce({{ bounded_number(number) }}, 0)
        {%- endfor %}
    end
{%- endmacro %}
