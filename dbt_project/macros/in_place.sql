{# The private build is thrown away as a whole where anything fails, so that a table or view is made in its place, not
   beside it and renamed: each renaming and dropping costs dbt ten milliseconds. #}
{% materialization table, adapter="duckdb" %}
  {{ return(made_in_place('table', create_table_as(False, this.incorporate(type='table'), compiled_code))) }}
{% endmaterialization %}

{% materialization view, adapter="duckdb" %}
  {{ return(made_in_place('view', create_view_as(this.incorporate(type='view'), compiled_code))) }}
{% endmaterialization %}

{% macro made_in_place(kind, statement_text) %}
  {% set existing = load_cached_relation(this) %}
  {{ run_hooks(pre_hooks) }}
  {% if existing is not none %}{% do adapter.drop_relation(existing) %}{% endif %}
  {% call statement('main') %}{{ statement_text }}{% endcall %}
  {{ run_hooks(post_hooks) }}
  {% do adapter.commit() %}
  {{ return({'relations': [this.incorporate(type=kind)]}) }}
{% endmacro %}
