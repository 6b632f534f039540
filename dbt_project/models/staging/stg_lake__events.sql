{{ config(materialized='incremental', incremental_strategy='append') }}
{%- set fields = {
    'class_id': 'VARCHAR', 'school_id': 'VARCHAR', 'county_id': 'VARCHAR', 'subject_id': 'VARCHAR',
    'school_stage': 'VARCHAR', 'is_called_up': 'BOOLEAN', 'gender': 'VARCHAR', 'course_id': 'VARCHAR',
    'seconds': 'DOUBLE', 'watched_s': 'DOUBLE', 'read_s': 'DOUBLE', 'click_count': 'BIGINT',
    'post_id': 'VARCHAR', 'is_effective': 'BOOLEAN', 'assignment_id': 'VARCHAR', 'grade': 'DOUBLE',
    'is_final': 'BOOLEAN', 'points': 'DOUBLE', 'result': 'VARCHAR', 'voided_event_id': 'VARCHAR',
    'role': 'VARCHAR', 'scope_kind': 'VARCHAR', 'scope_id': 'VARCHAR', 'kind': 'VARCHAR'
} %}

-- Renames, casts and upcasts: video.watched 1 called its duration `seconds`.

with records as (
    select * from {{ lake_records() }}
),

programmes as (
    select * from {{ source('reference', 'programmes') }}
),

opened as (
    select
        *,
        {{ json_struct('payload', fields) }} as body
    from records
)

select
    {{ event_key('opened.event_id') }} as event_id,
    opened.event_type,
    opened.event_version,
    opened.occurred_at,
    opened.recorded_at,
    {{ local_date('opened.occurred_at', "coalesce(programmes.timezone, 'UTC')") }} as occurred_on,
    {{ local_date('opened.recorded_at', "coalesce(programmes.timezone, 'UTC')") }} as recorded_on,
    opened.programme_id,
    opened.learner_key,
    opened.staff_key,
    opened.source,
    opened.enrolment_id,
    opened.partition as log_partition,
    opened.offset as log_offset,
    opened.body.class_id,
    opened.body.school_id,
    opened.body.county_id,
    opened.body.subject_id,
    opened.body.school_stage,
    opened.body.is_called_up,
    opened.body.gender,
    opened.body.course_id,
    cast(coalesce(opened.body.watched_s, opened.body.read_s, opened.body.seconds) as decimal(18, 3)) as duration_s,
    opened.body.click_count,
    opened.body.post_id,
    opened.body.is_effective,
    opened.body.assignment_id,
    cast(opened.body.grade as decimal(9, 3)) as grade,
    opened.body.is_final,
    cast(opened.body.points as decimal(9, 3)) as points,
    opened.body.result,
    {{ event_key('opened.body.voided_event_id') }} as voided_event_id,
    opened.body.role,
    opened.body.scope_kind,
    opened.body.scope_id,
    opened.body.kind,
    {{ fingerprint([
        'opened.event_type', 'opened.event_version', 'opened.occurred_at', 'opened.programme_id',
        'opened.learner_key', 'opened.staff_key', 'opened.source', 'opened.payload'
    ]) }} as content_fingerprint
from opened
left join programmes on opened.programme_id = programmes.programme_id
