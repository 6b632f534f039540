-- name: all
-- Where the index stands in each partition.
select partition, next_offset, mark from positions

-- name: set
-- Where the index stands in a partition now.
insert into positions values (?, ?, ?) on conflict (partition) do update set next_offset = excluded.next_offset, mark = excluded.mark

-- name: set_aside
-- The records that the index could not take in.
select partition, "offset", why from set_aside order by partition, "offset"

-- name: put_aside
-- Note a record that the index cannot take in.
insert into set_aside values (?, ?, ?) on conflict (partition, "offset") do update set why = excluded.why

-- name: take_back
-- Forget that a record was set aside.
delete from set_aside where partition = ? and "offset" = ?
