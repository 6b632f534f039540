{{ config(materialized='view') }}
{%- set activities = var('total_activities') %}
{%- set series = ['programme_id', 'enrolment_id', 'platform', 'course_id', 'activity'] %}
{%- set arrival = ['occurred_at', 'recorded_at', 'log_partition', 'log_offset'] %}
{%- set report = ['total', 'event_id', 'told_as_of_on', 'file_digest', 'file_sheet', 'file_row'] %}

-- Totals that platforms tell, as entries: a report is worth what it adds to the one of the date before, and takes away where it tells
-- less. Of a date the report that came last holds. A report that was voided holds until the day of its void, and from the day on which
-- that is taken back; then the one before it holds.

with reports as (
    select
        events.programme_id,
        events.enrolment_id,
        {{ json_text('events.details', 'platform') }} as platform,
        coalesce(events.course_id, '') as course_id,
        {{ event_text('events.event_id') }} as event_id,
        events.occurred_on as told_as_of_on,
        {{ json_text('events.details', 'file_digest') }} as file_digest,
        cast({{ json_text('events.details', 'sheet') }} as bigint) as file_sheet,
        cast({{ json_text('events.details', 'row') }} as bigint) as file_row,
        events.occurred_at,
        events.recorded_at,
        events.log_partition,
        events.log_offset,
        {{ stands_from('events.occurred_on') }} as stands_from_on,
        {{ stands_to('events.occurred_on') }} as stands_to_on,
        {{ unpack_json_numbers('events.details', 'totals', 'amount', 'double') }}
    from {{ ref('int_rare_counted') }} as events
    {{ only_touched('events') }}
    inner join {{ ref('int_enrolments_opened') }} as opened
        on events.programme_id = opened.programme_id and events.enrolment_id = opened.enrolment_id
    left join {{ standing_of('events') }}
    where events.event_type = 'totals.reported'
),

totals as (
    select
        {% for column in ['programme_id', 'enrolment_id', 'platform', 'course_id', 'event_id', 'told_as_of_on', 'file_digest', 'file_sheet', 'file_row'] + arrival -%}
        reports.{{ column }}, {% endfor -%}
        reports.stands_from_on,
        reports.stands_to_on,
        reports.amount.key as activity,
        cast(reports.amount.value as decimal(18, 6)) as total
    from reports
    where reports.amount.key in ('{{ activities | join("', '") }}')
),

-- Looking at each day of a series costs the square of its length, so only one with a void is looked at like that.
contested as (
    select distinct {{ series | join(', ') }}
    from totals
    where stands_from_on <> told_as_of_on or stands_to_on < {{ open_end() }}
),

plain_states as (
    select
        {% for column in series %}totals.{{ column }}, {% endfor %}totals.told_as_of_on as entry_on,
        {% for column in report %}totals.{{ column }}, {% endfor %}
        row_number() over (
            partition by {% for column in series %}totals.{{ column }}, {% endfor %}totals.told_as_of_on
            order by {% for column in arrival %}totals.{{ column }} desc{{ ", " if not loop.last }}{% endfor %}
        ) as nth_last
    from totals
    left join contested
        on {% for column in series %}totals.{{ column }} = contested.{{ column }}{{ " and " if not loop.last }}{% endfor %}
    where contested.activity is null
),

contested_totals as (
    select totals.*
    from totals
    inner join contested
        on {% for column in series %}totals.{{ column }} = contested.{{ column }}{{ " and " if not loop.last }}{% endfor %}
),

contested_days as (
    select {{ series | join(', ') }}, stands_from_on as entry_on from contested_totals
    union
    select {{ series | join(', ') }}, stands_to_on from contested_totals where stands_to_on < {{ open_end() }}
),

contested_states as (
    select
        {% for column in series %}days.{{ column }}, {% endfor %}days.entry_on,
        {{ last_by(record(report), arrival) }} as report
    from contested_days as days
    left join contested_totals as totals
        on {% for column in series %}days.{{ column }} = totals.{{ column }} and {% endfor %}totals.stands_from_on <= days.entry_on
            and totals.stands_to_on > days.entry_on
    group by {% for column in series %}days.{{ column }}, {% endfor %}days.entry_on
),

states as (
    select {{ series | join(', ') }}, entry_on, {{ report | join(', ') }}
    from plain_states
    where nth_last = 1
    union all
    select
        {% for column in series %}held.{{ column }}, {% endfor %}held.entry_on, coalesce(held.report.total, 0), held.report.event_id,
        held.report.told_as_of_on, held.report.file_digest, held.report.file_sheet, held.report.file_row
    from contested_states as held
),

changes as (
    select
        *,
        coalesce(lag(total) over (partition by {{ series | join(', ') }} order by entry_on), 0) as total_before
    from states
)

select
    programme_id,
    enrolment_id,
    platform,
    course_id,
    activity,
    entry_on,
    event_id,
    told_as_of_on,
    file_digest,
    file_sheet,
    file_row,
    cast(total as decimal(18, 6)) as total,
    cast(total - total_before as decimal(18, 6)) as quantity,
    -- Of what is counted by events the total is their number; of the others it does not tell how many there were.
    case
        when activity in (
            {%- for activity, kind in activities.items() if kind == 'events' %}{{ ", " if not loop.first }}'{{ activity }}'{% endfor -%}
        ) then cast(floor(total) as bigint) - cast(floor(total_before) as bigint)
        else 0
    end as event_count
from changes
