{{ config(materialized='view') }}

-- Units of cmi5 courses, as entries: a unit is satisfied from the day on which there is what its moveOn asks, as long as none of it is
-- voided. A unit that asks nothing (NotApplicable) is no achievement, and one that no pack knows cannot be judged.

with facts as (
    select
        events.programme_id, events.enrolment_id, units.unit_id, units.move_on,
        case
            when events.event_type = 'assignment.graded' then 'passed'
            when {{ json_text('events.details', 'is_waived') }} = 'true' then 'waived'
            else 'completed'
        end as fact,
        {{ stands_from('events.occurred_on') }} as stands_from_on,
        {{ stands_to('events.occurred_on') }} as stands_to_on
    from {{ ref('int_events_in_play') }} as events
    inner join {{ source('reference', 'units') }} as units
        on events.programme_id = units.programme_id
            and coalesce(events.assignment_id, {{ json_text('events.details', 'unit_id') }}) = units.unit_id
    left join {{ standing_of('events') }}
    where events.event_type = 'unit.completed'
        or (events.event_type = 'assignment.graded' and {{ json_text('events.details', 'has_passed') }} = 'true')
),

days as (
    select programme_id, enrolment_id, unit_id, move_on, stands_from_on as day_on from facts
    union
    select programme_id, enrolment_id, unit_id, move_on, stands_to_on from facts where stands_to_on < {{ open_end() }}
),

states as (
    select
        days.programme_id, days.enrolment_id, days.unit_id, days.day_on,
        case
            when max(case when facts.fact = 'waived' then 1 else 0 end) = 1 then 1
            when days.move_on = 'Passed' then max(case when facts.fact = 'passed' then 1 else 0 end)
            when days.move_on = 'Completed' then max(case when facts.fact = 'completed' then 1 else 0 end)
            when days.move_on = 'CompletedAndPassed' then case when count(distinct facts.fact) = 2 then 1 else 0 end
            when days.move_on = 'CompletedOrPassed' then case when count(facts.fact) > 0 then 1 else 0 end
            else 0
        end as is_satisfied
    from days
    left join facts
        on days.programme_id = facts.programme_id and days.enrolment_id = facts.enrolment_id and days.unit_id = facts.unit_id
            and facts.stands_from_on <= days.day_on and facts.stands_to_on > days.day_on
    group by days.programme_id, days.enrolment_id, days.unit_id, days.move_on, days.day_on
),

changes as (
    select
        programme_id, enrolment_id, unit_id, day_on,
        is_satisfied - coalesce(lag(is_satisfied) over (
            partition by programme_id, enrolment_id, unit_id order by day_on
        ), 0) as change
    from states
)

select programme_id, enrolment_id, unit_id, day_on as entry_on, 'unit_satisfied' as activity, change as event_count, cast(change as decimal(18, 6)) as quantity
from changes
where change <> 0
