{#- A JSON text as a struct of the given fields (a dict name → SQL type), asked for once. -#}
{% macro json_struct(text, fields) -%}{{ adapter.dispatch('json_struct')(text, fields) }}{%- endmacro %}
{% macro duckdb__json_struct(text, fields) -%}
    from_json({{ text }}, '{ {%- for name, type in fields.items() %}"{{ name }}": "{{ type }}"{{ ", " if not loop.last }}{% endfor -%} }')
{%- endmacro %}
{% macro spark__json_struct(text, fields) -%}
    from_json({{ text }}, '{% for name, type in fields.items() %}{{ name }} {{ type | replace("VARCHAR", "STRING") }}{{ ", " if not loop.last }}{% endfor %}')
{%- endmacro %}

{#- One top-level member of a JSON object, as text. -#}
{% macro json_text(text, name) -%}{{ adapter.dispatch('json_text')(text, name) }}{%- endmacro %}
{% macro duckdb__json_text(text, name) -%}json_extract_string({{ text }}, '$.{{ name }}'){%- endmacro %}
{% macro spark__json_text(text, name) -%}get_json_object({{ text }}, '$.{{ name }}'){%- endmacro %}

{#- The top-level members of a JSON object in the order of their names, so that two texts
    that differ in that order only are equal. -#}
{% macro canonical_json(text) -%}{{ adapter.dispatch('canonical_json')(text) }}{%- endmacro %}
{% macro duckdb__canonical_json(text) -%}
    cast(list_sort(map_entries(cast(cast({{ text }} as json) as map(varchar, json)))) as varchar)
{%- endmacro %}
{% macro spark__canonical_json(text) -%}
    to_json(array_sort(map_entries(from_json({{ text }}, 'map<string,string>'))))
{%- endmacro %}

{#- One row for each member of an object inside a JSON object whose values are numbers of a type, as column `name` with the
    fields key and value. -#}
{% macro unpack_json_numbers(text, member, name, type='bigint') -%}
    {{ adapter.dispatch('unpack_json_numbers')(text, member, name, type) }}
{%- endmacro %}
{% macro duckdb__unpack_json_numbers(text, member, name, type) -%}
    unnest(map_entries(cast(json_extract({{ text }}, '$.{{ member }}') as map(varchar, {{ type }})))) as {{ name }}
{%- endmacro %}
{% macro spark__unpack_json_numbers(text, member, name, type) -%}
    explode(map_entries(from_json(get_json_object({{ text }}, '$.{{ member }}'), 'map<string,{{ type }}>'))) as {{ name }}
{%- endmacro %}
