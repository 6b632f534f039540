{{ config(materialized='view') }}

-- Where the latest decision counts: each decision as (thing decided on, value), then the change
-- of value from the decision before.

with events as (
    select *
    from {{ ref('int_events_in_play') }}
    where event_type in (
        'post.published', 'post.judged', 'post.voided', 'assignment.graded', 'practice.awarded',
        'outcome.approved', 'outcome.rejected', 'result.recorded', 'course.selected', 'course.deselected'
    )
),

-- What passes is the definition's; one that came later decides again on the day it applies from.
definitions as (
    select * from {{ source('reference', 'definitions') }}
),

regraded as (
    select programme_id
    from definitions
    group by programme_id
    having count(distinct assignment_pass_grade) > 1 or count(distinct passing_results) > 1 or count(distinct unit_mastery) > 1
),

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
        case event_type when 'post.published' then 0 when 'post.judged' then 1 else 2 end as precedence,
        0 as definition_version
    from posts
    where published_on is not null
    union all
    select
        events.programme_id, events.enrolment_id, 'assignment_passed', events.assignment_id, events.event_id,
        greatest(events.occurred_on, definitions.applies_from_on), events.occurred_at, events.recorded_at,
        events.log_partition, events.log_offset,
        case
            when definitions.unit_mastery and {{ json_text('events.details', 'has_passed') }} is not null
                then case when {{ json_text('events.details', 'has_passed') }} = 'true' then 1 else 0 end
            when events.grade >= definitions.assignment_pass_grade then 1
            else 0
        end,
        0, definitions.version
    from events
    inner join definitions
        on events.programme_id = definitions.programme_id
            and events.occurred_on < definitions.applies_to_on
    where events.event_type = 'assignment.graded' and events.is_final
    union all
    select
        programme_id, enrolment_id, 'weighted_grade', assignment_id, event_id,
        occurred_on, occurred_at, recorded_at, log_partition, log_offset,
        cast(grade * coalesce(weight_pct, 0) * cast(0.01 as decimal(3, 2)) as decimal(18, 6)), 0, 0
    from events
    where event_type = 'assignment.graded' and is_final
    union all
    select
        programme_id, enrolment_id, 'course_selected', course_id, event_id,
        occurred_on, occurred_at, recorded_at, log_partition, log_offset,
        case when event_type = 'course.selected' then 1 else 0 end, 0, 0
    from events
    where event_type in ('course.selected', 'course.deselected')
    union all
    select
        programme_id, enrolment_id, 'practice_points', 'practice', event_id,
        occurred_on, occurred_at, recorded_at, log_partition, log_offset, points, 0, 0
    from events
    where event_type = 'practice.awarded'
    union all
    select
        programme_id, enrolment_id, 'outcome_points', 'outcome', event_id,
        occurred_on, occurred_at, recorded_at, log_partition, log_offset,
        case when event_type = 'outcome.approved' then points else 0 end, 0, 0
    from events
    where event_type in ('outcome.approved', 'outcome.rejected')
    union all
    select
        events.programme_id, events.enrolment_id, 'result_passed', 'result', events.event_id,
        greatest(events.occurred_on, definitions.applies_from_on), events.occurred_at, events.recorded_at,
        events.log_partition, events.log_offset,
        case when {{ in_list(json_text('events.details', 'result'), 'definitions.passing_results') }} then 1 else 0 end,
        0, definitions.version
    from events
    inner join definitions
        on events.programme_id = definitions.programme_id
            and events.occurred_on < definitions.applies_to_on
    where events.event_type = 'result.recorded'
),

-- A voided decision stands from its day until the day of its void, then the one before it does, until the void is taken back.
-- A later definition looks at a decision anew, and a withdrawn post outweighs judgements that come
-- after. So each day on which anything changes is looked at on its own.
contested as (
    select distinct decisions.programme_id, decisions.enrolment_id, decisions.activity, decisions.thing
    from decisions
    left join {{ ref('int_event_voids') }} as voids
        on decisions.programme_id = voids.programme_id and decisions.event_id = voids.voided_event_id
    left join regraded on decisions.programme_id = regraded.programme_id and decisions.definition_version > 0
    where voids.voided_event_id is not null or regraded.programme_id is not null or decisions.precedence = 2
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
    select
        decisions.programme_id, decisions.enrolment_id, decisions.activity, decisions.thing,
        decisions.occurred_at, decisions.recorded_at, decisions.log_partition, decisions.log_offset,
        decisions.value, decisions.precedence, decisions.definition_version,
        -- A post that is published anew after it was withdrawn is judged anew.
        coalesce(max(case when decisions.precedence = 0 then decisions.withdrawn_count end) over deciding, 0) as publication_number,
        {{ stands_from('decisions.decided_on') }} as decided_on,
        {{ stands_to('decisions.decided_on') }} as voided_on
    from (
        select
            decisions.*,
            sum(case when decisions.precedence = 2 then 1 else 0 end) over (
                partition by decisions.programme_id, decisions.enrolment_id, decisions.activity, decisions.thing
                order by decisions.occurred_at, decisions.recorded_at, decisions.log_partition, decisions.log_offset
                rows unbounded preceding
            ) as withdrawn_count
        from decisions
        inner join contested
            on decisions.programme_id = contested.programme_id and decisions.enrolment_id = contested.enrolment_id
                and decisions.activity = contested.activity and decisions.thing = contested.thing
    ) as decisions
    left join {{ standing_of('decisions') }}
    window deciding as (
        partition by decisions.programme_id, decisions.enrolment_id, decisions.activity, decisions.thing
        order by decisions.occurred_at, decisions.recorded_at, decisions.log_partition, decisions.log_offset
        rows unbounded preceding
    )
),

contested_days as (
    select programme_id, enrolment_id, activity, thing, decided_on as day_on from contested_decisions
    union
    select programme_id, enrolment_id, activity, thing, voided_on from contested_decisions where voided_on < {{ open_end() }}
),

contested_states as (
    select
        days.programme_id, days.enrolment_id, days.activity, days.thing, days.day_on,
        -- With its publication voided, a post's judgements count for nothing.
        case when min(d.precedence) = 0 then {{ last_by('d.value', [
            'd.publication_number', 'd.precedence', 'd.occurred_at', 'd.recorded_at', 'd.log_partition', 'd.log_offset', 'd.definition_version'
        ]) }} else 0 end as value
    from contested_days as days
    left join contested_decisions as d
        on days.programme_id = d.programme_id and days.enrolment_id = d.enrolment_id
            and days.activity = d.activity and days.thing = d.thing
            and d.decided_on <= days.day_on and d.voided_on > days.day_on
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

select programme_id, enrolment_id, entry_on, activity, 1 as event_count, cast(quantity as decimal(18, 6)) as quantity
from plain_changes
union all
select programme_id, enrolment_id, entry_on, activity, 0, cast(quantity as decimal(18, 6))
from contested_changes
