-- One row a programme, breakdown and rate: the least and the greatest that any cell has on any date.
with extremes as (
    select programme_id, breakdown, min(columns('.*_ratio')) as 'min_\0', max(columns('.*_ratio')) as 'max_\0'
    from marts.rpt_status
    group by programme_id, breakdown
),

tall as (
    unpivot extremes on columns('.*_ratio') into name name value ratio
)

select
    programme_id,
    breakdown,
    substr(name, 5) as rate,
    cast(min(ratio) as double) as min_ratio,
    cast(max(ratio) as double) as max_ratio
from tall
group by programme_id, breakdown, rate
