-- One row a programme and day of recording. Each day is compared with the seven recorded days before it.
with days as (
    select programme_id, recorded_on, accepted_count, future_count,
        cast(total_duration_s as double) / nullif(duration_count, 0) as mean_duration_s,
        cast(total_grade as double) / nullif(grade_count, 0) as mean_grade,
        without_enrolment_count / accepted_count as without_enrolment_ratio,
        late_count / accepted_count as late_ratio
    from intermediate.int_recorded_days
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
