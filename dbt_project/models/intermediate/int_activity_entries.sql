{{ config(materialized='view') }}

-- Activity as entries of an account: adding up an enrolment's entries until a date gives its
-- state on that date. What cancels an earlier event (a void, a judgement, a later grade) is an
-- entry of its own on the day it takes effect, so no earlier date changes.

with events as (
    select events.*
    from {{ ref('int_events_counted') }} as events
    inner join {{ ref('int_enrolments_opened') }} as opened
        on events.programme_id = opened.programme_id and events.enrolment_id = opened.enrolment_id
),

voids as (
    select voided_event_id, min(recorded_on) as voided_on
    from {{ ref('int_events_counted') }}
    where event_type = 'event.voided'
    group by voided_event_id
),

programmes as (
    select * from {{ source('reference', 'programmes') }}
),

-- What simply adds up: its amount on its day, and, voided, minus that from the day of the void.
additive as (
    select
        events.event_id,
        events.programme_id,
        events.enrolment_id,
        events.occurred_on as entry_on,
        case events.event_type
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
            when events.event_type in ('video.watched', 'text.read') then events.duration_s
            when events.event_type = 'content.accessed' then cast(events.click_count as decimal(18, 3))
            else cast(1 as decimal(18, 3))
        end as quantity
    from events
    where events.event_type in (
        'session.started', 'video.watched', 'text.read', 'content.accessed', 'journal.published',
        'assignment.submitted', 'peer_review.submitted', 'resource.shared', 'diagnostic.submitted',
        'course.selected', 'post.published', 'outcome.submitted', 'award.granted'
    )
),

additive_voided as (
    select
        additive.programme_id,
        additive.enrolment_id,
        greatest(additive.entry_on, voids.voided_on) as entry_on,
        additive.activity,
        -1 as event_count,
        -additive.quantity as quantity
    from additive
    inner join voids on additive.event_id = voids.voided_event_id
),

-- Where the latest decision counts: each decision as (thing decided on, value), then the change
-- of value from the decision before.
posts as (
    select
        *,
        min(case when event_type = 'post.published' then occurred_on end) over (
            partition by programme_id, enrolment_id, post_id
        ) as published_on
    from events
    where event_type in ('post.published', 'post.judged', 'post.voided')
),

decisions as (
    -- A judgement without its post says nothing; one dated before it takes effect with it.
    select
        programme_id, enrolment_id, 'effective_post' as activity, post_id as thing, event_id,
        greatest(occurred_on, published_on) as decided_on, occurred_at, recorded_at, log_partition, log_offset,
        case
            when event_type = 'post.published' and coalesce(is_effective, true) then 1
            when event_type = 'post.judged' and is_effective then 1
            else 0
        end as value,
        case event_type when 'post.published' then 0 when 'post.judged' then 1 else 2 end as precedence
    from posts
    where published_on is not null
    union all
    select
        events.programme_id, events.enrolment_id, 'assignment_passed', events.assignment_id, events.event_id,
        events.occurred_on, events.occurred_at, events.recorded_at, events.log_partition, events.log_offset,
        case when events.grade >= coalesce(programmes.assignment_pass_grade, 60) then 1 else 0 end,
        0
    from events
    left join programmes on events.programme_id = programmes.programme_id
    where events.event_type = 'assignment.graded' and events.is_final
    union all
    select
        programme_id, enrolment_id, 'practice_points', 'practice', event_id,
        occurred_on, occurred_at, recorded_at, log_partition, log_offset, points, 0
    from events
    where event_type = 'practice.awarded'
    union all
    select
        programme_id, enrolment_id, 'outcome_points', 'outcome', event_id,
        occurred_on, occurred_at, recorded_at, log_partition, log_offset,
        case when event_type = 'outcome.approved' then points else 0 end, 0
    from events
    where event_type in ('outcome.approved', 'outcome.rejected')
    union all
    select
        events.programme_id, events.enrolment_id, 'result_passed', 'result', events.event_id,
        events.occurred_on, events.occurred_at, events.recorded_at, events.log_partition, events.log_offset,
        case when {{ in_list('events.result', 'programmes.passing_results') }} then 1 else 0 end,
        0
    from events
    left join programmes on events.programme_id = programmes.programme_id
    where events.event_type = 'result.recorded'
),

-- A voided decision stands from its day until the day of its void; then the one before it does.
-- So each day on which anything changes is looked at on its own.
contested as (
    select distinct decisions.programme_id, decisions.enrolment_id, decisions.activity, decisions.thing
    from decisions
    inner join voids on decisions.event_id = voids.voided_event_id
),

plain_changes as (
    select
        decisions.programme_id, decisions.enrolment_id, decisions.activity,
        decisions.decided_on as entry_on,
        decisions.value - coalesce(lag(decisions.value) over deciding, 0) as quantity
    from decisions
    left join contested
        on decisions.programme_id = contested.programme_id and decisions.enrolment_id = contested.enrolment_id
            and decisions.activity = contested.activity and decisions.thing = contested.thing
    where contested.thing is null
    window deciding as (
        partition by decisions.programme_id, decisions.enrolment_id, decisions.activity, decisions.thing
        order by decisions.precedence, decisions.occurred_at, decisions.recorded_at,
            decisions.log_partition, decisions.log_offset
    )
),

contested_decisions as (
    select decisions.*, greatest(voids.voided_on, decisions.decided_on) as voided_on
    from decisions
    inner join contested
        on decisions.programme_id = contested.programme_id and decisions.enrolment_id = contested.enrolment_id
            and decisions.activity = contested.activity and decisions.thing = contested.thing
    left join voids on decisions.event_id = voids.voided_event_id
),

contested_days as (
    select programme_id, enrolment_id, activity, thing, decided_on as day_on from contested_decisions
    union
    select programme_id, enrolment_id, activity, thing, voided_on from contested_decisions where voided_on is not null
),

contested_states as (
    select
        days.programme_id, days.enrolment_id, days.activity, days.thing, days.day_on,
        -- With its publication voided, a post's judgements count for nothing.
        case when min(d.precedence) = 0 then {{ last_by('d.value', [
            'd.precedence', 'd.occurred_at', 'd.recorded_at', 'd.log_partition', 'd.log_offset'
        ]) }} else 0 end as value
    from contested_days as days
    left join contested_decisions as d
        on days.programme_id = d.programme_id and days.enrolment_id = d.enrolment_id
            and days.activity = d.activity and days.thing = d.thing
            and d.decided_on <= days.day_on and (d.voided_on is null or d.voided_on > days.day_on)
    group by days.programme_id, days.enrolment_id, days.activity, days.thing, days.day_on
),

contested_changes as (
    select
        programme_id, enrolment_id, activity, day_on as entry_on,
        value - coalesce(lag(value) over (
            partition by programme_id, enrolment_id, activity, thing order by day_on
        ), 0) as quantity
    from contested_states
)

select programme_id, enrolment_id, entry_on, activity, 1 as event_count, quantity from additive
union all
select programme_id, enrolment_id, entry_on, activity, event_count, quantity from additive_voided
union all
select programme_id, enrolment_id, entry_on, activity, 1, cast(quantity as decimal(18, 3)) from plain_changes
union all
select programme_id, enrolment_id, entry_on, activity, 0, cast(quantity as decimal(18, 3)) from contested_changes
