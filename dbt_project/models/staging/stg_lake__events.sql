{{ config(materialized='incremental', incremental_strategy='append') }}
{%- set fields = {
    'course_id': 'VARCHAR', 'seconds': 'DOUBLE', 'watched_s': 'DOUBLE', 'read_s': 'DOUBLE', 'click_count': 'BIGINT',
    'post_id': 'VARCHAR', 'is_effective': 'BOOLEAN', 'assignment_id': 'VARCHAR', 'grade': 'VARCHAR',
    'is_final': 'BOOLEAN', 'points': 'VARCHAR', 'weight_pct': 'VARCHAR'
} %}
{%- set zones = programme_time_zones() %}

-- Renames, casts and upcasts: video.watched 1 called its duration `seconds`; a statement that says an event is that event.
-- What learners do all day gets columns; the rare events keep their payload as `details`, which the models that read
-- them take apart (a column that is null in most of ten million rows still costs its writing).

with records as (
    select
        *,
        case when event_type = 'xapi.statement_stored' then {{ json_texts('payload', statement_parts().values()) }} end as said
    from {{ lake_records() }}
),

programmes as (
    select * from {{ source('reference', 'programmes') }}
),

verbs as (
    select * from {{ source('reference', 'verbs') }}
),

-- What a row of sources.csv names a statement's verb, for the type of its activity or for any.
named as (
    select
        records.*,
        programmes.timezone,
        coalesce(by_kind.counts_as, by_verb.counts_as) as named_type
    from records
    left join programmes on records.programme_id = programmes.programme_id
    left join verbs as by_kind
        on coalesce(programmes.verbs_of, '') = by_kind.programme_id and {{ statement_part('verb_id', 'records.') }} = by_kind.verb_id
            and {{ statement_part('kind', 'records.') }} = by_kind.kind
    left join verbs as by_verb
        on coalesce(programmes.verbs_of, '') = by_verb.programme_id and {{ statement_part('verb_id', 'records.') }} = by_verb.verb_id
            and by_verb.kind = ''
),

meant as (
    select
        *,
        {{ meant_event_type() }} as meant_type,
        {{ is_own_statement() }} as is_own,
        case when {{ is_own_statement() }} then {{ statement_part('own_payload') }} else payload end as own_payload
    from named
),

opened as (
    select
        *,
        event_type like 'xapi.statement_%' and meant_type <> event_type as is_statement,
        event_type = 'xapi.statement_stored' and meant_type <> event_type as is_translated,
        event_type = 'xapi.statement_stored' and meant_type <> event_type and not is_own as is_foreign,
        {{ json_struct('own_payload', fields) }} as body
    from meant
),

-- What other profiles say, in our terms. Numbers are kept as they were sent; reports round where they print.
translated as (
    select
        *,
        case when is_foreign and meant_type in ('video.watched', 'text.read') then
            least(cast(coalesce(
                {{ played_seconds(statement_part('segments')) }}, {{ duration_seconds(statement_part('duration')) }}
            ) as decimal(18, 6)), 86400)
        end as foreign_s,
        {{ once_key() }} as once_key,
        case when is_foreign and meant_type = 'assignment.graded' then {{ judged_grade() }} end as foreign_grade,
        case when is_foreign then substr({{ statement_part('object_id') }}, 1, 200) end as foreign_thing
    from opened
)

select
    {{ event_key('case when events.is_translated then ' ~ statement_part('statement_id') ~ ' else events.event_id end') }} as event_id,
    events.meant_type as event_type,
    events.event_version,
    events.occurred_at,
    events.recorded_at,
    {{ local_date('events.occurred_at', "coalesce(events.timezone, 'UTC')", zones) }} as occurred_on,
    {{ local_date('events.recorded_at', "coalesce(events.timezone, 'UTC')", zones) }} as recorded_on,
    events.programme_id,
    events.learner_key,
    events.staff_key,
    coalesce(case when events.is_own then {{ statement_part('own_source') }} end, events.source) as source,
    events.is_statement,
    events.enrolment_id,
    events.partition as log_partition,
    events.offset as log_offset,
    coalesce(
        {{ told('course_id') }},
        case when events.meant_type in ('video.watched', 'text.read', 'course.selected', 'course.deselected') then events.foreign_thing end
    ) as course_id,
    cast(coalesce({{ told('watched_s') }}, {{ told('read_s') }}, {{ told('seconds') }}, events.foreign_s) as decimal(18, 6)) as duration_s,
    events.once_key,
    coalesce({{ told('click_count') }}, case when events.is_foreign and events.meant_type = 'content.accessed' then 1 end) as click_count,
    coalesce(
        {{ told('post_id') }}, case when events.meant_type in ('post.published', 'post.voided') then events.foreign_thing end
    ) as post_id,
    {{ told('is_effective') }} as is_effective,
    coalesce(
        {{ told('assignment_id') }},
        case when events.meant_type in ('assignment.submitted', 'assignment.graded', 'unit.completed') then events.foreign_thing end
    ) as assignment_id,
    coalesce(cast({{ told('grade') }} as decimal(18, 15)), events.foreign_grade) as grade,
    coalesce({{ told('is_final') }}, case when events.foreign_grade is not null then true end) as is_final,
    cast({{ told('points') }} as decimal(18, 6)) as points,
    cast({{ told('weight_pct') }} as decimal(9, 6)) as weight_pct,
    case
        when events.event_type = 'xapi.statement_voided' then
            {{ json_object_text({'voided_event_id': json_text('events.payload', 'statement_id')}) }}
        when events.meant_type in (
            'enrolment.opened', 'enrolment.transferred', 'enrolment.withdrawn', 'staff.appointed', 'event.voided',
            'result.recorded', 'diagnostic.submitted', 'diagnostic.tier_changed', 'survey.answered', 'reminder.sent',
            'group.named', 'platform.event_recorded', 'totals.reported'
        ) then events.own_payload
        when events.meant_type = 'post.published' and events.staff_key is not null then events.own_payload
        when events.meant_type = 'unit.completed' and events.is_foreign then {{ json_object_text({
            'is_waived': 'case when ' ~ statement_part('verb_id') ~ " like '%/waived' then 'true' else 'false' end"
        }) }}
        when events.meant_type = 'unit.completed' then events.own_payload
        when events.foreign_grade is not null and {{ is_verdict() }} then {{ json_object_text({'has_passed': 'case when ' ~ is_passed_verb() ~ " then 'true' else 'false' end"}) }}
        when events.meant_type = 'xapi.statement_stored' then {{ json_object_text({'verb_id': statement_part('verb_id')}) }}
    end as details,
    {{ fingerprint([
        'events.event_type', 'events.event_version', 'events.occurred_at', 'events.programme_id',
        'events.learner_key', 'events.staff_key', 'events.source', 'events.payload'
    ]) }} as content_fingerprint
from translated as events
