-- Each void, followed to the event that it is about in the end: a void of a void is about what the first one took. It takes effect
-- when it and all voids on its way have been recorded.

select
    chains.programme_id,
    chains.event_id,
    chains.voided_event_id,
    chains.depth,
    chains.effective_on,
    chains.effective_number,
    chains.void_number
from {{ void_chains(ref('int_voids')) }} as chains
