{{ config(materialized='view') }}
{%- set dimensions = var('dimensions') %}
-- Equal rates share a rank, and the next one is as far down as there are cells before it. Cells
-- without a rate have no rank.

select
    programme_id,
    as_of_on,
    indicator,
    breakdown,
    {%- for d in dimensions %}
    {{ d }},
    {%- endfor %}
    numerator_count,
    denominator_count,
    ratio,
    cast(rank() over (partition by programme_id, as_of_on, indicator, breakdown order by ratio desc) as bigint) as rank_number,
    count(*) over (partition by programme_id, as_of_on, indicator, breakdown, ratio) as tied_count,
    count(*) over (partition by programme_id, as_of_on, indicator, breakdown) as ranked_count
from {{ ref('rpt_indicators') }}
where ratio is not null and breakdown <> 'programme'
