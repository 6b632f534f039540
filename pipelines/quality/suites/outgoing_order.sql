-- One row a programme and breakdown: by how much logins exceed studies, and studies passes, in the cell and on the date of the least.
select
    programme_id,
    breakdown,
    min(login_count - study_count) as login_over_study_count,
    min(study_count - pass_count) as study_over_pass_count,
    bool_or(login_count > 0) as has_logins
from marts.rpt_status
group by programme_id, breakdown
