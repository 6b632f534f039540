-- depends_on: {{ ref('int_enrolments_touched') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_touched() }}"
) }}

-- An enrolment's placement and standing from each day on which any part of it changes.

with placements as (
    select placements.*
    from {{ ref('int_enrolment_placements') }} as placements
    {{ only_touched('placements') }}
),

changes as (
    select changes.*
    from {{ ref('int_indicator_changes') }} as changes
    {{ only_touched('changes') }}
),

stages as (
    select programme_id, count(distinct stage) as stage_count
    from {{ source('reference', 'assessment_rules') }}
    group by programme_id
),

-- Activity may be older than the enrolment's opening; it counts from the opening on.
days as (
    select programme_id, enrolment_id, valid_from_on as day_on from placements
    union
    select changes.programme_id, changes.enrolment_id, changes.local_on
    from changes
    inner join (
        select programme_id, enrolment_id, min(valid_from_on) as first_on
        from placements
        group by programme_id, enrolment_id
    ) as firsts
        on changes.programme_id = firsts.programme_id and changes.enrolment_id = firsts.enrolment_id
            and changes.local_on >= firsts.first_on
),

met as (
    select
        days.programme_id,
        days.enrolment_id,
        days.day_on,
        coalesce(sum(case when changes.criterion = 'login' then case when changes.is_met then 1 else -1 end end), 0) as login_balance,
        coalesce(sum(case when changes.criterion = 'study' then case when changes.is_met then 1 else -1 end end), 0) as study_balance,
        coalesce(sum(case when changes.criterion like 'stage:%' then case when changes.is_met then 1 else -1 end end), 0) as stage_balance
    from days
    left join changes
        on days.programme_id = changes.programme_id and days.enrolment_id = changes.enrolment_id
            and changes.local_on <= days.day_on
    group by days.programme_id, days.enrolment_id, days.day_on
)

select
    met.programme_id,
    met.enrolment_id,
    placements.learner_key,
    met.day_on as valid_from_on,
    lead(met.day_on) over (partition by met.programme_id, met.enrolment_id order by met.day_on) as valid_to_on,
    placements.class_id,
    placements.school_id,
    placements.county_id,
    placements.subject_id,
    placements.school_stage,
    placements.is_called_up,
    placements.is_participating,
    placements.is_participating and met.login_balance > 0 as has_logged_in,
    placements.is_participating and met.study_balance > 0 as has_studied,
    placements.is_participating and met.stage_balance >= coalesce(stages.stage_count, 1) as has_passed
from met
inner join placements
    on met.programme_id = placements.programme_id and met.enrolment_id = placements.enrolment_id
        and met.day_on >= placements.valid_from_on
        and (placements.valid_to_on is null or met.day_on < placements.valid_to_on)
left join stages on met.programme_id = stages.programme_id
