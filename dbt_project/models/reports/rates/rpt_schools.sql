{{ config(materialized='view') }}
-- With its name of the date.

with standings as (
    {{ standings('school', 'school_id') }}
)

select
    standings.programme_id,
    standings.as_of_on,
    standings.school_id,
    names.label_zh,
    names.label_en,
    standings.participating_count,
    standings.login_count,
    standings.study_count,
    standings.pass_count,
    standings.login_ratio,
    standings.study_ratio,
    standings.pass_ratio,
    standings.rank_number,
    standings.ranked_count
from standings
inner join {{ ref('dim_groups') }} as names
    on standings.programme_id = names.programme_id and standings.school_id = names.group_id and names.kind = 'school'
        and {{ holds_on('names', 'standings.as_of_on') }}
