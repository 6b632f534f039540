with placements as (
    select * from {{ ref('int_enrolment_placements') }} where class_id is not null
),

tutors as (
    select
        appointments.programme_id,
        appointments.scope_id as class_id,
        {{ last_by('appointments.staff_key', [
            'appointments.occurred_at', 'appointments.recorded_at', 'appointments.log_partition', 'appointments.log_offset'
        ]) }} as tutor_key
    from {{ ref('int_staff_appointments') }} as appointments
    where appointments.voided_on is null and appointments.role = 'tutor' and appointments.scope_kind = 'class'
    group by appointments.programme_id, appointments.scope_id
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
