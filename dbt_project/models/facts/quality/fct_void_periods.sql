select
    programme_id,
    {{ event_text('voided_event_id') }} as event_id,
    {{ event_text('voided_by_event_id') }} as voided_by_event_id,
    voided_on as valid_from_on,
    restored_on as valid_to_on
from {{ ref('int_event_voids') }}
