-- A reply of staff answers the learner's post that it names; it counts until either is voided.
with replies as (
    select
        events.programme_id, events.staff_key, events.event_id, events.occurred_at, events.occurred_on, voids.voided_on,
        {{ json_text('events.details', 'parent_post_id') }} as post_id
    from {{ ref('int_rare_counted') }} as events
    left join {{ voids_of('events') }}
    where events.event_type = 'post.published' and events.staff_key is not null
),

answered as (
    select distinct programme_id, post_id from replies where post_id is not null
),

posts as (
    select
        events.programme_id, events.post_id,
        min(events.enrolment_id) as enrolment_id,
        min(events.occurred_at) as occurred_at,
        min(events.occurred_on) as occurred_on,
        min(voids.voided_on) as voided_on
    from {{ ref('int_events_counted') }} as events
    inner join answered on events.programme_id = answered.programme_id and events.post_id = answered.post_id
    left join {{ voids_of('events') }}
    where events.event_type = 'post.published' and events.enrolment_id is not null
    group by events.programme_id, events.post_id
),

paired as (
    select
        replies.programme_id, replies.post_id, posts.enrolment_id, replies.staff_key, replies.event_id,
        posts.occurred_at as posted_at, replies.occurred_at as responded_at,
        greatest(replies.occurred_on, posts.occurred_on) as valid_from_on,
        least(replies.voided_on, posts.voided_on) as voided_on
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
    case when voided_on is not null then greatest(voided_on, valid_from_on) end as valid_to_on
from paired
