-- name: numbers
-- The numbers of facets that have one.
select text, term from terms where text in ({marks})

-- name: last_number
-- The number that was given last.
select coalesce(max(term), 0) from terms

-- name: number
-- Give a facet its number.
insert into terms values (?, ?)

-- name: add
-- Have a statement found by a facet.
insert into facets values (?, ?, ?) on conflict do nothing

-- name: terms
-- The numbers of the facets of a query.
select term from terms where text in ({marks})
