{#- A model's schema is its layer, the same in every build. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}

{#- What the sources are made by; without them DuckDB would say that there is no such schema. -#}
{% macro need_sources() -%}
    {%- if execute and target.type == 'duckdb' and not load_relation(source('reference', 'programmes')) -%}
        {{ exceptions.raise_compiler_error(
            "the tables that the models read (lake, reference) are not in this file: xueqing makes them. Run dbt through it: xueqing dbt "
            ~ "build --select dim_counties (or run, test, show, compile, docs generate), after a first: xueqing build"
        ) }}
    {%- endif -%}
{%- endmacro %}
