with extras as (
    select
        events.programme_id, events.enrolment_id, events.learner_key, events.source,
        sum(case when duplicates.standing = 'repeat' then 1 else 0 end) as repeat_count,
        sum(case when duplicates.standing = 'conflict' then 1 else 0 end) as conflict_count
    from {{ ref('stg_lake__events') }} as events
    inner join {{ ref('int_event_duplicates') }} as duplicates
        on events.log_partition = duplicates.log_partition and events.log_offset = duplicates.log_offset
    group by events.programme_id, events.enrolment_id, events.learner_key, events.source
),

placed as (
    select
        events.programme_id,
        events.source,
        events.accepted_count,
        events.last_recorded_at,
        coalesce(extras.repeat_count, 0) as repeat_count,
        coalesce(extras.conflict_count, 0) as conflict_count,
        events.enrolment_id is not null and opened.enrolment_id is null as is_waiting,
        foreigners.learner_key is not null as is_set_aside
    from {{ ref('int_event_sums') }} as events
    left join extras
        on events.programme_id = extras.programme_id and events.source = extras.source
            and events.enrolment_id is not distinct from extras.enrolment_id
            and events.learner_key is not distinct from extras.learner_key
    left join {{ ref('int_enrolments_opened') }} as opened
        on events.programme_id = opened.programme_id and events.enrolment_id = opened.enrolment_id
    left join {{ ref('int_foreign_learners') }} as foreigners
        on events.programme_id = foreigners.programme_id and events.enrolment_id = foreigners.enrolment_id
            and events.learner_key = foreigners.learner_key
),

singled as (
    select *, accepted_count - repeat_count - conflict_count as first_count from placed
),

reviews as (
    select programme_id, source, count(*) as set_aside_count
    from {{ ref('int_reviews_set_aside') }}
    group by programme_id, source
)

select
    singled.programme_id,
    singled.source,
    cast(sum(accepted_count) as bigint) as accepted_count,
    cast(sum(case when is_waiting or is_set_aside then 0 else first_count end) - coalesce(max(reviews.set_aside_count), 0) as bigint) as counted_count,
    cast(sum(repeat_count) as bigint) as repeat_count,
    cast(sum(conflict_count) as bigint) as conflict_count,
    cast(sum(case when is_waiting then first_count else 0 end) as bigint) as waiting_count,
    cast(sum(case when is_set_aside then first_count else 0 end) + coalesce(max(reviews.set_aside_count), 0) as bigint) as set_aside_count,
    max(last_recorded_at) as last_recorded_at
from singled
left join reviews on singled.programme_id = reviews.programme_id and singled.source = reviews.source
group by singled.programme_id, singled.source
