-- How many records each enrolment has from each source: few rows, of which the accounts are made.

select
    programme_id,
    enrolment_id,
    source,
    count(*) as accepted_count,
    max(recorded_at) as last_recorded_at
from {{ ref('stg_lake__events') }}
group by programme_id, enrolment_id, source
