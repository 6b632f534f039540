{{ config(materialized='view') }}

-- Each event once.

{{ counted(ref('stg_lake__events')) }}
