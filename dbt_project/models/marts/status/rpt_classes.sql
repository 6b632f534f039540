{{ config(materialized='view') }}
-- With the class's county, subject and tutor, by which a report groups them.

with standings as (
    {{ standings('class', 'class_id') }}
)

select
    standings.programme_id,
    standings.as_of_on,
    standings.class_id,
    classes.county_id,
    classes.subject_id,
    classes.tutor_key,
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
inner join {{ ref('dim_classes') }} as classes
    on standings.programme_id = classes.programme_id and standings.class_id = classes.class_id
