{{ config(materialized='view') }}
-- What reminders came to by the end of a date: who came back within three days is looked at once those are over.

with responded as (
    select dates.programme_id, dates.as_of_on, responses.event_id
    from {{ ref('dim_dates') }} as dates
    inner join {{ ref('fct_reminder_responses') }} as responses
        on dates.programme_id = responses.programme_id and responses.local_on <= dates.as_of_on
    group by dates.programme_id, dates.as_of_on, responses.event_id
    having sum(responses.event_count) > 0
),

standing as (
    select
        dates.programme_id, dates.as_of_on, reminders.rule_id, reminders.channel, reminders.enrolment_id,
        {{ days_between('reminders.sent_on', 'dates.as_of_on') }} > 3 as is_over,
        responded.event_id is not null as has_come_back
    from {{ ref('dim_dates') }} as dates
    inner join {{ ref('fct_reminders') }} as reminders
        on dates.programme_id = reminders.programme_id and reminders.valid_from_on <= dates.as_of_on
            and reminders.valid_to_on > dates.as_of_on
    left join responded
        on dates.programme_id = responded.programme_id and dates.as_of_on = responded.as_of_on
            and reminders.event_id = responded.event_id
),

summed as (
    select
        programme_id, as_of_on, rule_id, channel,
        count(*) as sent_count,
        count(distinct enrolment_id) as enrolment_count,
        cast(sum(case when is_over then 1 else 0 end) as bigint) as over_count,
        cast(sum(case when is_over and has_come_back then 1 else 0 end) as bigint) as came_back_count
    from standing
    group by programme_id, as_of_on, rule_id, channel
)

select
    programme_id,
    as_of_on,
    rule_id,
    channel,
    sent_count,
    enrolment_count,
    over_count,
    came_back_count,
    cast({{ exact_ratio('came_back_count', 'over_count', 8) }} as decimal(18, 8)) as came_back_ratio
from summed
