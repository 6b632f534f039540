-- The counted events of the enrolments that an update works on: looked for among all events once, and read by many models.
-- Empty in a full build, which works on all of them.

select
    {%- for column in columns_in_play() %}
    events.{{ column }}{{ "," if not loop.last }}
    {%- endfor %}
from {{ ref('int_events_counted') }} as events
inner join {{ ref('int_enrolments_touched') }} as touched
    on events.programme_id = touched.programme_id and events.enrolment_id = touched.enrolment_id
{%- if flags.FULL_REFRESH %}
where false
{%- endif %}
