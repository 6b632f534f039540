-- Counties, subjects, classes, stages and county × subject each add up to the programme on every date.
with sums as (
    select programme_id, as_of_on, breakdown,
        sum(called_up_count) as called_up, sum(participating_count) as participating,
        sum(login_count) as login, sum(study_count) as study, sum(pass_count) as passed
    from {{ ref('rpt_status') }}
    group by programme_id, as_of_on, breakdown
)

select parts.*
from sums as parts
inner join sums as whole
    on parts.programme_id = whole.programme_id and parts.as_of_on = whole.as_of_on
        and whole.breakdown = 'programme'
where parts.called_up <> whole.called_up
    or parts.participating <> whole.participating
    or parts.login <> whole.login
    or parts.study <> whole.study
    or parts.passed <> whole.passed
