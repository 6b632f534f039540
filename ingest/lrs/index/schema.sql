-- Filled in: {bytes} and {whole}, types of the database; {suffix}, which keeps a table in the order of its key.

-- name: meta
-- What describes the index itself: log_id, newest_us, generation, learned.
create table if not exists meta (name text primary key, value text not null){suffix}

-- name: positions
-- The next offset to read of each partition of the log, and the mark of the record before it.
create table if not exists positions (partition integer primary key, next_offset {whole} not null, mark {whole})

-- name: set_aside
-- Records of the log that the index could not take in, and why.
create table if not exists set_aside (
    partition integer not null, "offset" {whole} not null, why text not null, primary key (partition, "offset")
){suffix}

-- name: terms
-- The number of each facet: its kind, programme and value as one text.
create table if not exists terms (term {whole} primary key, text text not null unique)

-- name: statements
-- A statement as the log has it; place orders what was stored in the same microsecond; inherited: facets of the statements it is about.
create table if not exists statements (
    place {whole} primary key, programme_id text not null, statement_id {bytes} not null, stored_us {whole} not null,
    verb text not null, is_voided integer not null, refers_to {bytes}, inherited {bytes},
    body {bytes} not null
)

-- name: statements_by_id
-- An id is there once in a programme.
create unique index if not exists statements_by_id on statements (programme_id, statement_id)

-- name: statements_by_time
-- For queries without a facet.
create index if not exists statements_by_time on statements (programme_id, stored_us, place)

-- name: statements_referring
-- For the statements that are about a statement.
create index if not exists statements_referring on statements (programme_id, refers_to, place) where refers_to is not null

-- name: voids
-- Ids of statements that were voided, whether they have come or not.
create table if not exists voids (
    programme_id text not null, statement_id {bytes} not null, primary key (programme_id, statement_id)
){suffix}

-- name: facets
-- By what a statement is found, in the order of time.
create table if not exists facets (
    term {whole} not null, stored_us {whole} not null, place {whole} not null, primary key (term, stored_us, place)
){suffix}

-- name: activities
-- What statements say of an activity, or of a verb, merged.
create table if not exists activities (
    programme_id text not null, activity_key text not null, definition {bytes} not null,
    primary key (programme_id, activity_key)
){suffix}

-- name: forms
-- The numbers of the ways in which a programme's statements write a person.
create table if not exists forms (
    programme_id text not null, person_key text not null, number integer not null,
    primary key (programme_id, person_key, number)
){suffix}

-- name: enrolments
-- Every enrolment that was opened for a learner.
create table if not exists enrolments (
    programme_id text not null, learner_key text not null, enrolment_id text not null,
    primary key (programme_id, learner_key, enrolment_id)
){suffix}

-- name: events
-- The digest of each event that was recorded lately.
create table if not exists events (
    programme_id text not null, event_id text not null, digest {bytes} not null, recorded_us {whole} not null,
    primary key (programme_id, event_id)
){suffix}

-- name: documents
-- States and profiles; place_key is the hash of all that names their place but the registration.
create table if not exists documents (
    place_key text not null, registration text not null, document_key text not null, document_id text not null,
    content {bytes} not null, content_type text not null, etag text not null, stored_us {whole} not null,
    primary key (place_key, registration, document_key)
){suffix}
