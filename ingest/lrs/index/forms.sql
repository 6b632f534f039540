-- name: add
-- Note a way in which a programme's statements write a person.
insert into forms values (?, ?, ?) on conflict do nothing

-- name: numbers
-- The numbers of the newest ways in which a programme's statements write a person.
select number from forms where programme_id = ? and person_key = ? order by number desc limit ?
