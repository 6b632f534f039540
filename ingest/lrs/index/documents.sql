-- name: set
-- Store a document in place of what was there.
insert into documents values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (place_key, registration, document_key)
do update set content = excluded.content, content_type = excluded.content_type, etag = excluded.etag, stored_us = excluded.stored_us

-- name: delete
-- Delete a document.
delete from documents where place_key = ? and registration = ? and document_key = ?

-- name: delete_of_registration
-- Delete all documents of a place with a registration.
delete from documents where place_key = ? and registration = ?

-- name: delete_of_place
-- Delete all documents of a place, of every registration.
delete from documents where place_key = ?

-- name: get
-- A document.
select content, content_type, etag, stored_us from documents where place_key = ? and registration = ? and document_key = ?

-- name: ids_of_registration
-- The ids of a place's documents of a registration that were stored after a time.
select distinct document_id from documents where place_key = ? and registration = ? and stored_us > ?

-- name: ids_of_place
-- The ids of a place's documents of every registration that were stored after a time.
select distinct document_id from documents where place_key = ? and stored_us > ?
