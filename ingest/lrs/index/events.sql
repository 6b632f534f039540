-- name: add
-- Note an event.
insert into events values (?, ?, ?, ?) on conflict do nothing

-- name: digests
-- The digests of events that were recorded lately.
select event_id, digest from events where programme_id = ? and event_id in ({marks})

-- name: forget
-- Forget events recorded before a time.
delete from events where recorded_us < ?
