{{ config(materialized='view') }}

-- Activity as entries of an account: adding up an enrolment's entries until a date gives its
-- state on that date. What cancels an earlier event (a void, a judgement, a later grade) is an
-- entry of its own on the day it takes effect, so no earlier date changes.

select programme_id, enrolment_id, occurred_on as entry_on, activity, 1 as event_count, quantity
from {{ ref('int_activities') }}
union all
-- Voided, it is taken away again from the day of the void, and counts anew from the day on which the void is taken back.
select
    activities.programme_id,
    activities.enrolment_id,
    greatest(activities.occurred_on, voids.changed_on),
    activities.activity,
    voids.change,
    cast(voids.change * activities.quantity as decimal(18, 6))
from {{ ref('int_activities') }} as activities
inner join {{ void_changes_of('activities') }}
union all
select programme_id, enrolment_id, entry_on, activity, event_count, quantity
from {{ ref('int_decision_entries') }}
union all
select programme_id, enrolment_id, entry_on, activity, event_count, quantity
from {{ ref('int_once_entries') }}
union all
select programme_id, enrolment_id, entry_on, activity, event_count, quantity
from {{ ref('int_unit_entries') }}
union all
select programme_id, enrolment_id, entry_on, activity, event_count, quantity
from {{ ref('int_totals_entries') }}
