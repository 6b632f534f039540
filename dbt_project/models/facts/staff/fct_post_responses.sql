-- A reply of staff answers the learner's post that it names, first published; it counts while both stand.
with replies as (
    select
        events.programme_id, events.staff_key, events.event_id, events.occurred_at,
        {{ stands_from('events.occurred_on') }} as stands_from_on, {{ stands_to('events.occurred_on') }} as stands_to_on,
        {{ json_text('events.details', 'parent_post_id') }} as post_id
    from {{ ref('int_rare_counted') }} as events
    left join {{ standing_of('events') }}
    where events.event_type = 'post.published' and events.staff_key is not null
),

answered as (
    select distinct programme_id, post_id from replies where post_id is not null
),

published as (
    select
        events.*,
        row_number() over (
            partition by events.programme_id, events.post_id
            order by events.occurred_at, events.recorded_at, events.log_partition, events.log_offset
        ) as publication_number
    from {{ ref('int_events_counted') }} as events
    inner join answered on events.programme_id = answered.programme_id and events.post_id = answered.post_id
    where events.event_type = 'post.published' and events.enrolment_id is not null
),

posts as (
    select
        events.programme_id, events.post_id, events.enrolment_id, events.occurred_at,
        {{ stands_from('events.occurred_on') }} as stands_from_on, {{ stands_to('events.occurred_on') }} as stands_to_on
    from published as events
    left join {{ standing_of('events') }}
    where events.publication_number = 1
),

paired as (
    select
        replies.programme_id, replies.post_id, posts.enrolment_id, replies.staff_key, replies.event_id,
        posts.occurred_at as posted_at, replies.occurred_at as responded_at,
        greatest(replies.stands_from_on, posts.stands_from_on) as valid_from_on,
        least(replies.stands_to_on, posts.stands_to_on) as valid_to_on
    from replies
    inner join posts on replies.programme_id = posts.programme_id and replies.post_id = posts.post_id
    where replies.occurred_at >= posts.occurred_at
)

select
    programme_id,
    post_id,
    enrolment_id,
    staff_key,
    {{ event_text('event_id') }} as event_id,
    posted_at,
    responded_at,
    cast({{ seconds_between('posted_at', 'responded_at') }} as bigint) as response_s,
    valid_from_on,
    valid_to_on
from paired
where valid_to_on > valid_from_on
