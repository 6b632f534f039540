-- One row a programme and breakdown: by how much logins exceed studies, and studies passes, in the cell and on the date of the least.
with counts as (
    select programme_id, breakdown, cell_number, indicator, valid_from_on, valid_to_on, numerator_count
    from marts.fct_cell_spells
    inner join marts.dim_cells using (programme_id, cell_number)
    where indicator in ('login', 'study', 'pass')
),

pairs as (
    select wider.programme_id, wider.breakdown, wider.indicator, wider.numerator_count - narrower.numerator_count as over_count
    from counts as wider
    inner join counts as narrower
        on wider.cell_number = narrower.cell_number
            and (wider.indicator, narrower.indicator) in (('login', 'study'), ('study', 'pass'))
            and wider.valid_from_on < narrower.valid_to_on and narrower.valid_from_on < wider.valid_to_on
),

least as (
    select
        programme_id,
        breakdown,
        min(over_count) filter (indicator = 'login') as login_over_study_count,
        min(over_count) filter (indicator = 'study') as study_over_pass_count
    from pairs
    group by programme_id, breakdown
)

select least.*, coalesce(logins.has_logins, false) as has_logins
from least
left join (
    select programme_id, breakdown, bool_or(numerator_count > 0) as has_logins
    from counts
    where indicator = 'login'
    group by programme_id, breakdown
) as logins using (programme_id, breakdown)
