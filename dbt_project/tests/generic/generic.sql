{#- With `of_enrolments`, a build looks at so many enrolments: what an aggregate makes unique needs no second pass over all of it. -#}
{% test unique_together(model, columns, per_enrolment=false, of_enrolments=none) %}
select {% for c in columns %}tested.{{ c }}, {% endfor %}count(*) as row_count
from {{ tested_rows(model, per_enrolment, of_enrolments) }}
group by {% for c in columns %}tested.{{ c }}{{ ", " if not loop.last }}{% endfor %}
having count(*) > 1
{% endtest %}

{% test holds(model, condition, per_enrolment=false) %}
select tested.* from {{ tested_rows(model, per_enrolment) }} where not coalesce(({{ condition }}), false)
{% endtest %}

{#- Foreign keys of several columns: whatever has no null in them is found in the model that the key names. Only for what the models
    themselves make so, never for what a record could break. -#}
{% test refers_to(model, keys, per_enrolment=false) %}
{%- for key in keys %}
select '{{ key.to }}' as refers_to, {% for c in key.columns %}cast(tested.{{ c }} as {{ dbt.type_string() }}){{ " || ' ' || " if not loop.last }}{% endfor %} as missing
from {{ tested_rows(model, per_enrolment) }}
left join {{ ref(key.to) }} as found
    on {% for c in key.columns %}tested.{{ c }} = found.{{ (key.to_columns or key.columns)[loop.index0] }}{{ " and " if not loop.last }}{% endfor %}
where {% for c in key.columns %}tested.{{ c }} is not null and {% endfor %}found.{{ (key.to_columns or key.columns)[0] }} is null
{{ "union all" if not loop.last }}
{%- endfor %}
{% endtest %}
