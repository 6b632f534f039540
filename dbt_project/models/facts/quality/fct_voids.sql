-- Which event a void is about in the end, and when that is void.

select
    chains.programme_id,
    {{ event_text('chains.event_id') }} as event_id,
    {{ event_text('chains.voided_event_id') }} as voided_event_id,
    chains.depth % 2 = 1 as is_taking_away,
    chains.effective_on
from {{ ref('int_void_chains') }} as chains
