-- A class's county and subject are those of the people who take part in it by now; rpt_homes has them for each date.
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
    where appointments.valid_to_on = {{ open_end() }} and appointments.role = 'tutor' and appointments.scope_kind = 'class'
    group by appointments.programme_id, appointments.scope_id
)

select
    placements.programme_id,
    placements.class_id,
    {{ the_only('case when placements.is_participating and placements.valid_to_on = ' ~ open_end() ~ ' then placements.county_id end') }} as county_id,
    {{ the_only('case when placements.is_participating and placements.valid_to_on = ' ~ open_end() ~ ' then placements.subject_id end') }} as subject_id,
    min(tutors.tutor_key) as tutor_key,
    count(distinct placements.enrolment_id) as enrolment_count
from placements
left join tutors on placements.programme_id = tutors.programme_id and placements.class_id = tutors.class_id
group by placements.programme_id, placements.class_id
