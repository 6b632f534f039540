{{ config(materialized='view') }}
{%- set activities = var('plain_activities') %}

-- What simply adds up: each event's activity and its amount.

select
    event_id,
    programme_id,
    enrolment_id,
    occurred_on,
    {{ plain_activity('event_type') }} as activity,
    case
        when event_type in ('video.watched', 'text.read') then duration_s
        when event_type = 'content.accessed' then cast(click_count as decimal(18, 6))
        else cast(1 as decimal(18, 6))
    end as quantity
from {{ ref('int_events_in_play') }}
where event_type in ('{{ activities | join("', '") }}')
    -- What is told again does not add up: int_once_entries has what is new.
    and once_key is null
