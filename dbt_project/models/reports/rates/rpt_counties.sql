{{ config(materialized='view') }}

{{ standings('county', 'county_id') }}
