{{ config(materialized='view') }}

-- The counted events of the opened enrolments that this build computes anew: those that were gathered, and those of enrolments
-- whose events were not.

select
    {%- for column in columns_in_play() %}
    events.{{ column }}{{ "," if not loop.last }}
    {%- endfor %}
from {{ ref('int_events_touched') }} as events
inner join {{ ref('int_enrolments_opened') }} as opened
    on events.programme_id = opened.programme_id and events.enrolment_id = opened.enrolment_id
union all
select
    {%- for column in columns_in_play() %}
    events.{{ column }}{{ "," if not loop.last }}
    {%- endfor %}
from {{ ref('int_events_counted') }} as events
{{ only_touched('events') }}
where not touched.is_gathered
