-- When an event is void. Whatever is said of one event (voids of it, of those voids, of theirs) takes away or gives back by turns, and
-- what took effect last decides.
{%- set turn = ['effective_number', 'depth', 'void_number'] %}

with days as (
    select
        programme_id, voided_event_id, effective_on,
        {{ last_by('depth', turn) }} % 2 = 1 as is_void,
        {{ last_by('event_id', turn) }} as voided_by_event_id
    from {{ ref('int_void_chains') }}
    group by programme_id, voided_event_id, effective_on
),

turns as (
    select
        *,
        coalesce(lag(is_void) over (partition by programme_id, voided_event_id order by effective_on), false) as was_void
    from days
),

changes as (
    select
        *,
        lead(effective_on) over (partition by programme_id, voided_event_id order by effective_on) as next_on
    from turns
    where is_void <> was_void
)

select
    programme_id,
    voided_event_id,
    voided_by_event_id,
    effective_on as voided_on,
    coalesce(next_on, {{ open_end() }}) as restored_on
from changes
where is_void
