{% test unique_together(model, columns, per_enrolment=false) %}
select {% for c in columns %}tested.{{ c }}, {% endfor %}count(*) as row_count
from {{ tested_rows(model, per_enrolment) }}
group by {% for c in columns %}tested.{{ c }}{{ ", " if not loop.last }}{% endfor %}
having count(*) > 1
{% endtest %}

{% test holds(model, condition, per_enrolment=false) %}
select tested.* from {{ tested_rows(model, per_enrolment) }} where not coalesce(({{ condition }}), false)
{% endtest %}
