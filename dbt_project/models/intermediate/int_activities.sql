{{ config(materialized='view') }}

-- What simply adds up: each event's activity and its amount.

select
    event_id,
    programme_id,
    enrolment_id,
    occurred_on,
    case event_type
        when 'session.started' then 'session'
        when 'video.watched' then 'video'
        when 'text.read' then 'text'
        when 'content.accessed' then 'content'
        when 'journal.published' then 'journal'
        when 'assignment.submitted' then 'assignment_submitted'
        when 'peer_review.submitted' then 'peer_review'
        when 'resource.shared' then 'resource'
        when 'diagnostic.submitted' then 'diagnostic'
        when 'course.selected' then 'course_selected'
        when 'post.published' then 'post'
        when 'outcome.submitted' then 'outcome_submitted'
        when 'award.granted' then 'award'
    end as activity,
    case
        when event_type in ('video.watched', 'text.read') then duration_s
        when event_type = 'content.accessed' then cast(click_count as decimal(18, 3))
        else cast(1 as decimal(18, 3))
    end as quantity
from {{ ref('int_events_in_play') }}
where event_type in (
    'session.started', 'video.watched', 'text.read', 'content.accessed', 'journal.published',
    'assignment.submitted', 'peer_review.submitted', 'resource.shared', 'diagnostic.submitted',
    'course.selected', 'post.published', 'outcome.submitted', 'award.granted'
)
