{{ config(materialized='view') }}
{%- set activities = var('staff_activities') %}

-- What staff did, as entries of an account; a void takes away from the day it was recorded, and its own void gives back.

with events as (
    select
        events.*,
        case
            when events.event_type = 'post.published'
                then case {{ json_text('events.details', 'kind') }} when 'post' then 'post' else 'reply' end
            {%- for event_type, activity in activities.items() %}
            when events.event_type = '{{ event_type }}' then '{{ activity }}'
            {%- endfor %}
        end as activity
    from {{ ref('int_rare_counted') }} as events
    where events.staff_key is not null
        and events.event_type in ('post.published', '{{ activities | join("', '") }}')
)

select programme_id, staff_key, occurred_on as entry_on, activity, 1 as event_count
from events
union all
select events.programme_id, events.staff_key, greatest(events.occurred_on, voids.changed_on), events.activity, voids.change
from events
inner join {{ void_changes_of('events') }}
