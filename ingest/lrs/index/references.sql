-- name: target
-- The statement that another is about, with the facets that it has inherited itself.
select body, inherited from statements where programme_id = ? and statement_id = ?

-- name: about
-- The statements that are about a statement, a page of them after a place.
select place, statement_id, stored_us, inherited from statements where programme_id = ? and refers_to = ? and place > ?
order by place limit ?

-- name: inherit
-- What a statement has inherited now.
update statements set inherited = ? where place = ?
