-- One row a programme, breakdown and indicator: the least and the greatest rate that any cell has on any date.
select
    programme_id,
    breakdown,
    indicator as rate,
    min(numerator_count / denominator_count) as min_ratio,
    max(numerator_count / denominator_count) as max_ratio
from marts.fct_cell_spells
inner join marts.dim_cells using (programme_id, cell_number)
where denominator_count <> 0
group by programme_id, breakdown, indicator
