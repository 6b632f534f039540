{{ config(materialized='view') }}
-- The dates of all programmes, one by one: what metrics over time are joined with.

select distinct as_of_on as day_on
from {{ ref('dim_dates') }}
