-- name: all
-- Everything that describes the index.
select name, value from meta

-- name: changes
-- The two values that other processes replace when they change something that may be remembered.
select name, value from meta where name in ('generation', 'learned')

-- name: bind
-- The log of a new index.
insert into meta values ('log_id', ?) on conflict do nothing

-- name: newest
-- When the newest statement was stored.
select value from meta where name = 'newest_us'

-- name: set
-- Replace a value.
insert into meta values (?, ?) on conflict (name) do update set value = excluded.value

-- name: clear
-- An empty index has no newest statement.
delete from meta where name = 'newest_us'
