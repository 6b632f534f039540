{{ config(materialized='incremental', incremental_strategy='append') }}
{%- set fields = {
    'course_id': 'VARCHAR', 'seconds': 'DOUBLE', 'watched_s': 'DOUBLE', 'read_s': 'DOUBLE', 'click_count': 'BIGINT',
    'post_id': 'VARCHAR', 'is_effective': 'BOOLEAN', 'assignment_id': 'VARCHAR', 'grade': 'DOUBLE',
    'is_final': 'BOOLEAN', 'points': 'DOUBLE', 'weight_pct': 'DOUBLE'
} %}
{%- set zones = programme_time_zones() %}

-- Renames, casts and upcasts: video.watched 1 called its duration `seconds`. What learners do all
-- day gets columns; the rare events keep their payload as `details`, which the models that read
-- them take apart (a column that is null in most of ten million rows still costs its writing).

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
    {{ local_date('opened.occurred_at', "coalesce(programmes.timezone, 'UTC')", zones) }} as occurred_on,
    {{ local_date('opened.recorded_at', "coalesce(programmes.timezone, 'UTC')", zones) }} as recorded_on,
    opened.programme_id,
    opened.learner_key,
    opened.staff_key,
    opened.source,
    opened.enrolment_id,
    opened.partition as log_partition,
    opened.offset as log_offset,
    opened.body.course_id,
    cast(coalesce(opened.body.watched_s, opened.body.read_s, opened.body.seconds) as decimal(18, 3)) as duration_s,
    opened.body.click_count,
    opened.body.post_id,
    opened.body.is_effective,
    opened.body.assignment_id,
    cast(opened.body.grade as decimal(9, 3)) as grade,
    opened.body.is_final,
    cast(opened.body.points as decimal(9, 3)) as points,
    cast(opened.body.weight_pct as decimal(9, 3)) as weight_pct,
    case
        when opened.event_type in (
            'enrolment.opened', 'enrolment.transferred', 'enrolment.withdrawn', 'staff.appointed', 'event.voided',
            'result.recorded', 'diagnostic.submitted', 'diagnostic.tier_changed', 'survey.answered', 'reminder.sent'
        ) then opened.payload
        when opened.event_type = 'post.published' and opened.staff_key is not null then opened.payload
    end as details,
    {{ fingerprint([
        'opened.event_type', 'opened.event_version', 'opened.occurred_at', 'opened.programme_id',
        'opened.learner_key', 'opened.staff_key', 'opened.source', 'opened.payload'
    ]) }} as content_fingerprint
from opened
left join programmes on opened.programme_id = programmes.programme_id
