{#- Which event types stand behind an activity; a trace follows it. #}
{%- for event_type, activity in var('plain_activities').items() %}
select '{{ activity }}' as activity, '{{ event_type }}' as event_type
union all
{%- endfor %}
{%- for activity in var('total_activities') %}
select '{{ activity }}' as activity, 'totals.reported' as event_type
union all
{%- endfor %}
{%- for activity, event_types in var('decided_activities').items() %}
{%- set last_activity = loop.last %}
{%- for event_type in event_types %}
select '{{ activity }}' as activity, '{{ event_type }}' as event_type
{{ "union all" if not (last_activity and loop.last) }}
{%- endfor %}
{%- endfor %}
