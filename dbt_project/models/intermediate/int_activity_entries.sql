{{ config(materialized='view') }}

-- Activity as entries of an account: adding up an enrolment's entries until a date gives its
-- state on that date. What cancels an earlier event (a void, a judgement, a later grade) is an
-- entry of its own on the day it takes effect, so no earlier date changes.

select programme_id, enrolment_id, occurred_on as entry_on, activity, 1 as event_count, quantity
from {{ ref('int_activities') }}
union all
-- Voided, it is taken away again from the day of the void.
select
    activities.programme_id,
    activities.enrolment_id,
    greatest(activities.occurred_on, voids.voided_on),
    activities.activity,
    -1,
    -activities.quantity
from {{ ref('int_activities') }} as activities
inner join {{ voids_of('activities') }}
union all
select programme_id, enrolment_id, entry_on, activity, event_count, quantity
from {{ ref('int_decision_entries') }}
union all
select programme_id, enrolment_id, entry_on, activity, event_count, quantity
from {{ ref('int_viewing_entries') }}
