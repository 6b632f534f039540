{{ config(materialized='incremental', incremental_strategy='append') }}

-- What happens rarely, apart from what learners do all day: the events that keep their payload, and those of staff. The
-- models about them read some hundred thousand events and not fifty million.

select events.*
from {{ ref('stg_lake__events') }} as events
{%- if is_incremental() %}
{{ only_fresh('events') }}
{%- endif %}
where events.details is not null or events.staff_key is not null
