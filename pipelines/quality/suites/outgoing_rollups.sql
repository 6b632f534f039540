-- One row a programme and breakdown: on how many dates its cells' counts do not change as the programme's do.
with movements as (
    select programme_id, breakdown, indicator, valid_from_on as local_on, numerator_count, denominator_count
    from marts.fct_cell_spells
    inner join marts.dim_cells using (programme_id, cell_number)
    union all
    select programme_id, breakdown, indicator, valid_to_on, -numerator_count, -denominator_count
    from marts.fct_cell_spells
    inner join marts.dim_cells using (programme_id, cell_number)
),

sums as (
    select
        programme_id, breakdown, indicator, local_on,
        sum(numerator_count) as numerator_count, sum(denominator_count) as denominator_count
    from movements
    group by programme_id, breakdown, indicator, local_on
),

differences as (
    select programme_id, breakdown, indicator, local_on, numerator_count, denominator_count
    from sums
    union all
    select sums.programme_id, breakdowns.breakdown, sums.indicator, sums.local_on, -sums.numerator_count, -sums.denominator_count
    from sums
    inner join (select distinct programme_id, breakdown from marts.dim_cells) as breakdowns using (programme_id)
    where sums.breakdown = 'programme'
),

compared as (
    select
        programme_id, breakdown, local_on,
        sum(numerator_count) <> 0 or sum(denominator_count) <> 0 as is_unequal
    from differences
    group by programme_id, breakdown, indicator, local_on
)

select programme_id, breakdown, count(distinct local_on) filter (is_unequal) as unequal_dates_count
from compared
group by programme_id, breakdown
