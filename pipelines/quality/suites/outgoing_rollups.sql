-- One row a programme and breakdown: on how many dates its cells do not add up to the programme's counts.
with sums as (
    select programme_id, as_of_on, breakdown, sum(columns('.*_count')) as '\0'
    from marts.rpt_status
    group by programme_id, as_of_on, breakdown
)

select
    parts.programme_id,
    parts.breakdown,
    count(*) filter (parts.counts is distinct from wholes.counts) as unequal_dates_count
from (select programme_id, as_of_on, breakdown, [*columns('.*_count')] as counts from sums) as parts
inner join (select programme_id, as_of_on, [*columns('.*_count')] as counts from sums where breakdown = 'programme') as wholes
    using (programme_id, as_of_on)
group by parts.programme_id, parts.breakdown
