-- name: get
-- What is known of activities.
select activity_key, definition from activities where programme_id = ? and activity_key in ({marks})

-- name: sizes
-- How many bytes the definitions of activities have.
select activity_key, length(definition) from activities where programme_id = ? and activity_key in ({marks})

-- name: set
-- What is known of an activity now.
insert into activities values (?, ?, ?) on conflict (programme_id, activity_key) do update set definition = excluded.definition
