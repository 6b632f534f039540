-- One row a programme and day of recording. Each day is compared with the seven recorded days before it.
with days as (
    select programme_id, recorded_on,
        count(*) as accepted_count,
        avg(duration_s) as mean_duration_s,
        avg(grade) as mean_grade,
        avg(case when enrolment_id is null then 1 else 0 end) as without_enrolment_ratio,
        avg(case when epoch_us(recorded_at) - epoch_us(occurred_at) >= 604800000000 then 1 else 0 end) as late_ratio,
        count(*) filter (epoch_us(occurred_at) - epoch_us(recorded_at) > 86400000000) as future_count
    from staging.stg_lake__events
    group by programme_id, recorded_on
)

select
    programme_id,
    cast(recorded_on as varchar) as recorded_on,
    accepted_count,
    accepted_count / avg(accepted_count) over week as volume_ratio,
    coalesce(date_diff('day', lag(recorded_on) over (partition by programme_id order by recorded_on), recorded_on) - 1, 0) as gap_days,
    mean_duration_s / avg(mean_duration_s) over week as duration_ratio,
    mean_grade / nullif(avg(mean_grade) over week, 0) as grade_ratio,
    without_enrolment_ratio,
    without_enrolment_ratio - avg(without_enrolment_ratio) over week as without_enrolment_rise,
    late_ratio,
    future_count
from days
window week as (partition by programme_id order by recorded_on rows between 7 preceding and 1 preceding)
