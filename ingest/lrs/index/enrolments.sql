-- name: add
-- Note an enrolment.
insert into enrolments values (?, ?, ?) on conflict do nothing

-- name: get
-- The enrolments of learners.
select learner_key, enrolment_id from enrolments where programme_id = ? and learner_key in ({marks})
