with placements as (
    select * from {{ ref('int_enrolment_placements') }} where class_id is not null
),

tutors as (
    select
        programme_id,
        scope_id as class_id,
        {{ last_by('staff_key', ['occurred_at', 'recorded_at', 'log_partition', 'log_offset']) }} as tutor_key
    from {{ ref('int_events_counted') }}
    where event_type = 'staff.appointed' and role = 'tutor' and scope_kind = 'class'
    group by programme_id, scope_id
)

select
    placements.programme_id,
    placements.class_id,
    min(placements.county_id) as county_id,
    min(placements.subject_id) as subject_id,
    min(tutors.tutor_key) as tutor_key,
    count(distinct placements.enrolment_id) as enrolment_count
from placements
left join tutors on placements.programme_id = tutors.programme_id and placements.class_id = tutors.class_id
group by placements.programme_id, placements.class_id
