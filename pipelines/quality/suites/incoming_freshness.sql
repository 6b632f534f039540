-- One row a programme: how old its newest record was when the build began, while the programme runs.
select
    events.programme_id,
    cast(max(events.last_recorded_at) as varchar) as last_recorded_at,
    case
        when $built_at < cast(any_value(programmes.ends_on) as timestamptz) + interval 1 day
            then date_diff('hour', max(events.last_recorded_at), $built_at)
        else 0
    end as age_h
from marts.rpt_event_accounting as events
left join reference.programmes as programmes using (programme_id)
group by events.programme_id
