-- name: last_place
-- The place that was given last.
select coalesce(max(place), 0) from statements

-- name: add
-- Store a statement.
insert into statements values (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: any_known
-- Whether a programme has a statement at all: the first batch needs no look for each.
select 1 from statements where programme_id = ? limit 1

-- name: known
-- Which of these statements are there.
select statement_id from statements where programme_id = ? and statement_id in ({marks})

-- name: any_voided
-- Whether a programme has voided a statement at all.
select 1 from voids where programme_id = ? limit 1

-- name: voided
-- Which of these statements were voided.
select statement_id from voids where programme_id = ? and statement_id in ({marks})

-- name: any_referred
-- Whether a programme has a statement about a statement at all.
select 1 from statements where refers_to is not null and programme_id = ? limit 1

-- name: referred
-- Which of these statements others are about.
select refers_to from statements where refers_to is not null and programme_id = ? and refers_to in ({marks})

-- name: void
-- Note that a statement was voided, whether it has come or not.
insert into voids values (?, ?) on conflict do nothing

-- name: mark_voided
-- A statement that voids another cannot be voided: it has the same verb.
update statements set is_voided = 1 where programme_id = ? and statement_id = ? and verb <> ?

-- name: by_id
-- Statements by their ids, voided or not.
select place, stored_us, is_voided, body from statements where programme_id = ? and statement_id in ({marks})

-- name: bodies
-- The bodies of statements by their places.
select place, body from statements where place in ({marks})
