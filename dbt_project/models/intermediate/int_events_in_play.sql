-- depends_on: {{ ref('int_events_counted') }} {{ ref('int_events_touched') }}
{{ config(materialized='view') }}

-- The counted events of opened enrolments, of those that this build works on: all of them in a
-- full build.

select
    {%- for column in columns_in_play() %}
    events.{{ column }}{{ "," if not loop.last }}
    {%- endfor %}
from {% if flags.FULL_REFRESH %}{{ ref('int_events_counted') }}{% else %}{{ ref('int_events_touched') }}{% endif %} as events
inner join {{ ref('int_enrolments_opened') }} as opened
    on events.programme_id = opened.programme_id and events.enrolment_id = opened.enrolment_id
