{{ config(materialized='view') }}
-- Whom the pack's reminders are for on a date: those whom the rule's warning is about, that the rule has left alone for its
-- quiet days and reminded less often than its quota, the worst first, until the day's quota is used up.

with rules as (
    select
        programme_id, rule_id, warning, channel, applies_from_on, applies_to_on,
        cast(quiet_days as bigint) as quiet_days,
        cast(quota_count as bigint) as quota_count,
        cast(daily_quota_count as bigint) as daily_quota_count
    from {{ defined('reminders') }} as rules
),

sent as (
    select
        dates.programme_id, dates.as_of_on, reminders.rule_id, reminders.enrolment_id,
        count(*) as sent_count,
        max(reminders.sent_on) as last_on,
        sum(case when reminders.sent_on = dates.as_of_on then 1 else 0 end) as sent_today_count
    from {{ ref('dim_dates') }} as dates
    inner join {{ ref('fct_reminders') }} as reminders
        on dates.programme_id = reminders.programme_id and reminders.valid_from_on <= dates.as_of_on
            and reminders.valid_to_on > dates.as_of_on
    group by dates.programme_id, dates.as_of_on, reminders.rule_id, reminders.enrolment_id
),

used as (
    select programme_id, as_of_on, rule_id, sum(sent_today_count) as used_count
    from sent
    group by programme_id, as_of_on, rule_id
),

candidates as (
    select
        warnings.programme_id, warnings.as_of_on, rules.rule_id, rules.channel, warnings.enrolment_id,
        warnings.warning, warnings.measured_count,
        coalesce(sent.sent_count, 0) as sent_count,
        sent.last_on as last_sent_on,
        rules.daily_quota_count - coalesce(used.used_count, 0) as left_count,
        row_number() over (
            partition by warnings.programme_id, warnings.as_of_on, rules.rule_id
            order by
                case when rules.warning = 'little_study' then warnings.measured_count else -warnings.measured_count end,
                warnings.enrolment_id
        ) as position_number
    from {{ ref('rpt_warnings') }} as warnings
    inner join rules
        on warnings.programme_id = rules.programme_id and warnings.warning = rules.warning
            and warnings.as_of_on >= rules.applies_from_on
            and warnings.as_of_on < rules.applies_to_on
    left join sent
        on warnings.programme_id = sent.programme_id and warnings.as_of_on = sent.as_of_on
            and rules.rule_id = sent.rule_id and warnings.enrolment_id = sent.enrolment_id
    left join used
        on warnings.programme_id = used.programme_id and warnings.as_of_on = used.as_of_on and rules.rule_id = used.rule_id
    where sent.enrolment_id is null
        or (
            sent.sent_count < rules.quota_count
            and {{ days_between('sent.last_on', 'warnings.as_of_on') }} > rules.quiet_days
        )
)

select
    programme_id,
    as_of_on,
    rule_id,
    channel,
    warning,
    enrolment_id,
    measured_count,
    sent_count,
    last_sent_on,
    cast(position_number as bigint) as position_number
from candidates
where position_number <= left_count
