-- Filled in: {columns}, one of the two below; {join}, how the database writes a join from left to right; {conditions}, some of those below;
-- {order}, asc or desc.

-- name: columns
-- What a query gives of a statement: a large body is left out, so that a page of small ones is all that one query can bring into memory.
s.place, s.stored_us, s.is_voided, case when length(s.body) <= {small} then s.body end, length(s.body)

-- name: place
-- What a merge needs of a statement in one of its lists.
f.stored_us, f.place

-- name: of_programme
-- The statements of a programme that meet conditions.
select {columns} from statements f {join} statements s on s.place = f.place
where f.programme_id = ? and s.is_voided = 0{conditions} order by f.stored_us {order}, f.place {order} limit ?

-- name: of_facet
-- The statements in a list of a facet that meet conditions.
select {columns} from facets f {join} statements s on s.place = f.place
where f.term = ? and s.is_voided = 0{conditions} order by f.stored_us {order}, f.place {order} limit ?

-- name: part
-- One of the lists that are merged, read only as far as the page goes.
select * from ({query}) part{number}

-- name: merged
-- The first statements of several lists, each of them once.
select {columns} from ({parts}) f {join} statements s on s.place = f.place order by f.stored_us {order}, f.place {order} limit ?

-- name: has_facet
-- A condition: the statement is in one of some other lists.
and exists (select 1 from facets o where o.term in ({marks}) and o.stored_us = f.stored_us and o.place = f.place)

-- name: since
-- A condition: stored after a time.
and f.stored_us > ?

-- name: until
-- A condition: stored at a time or before.
and f.stored_us <= ?

-- name: after
-- A condition: later than the statement with which a page has ended.
and (f.stored_us, f.place) > (?, ?)

-- name: before
-- A condition: earlier than the statement with which a page has ended.
and (f.stored_us, f.place) < (?, ?)
