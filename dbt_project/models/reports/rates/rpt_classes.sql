{{ config(materialized='view') }}
-- With the class's name of the date, and its county, subject and tutor, by which a report groups them.

with standings as (
    {{ standings('class', 'class_id') }}
)

select
    standings.programme_id,
    standings.as_of_on,
    standings.class_id,
    names.label_zh,
    names.label_en,
    homes.county_id,
    homes.subject_id,
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
inner join {{ ref('dim_groups') }} as names
    on standings.programme_id = names.programme_id and standings.class_id = names.group_id and names.kind = 'class'
        and {{ holds_on('names', 'standings.as_of_on') }}
inner join {{ ref('rpt_homes') }} as homes
    on standings.programme_id = homes.programme_id and standings.as_of_on = homes.as_of_on
        and standings.class_id = homes.group_id and homes.kind = 'class'
