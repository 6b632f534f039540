{{ config(materialized='view') }}

{{ standings('school', 'school_id') }}
