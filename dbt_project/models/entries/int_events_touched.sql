{{ config(tags=['touched']) }}
-- The counted events of the enrolments that an update works on: looked for among all events once, and read by many models.
-- None of a full build, which works on all of them.

select
    {%- for column in columns_in_play() %}
    events.{{ column }}{{ "," if not loop.last }}
    {%- endfor %}
from {{ ref('int_events_counted') }} as events
{{ only_touched('events') }}
where touched.is_gathered
