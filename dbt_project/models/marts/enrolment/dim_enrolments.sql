select
    programme_id,
    enrolment_id,
    learner_key,
    valid_from_on,
    valid_to_on,
    class_id,
    school_id,
    county_id,
    subject_id,
    school_stage,
    tier,
    gender,
    is_called_up,
    is_participating
from {{ ref('int_enrolment_placements') }}
