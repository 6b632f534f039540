-- One row a programme and indicator: how often an enrolment ceased to count, and how often nothing recorded says why.
with falls as (
    select ended.programme_id, ended.enrolment_id, ended.indicator, ended.valid_to_on as fell_on
    from marts.fct_indicator_spells as ended
    left join marts.fct_indicator_spells as following
        on ended.programme_id = following.programme_id and ended.enrolment_id = following.enrolment_id
            and ended.indicator = following.indicator and ended.valid_to_on = following.valid_from_on
    where ended.valid_to_on < date '9999-12-31' and following.indicator is null
),

-- Only their corrections are looked for: millions of events could be one.
fallen as (
    select distinct programme_id, enrolment_id from falls
),

corrections as (
    select programme_id, enrolment_id, occurred_on as corrected_on
    from staging.stg_lake__events
    semi join fallen using (programme_id, enrolment_id)
    where event_type in (
        'enrolment.opened', 'enrolment.transferred', 'enrolment.withdrawn', 'post.judged', 'post.voided', 'post.published',
        'assignment.graded', 'practice.awarded', 'outcome.approved', 'outcome.rejected', 'course.deselected', 'result.recorded',
        'totals.reported'
    )
    union
    select events.programme_id, events.enrolment_id, greatest(voids.voided_on, events.occurred_on)
    from intermediate.int_event_voids as voids
    inner join staging.stg_lake__events as events
        on voids.programme_id = events.programme_id and voids.voided_event_id = events.event_id
    semi join fallen on events.programme_id = fallen.programme_id and events.enrolment_id = fallen.enrolment_id
    union
    -- Activity from before the opening counts, and ceases to count, from there.
    select programme_id, enrolment_id, first_opened_on from intermediate.int_enrolments_opened
    semi join fallen using (programme_id, enrolment_id)
)

select
    counted.programme_id,
    counted.indicator,
    count(falls.fell_on) as fall_count,
    count(falls.fell_on) filter (corrections.enrolment_id is null and definitions.version is null) as unexplained_count
from (select distinct programme_id, indicator from marts.fct_indicator_spells) as counted
left join falls using (programme_id, indicator)
left join corrections
    on falls.programme_id = corrections.programme_id and falls.enrolment_id = corrections.enrolment_id
        and falls.fell_on = corrections.corrected_on
left join reference.definitions on falls.programme_id = definitions.programme_id and falls.fell_on = definitions.applies_from_on
group by counted.programme_id, counted.indicator
