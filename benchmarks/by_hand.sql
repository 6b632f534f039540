-- What the build publishes about one simulated programme, as an analyst would write it in DuckDB
-- over the lake's files: every enrolment's days, and the status on every date by every breakdown.
-- No lateness, voids, transfers or withdrawals are provided for, nothing is tested or kept.
create temp table events as
with raw as (
    select event_id::uuid as event_id, event_type, enrolment_id, occurred_at,
        cast(timezone('Asia/Shanghai', occurred_at) as date) as on_day,
        from_json(payload, '{"county_id":"VARCHAR","subject_id":"VARCHAR","class_id":"VARCHAR","school_stage":"VARCHAR",
            "watched_s":"DOUBLE","read_s":"DOUBLE","post_id":"VARCHAR","is_effective":"BOOLEAN","grade":"DOUBLE",
            "is_final":"BOOLEAN","points":"DOUBLE","assignment_id":"VARCHAR"}') as p
    from read_parquet($FILES) where disposition = 'accepted' and enrolment_id is not null
)
select event_id, event_type, enrolment_id, occurred_at, on_day, coalesce(p.watched_s, p.read_s)::decimal(18, 3) as seconds,
    coalesce(p.post_id, p.assignment_id) as thing, coalesce(p.is_effective, true) as ok, p.grade, p.is_final, p.points,
    p.county_id, p.subject_id, p.class_id, p.school_stage
from raw;

create temp table enrolments as
select enrolment_id, on_day, county_id as county, subject_id as subject, class_id as class, school_stage as stage
from events where event_type = 'enrolment.opened';

create temp table days as
with counted as (
    select events.* from events
    anti join (select event_id from events group by event_id having count(*) > 1) as again using (event_id)
    semi join enrolments using (enrolment_id)
),
decided as (
    select enrolment_id, 'effective_post' as activity, thing, on_day, occurred_at, event_type = 'post.judged' as later,
        case when ok then 1 else 0 end as v
    from counted where event_type in ('post.published', 'post.judged')
    union all
    select enrolment_id, 'assignment_passed', thing, on_day, occurred_at, false, case when grade >= 60 then 1 else 0 end
    from counted where event_type = 'assignment.graded' and is_final
    union all
    select enrolment_id, 'practice_points', '', on_day, occurred_at, false, points from counted where event_type = 'practice.awarded'
    union all
    select enrolment_id, 'outcome_points', '', on_day, occurred_at, false,
        case when event_type = 'outcome.approved' then points else 0 end
    from counted where event_type in ('outcome.approved', 'outcome.rejected')
),
entries as (
    select enrolment_id, on_day, activity,
        v - coalesce(lag(v) over (partition by enrolment_id, activity, thing order by later, occurred_at), 0) as q
    from decided
    union all
    select enrolment_id, on_day, event_type, coalesce(seconds, 1)
    from counted
    where event_type in ('session.started', 'video.watched', 'text.read', 'journal.published', 'assignment.submitted',
        'peer_review.submitted', 'resource.shared', 'diagnostic.submitted', 'course.selected', 'post.published',
        'outcome.submitted', 'award.granted')
)
select enrolment_id, on_day, activity, count(*) as n, sum(q)::decimal(18, 3) as q from entries group by all;

create temp table status as
with sums as (
    select enrolment_id, on_day,
        sum(q) filter (activity = 'session.started') as sessions,
        sum(q) filter (activity in ('video.watched', 'text.read')) as seconds,
        sum(q) filter (activity = 'journal.published') as journals,
        sum(q) filter (activity = 'peer_review.submitted') as reviews,
        sum(q) filter (activity = 'effective_post') as posts,
        sum(q) filter (activity = 'assignment_passed') as assignments,
        sum(q) filter (activity = 'practice_points') as practice,
        sum(q) filter (activity = 'outcome_points') as outcome
    from days group by all
    union all
    select enrolment_id, on_day, 0, 0, 0, 0, 0, 0, 0, 0 from enrolments
),
so_far as (
    select enrolment_id, on_day,
        coalesce(sum(sessions) over u, 0) as sessions, coalesce(sum(seconds) over u, 0) as seconds,
        coalesce(sum(journals) over u, 0) as journals, coalesce(sum(reviews) over u, 0) as reviews,
        coalesce(sum(posts) over u, 0) as posts, coalesce(sum(assignments) over u, 0) as assignments,
        coalesce(sum(practice) over u, 0) as practice, coalesce(sum(outcome) over u, 0) as outcome
    from sums window u as (partition by enrolment_id order by on_day range unbounded preceding)
),
flags as (
    select distinct enrolment_id, on_day, (sessions > 0)::int as login, (seconds > 0)::int as study,
        (20 * least(97200, seconds) / 97200 + least(15, posts) + 5 * least(2, journals) + 10 * least(1, assignments)
            + least(10, reviews) / 2 >= 36 and least(20, practice) + least(20, outcome) >= 24)::int as pass
    from so_far
),
changes as (
    select enrolment_id, on_day,
        (lag(on_day) over u is null)::int as participating,
        login - coalesce(lag(login) over u, 0) as login,
        study - coalesce(lag(study) over u, 0) as study,
        pass - coalesce(lag(pass) over u, 0) as pass
    from flags window u as (partition by enrolment_id order by on_day)
),
cells as (
    select county, subject, class, stage, on_day,
        sum(participating) as participating, sum(login) as login, sum(study) as study, sum(pass) as pass
    from (select changes.*, county, subject, class, stage from changes join enrolments using (enrolment_id))
    group by grouping sets ((on_day), (county, on_day), (subject, on_day), (class, on_day), (stage, on_day), (county, subject, on_day))
),
spine as (
    select county, subject, class, stage, unnest(generate_series(min(on_day), date '2017-12-31', interval 1 day))::date as on_day
    from cells group by all
)
select spine.*,
    sum(coalesce(participating, 0)) over u as participating, sum(coalesce(login, 0)) over u as login,
    sum(coalesce(study, 0)) over u as study, sum(coalesce(pass, 0)) over u as pass
from spine left join cells
    on spine.on_day = cells.on_day and spine.county is not distinct from cells.county
        and spine.subject is not distinct from cells.subject and spine.class is not distinct from cells.class
        and spine.stage is not distinct from cells.stage
window u as (partition by spine.county, spine.subject, spine.class, spine.stage order by spine.on_day);
