{{ config(materialized='view') }}

-- Each rare event once.

{{ counted(ref('int_events_rare')) }}
