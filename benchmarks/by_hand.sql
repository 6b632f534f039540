-- What the build publishes about one simulated programme, as an analyst would write it in DuckDB
-- over the lake's files: every enrolment's days, score cards, and the status on every date by every breakdown.
-- No lateness, voids, transfers or withdrawals are provided for, nothing is tested or kept.
create temp table events as
with raw as (
    select event_id::uuid as event_id, event_type, enrolment_id, occurred_at,
        cast(timezone('Asia/Shanghai', occurred_at) as date) as on_day,
        from_json(payload, '{"school_id":"VARCHAR","gender":"VARCHAR","tier":"VARCHAR","course_id":"VARCHAR","county_id":"VARCHAR","subject_id":"VARCHAR","class_id":"VARCHAR","school_stage":"VARCHAR",
            "watched_s":"DOUBLE","read_s":"DOUBLE","post_id":"VARCHAR","is_effective":"BOOLEAN","grade":"DOUBLE",
            "is_final":"BOOLEAN","points":"DOUBLE","assignment_id":"VARCHAR"}') as p
    from read_parquet($FILES) where disposition = 'accepted' and enrolment_id is not null
)
select event_id, event_type, enrolment_id, occurred_at, on_day, coalesce(p.watched_s, p.read_s)::decimal(18, 3) as seconds,
    coalesce(p.post_id, p.assignment_id, p.course_id) as thing, coalesce(p.is_effective, true) as ok, p.grade, p.is_final, p.points,
    p.county_id, p.subject_id, p.class_id, p.school_stage, p.school_id, p.gender, p.tier
from raw;

create temp table enrolments as
select enrolment_id, on_day, county_id as county, subject_id as subject, class_id as class, school_stage as stage,
    school_id as school, gender
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
    union all
    select enrolment_id, 'course_selected', thing, on_day, occurred_at, false, case when event_type = 'course.selected' then 1 else 0 end
    from counted where event_type in ('course.selected', 'course.deselected')
),
entries as (
    select enrolment_id, on_day, activity,
        v - coalesce(lag(v) over (partition by enrolment_id, activity, thing order by later, occurred_at), 0) as q
    from decided
    union all
    select enrolment_id, on_day, event_type, coalesce(seconds, 1)
    from counted
    where event_type in ('session.started', 'video.watched', 'text.read', 'journal.published', 'assignment.submitted',
        'peer_review.submitted', 'resource.shared', 'diagnostic.submitted', 'post.published', 'practice.awarded',
        'outcome.submitted', 'award.granted')
)
select enrolment_id, on_day, activity, count(*) as n, sum(q)::decimal(18, 3) as q from entries group by all;

create temp table tiers as
select enrolment_id, max(on_day) as on_day, arg_max(tier, occurred_at) as tier
from events where event_type in ('diagnostic.submitted', 'diagnostic.tier_changed') group by all;

create temp table so_far as
with sums as (
    select enrolment_id, on_day,
        sum(q) filter (activity = 'session.started') as sessions,
        sum(q) filter (activity in ('video.watched', 'text.read')) as seconds,
        sum(q) filter (activity = 'journal.published') as journals,
        sum(q) filter (activity = 'peer_review.submitted') as reviews,
        sum(q) filter (activity = 'effective_post') as posts,
        sum(q) filter (activity = 'assignment_passed') as assignments,
        sum(q) filter (activity = 'practice_points') as practice,
        sum(q) filter (activity = 'outcome_points') as outcome,
        sum(n) filter (activity = 'diagnostic.submitted') as diagnostics,
        sum(q) filter (activity = 'course_selected') as courses,
        sum(n) filter (activity = 'assignment.submitted') as submissions,
        sum(n) filter (activity = 'resource.shared') as resources,
        sum(n) filter (activity in ('practice.awarded', 'outcome.submitted')) as at_school,
        sum(n) filter (activity = 'award.granted') as awards
    from days group by all
    union all by name
    select enrolment_id, on_day from enrolments
)
select enrolment_id, on_day,
    coalesce(sum(sessions) over u, 0) as sessions, coalesce(sum(seconds) over u, 0) as seconds,
    coalesce(sum(journals) over u, 0) as journals, coalesce(sum(reviews) over u, 0) as reviews,
    coalesce(sum(posts) over u, 0) as posts, coalesce(sum(assignments) over u, 0) as assignments,
    coalesce(sum(practice) over u, 0) as practice, coalesce(sum(outcome) over u, 0) as outcome,
    coalesce(sum(diagnostics) over u, 0) as diagnostics, coalesce(sum(courses) over u, 0) as courses,
    coalesce(sum(submissions) over u, 0) as submissions, coalesce(sum(resources) over u, 0) as resources,
    coalesce(sum(at_school) over u, 0) as at_school, coalesce(sum(awards) over u, 0) as awards
from sums window u as (partition by enrolment_id order by on_day range unbounded preceding);

-- The score card of every enrolment, from each day on which anything of it changes.
create temp table scores as
select distinct enrolment_id, on_day,
    round(20 * least(97200, seconds)::decimal(18, 3) / 97200, 6) as course_time, least(15, posts) as workshop_posts,
    5 * least(2, journals) as journals, 10 * least(1, assignments) as subject_assignment, least(10, reviews) / 2 as peer_reviews,
    least(20, practice) as practice, least(20, outcome) as outcome
from so_far;

create temp table status as
with flags as (
    select distinct enrolment_id, on_day, (sessions > 0)::int as login, (seconds > 0)::int as study,
        (20 * least(97200, seconds) / 97200 + least(15, posts) + 5 * least(2, journals) + 10 * least(1, assignments)
            + least(10, reviews) / 2 >= 36 and least(20, practice) + least(20, outcome) >= 24)::int as pass,
        (seconds >= 97200)::int as course_study, (diagnostics > 0)::int as diagnostic, (courses > 0)::int as selection,
        (posts > 0)::int as workshop, (submissions > 0)::int as assignment_submission,
        (submissions > 0 and assignments > 0)::int as assignment_pass, (resources > 0)::int as resource_submission,
        (at_school > 0)::int as school_based, (awards > 0)::int as excellent
    from so_far
),
placed as (
    select f.*, e.county, e.subject, e.class, e.stage, e.school, e.gender, case when f.on_day >= t.on_day then t.tier end as tier
    from flags f join enrolments e using (enrolment_id) left join tiers t using (enrolment_id)
),
spells as (
    select *, lead(on_day) over (partition by enrolment_id order by on_day) as until from placed
),
changes as (
    select county, subject, class, stage, school, gender, tier, on_day, 1 as participating, login, study, pass, course_study, diagnostic,
        selection, workshop, assignment_submission, assignment_pass, resource_submission, school_based, excellent
    from spells
    union all
    select county, subject, class, stage, school, gender, tier, until, -1, -login, -study, -pass, -course_study, -diagnostic,
        -selection, -workshop, -assignment_submission, -assignment_pass, -resource_submission, -school_based, -excellent
    from spells where until is not null
),
cells as (
    select case when grouping(class) = 0 then 'class' when grouping(school) = 0 then 'school'
            when grouping(county) + grouping(subject) + grouping(stage) = 0 then 'county_subject_school_stage'
            else coalesce(nullif(concat_ws('_', case when grouping(county) = 0 then 'county' end, case when grouping(subject) = 0 then 'subject' end,
                case when grouping(stage) = 0 then 'school_stage' end, case when grouping(tier) = 0 then 'tier' end,
                case when grouping(gender) = 0 then 'gender' end), ''), 'programme') end as breakdown,
        county, subject, class, stage, school, gender, tier, on_day,
        sum(participating) as participating, sum(login) as login, sum(study) as study, sum(pass) as pass,
        sum(course_study) as course_study, sum(diagnostic) as diagnostic, sum(selection) as selection, sum(workshop) as workshop,
        sum(assignment_submission) as assignment_submission, sum(assignment_pass) as assignment_pass,
        sum(resource_submission) as resource_submission, sum(school_based) as school_based, sum(excellent) as excellent
    from changes
    group by grouping sets ((on_day), (county, on_day), (subject, on_day), (class, on_day), (stage, on_day), (school, on_day), (tier, on_day),
        (gender, on_day), (county, subject, on_day), (county, stage, on_day), (county, tier, on_day), (county, gender, on_day),
        (subject, stage, on_day), (subject, tier, on_day), (subject, gender, on_day), (stage, tier, on_day), (stage, gender, on_day),
        (tier, gender, on_day), (county, subject, stage, on_day))
),
spine as (
    select breakdown, county, subject, class, stage, school, gender, tier,
        unnest(generate_series(min(on_day), date '2017-12-31', interval 1 day))::date as on_day
    from cells group by all
)
select spine.*,
    sum(coalesce(participating, 0)) over cell as participating, sum(coalesce(login, 0)) over cell as login,
    sum(coalesce(study, 0)) over cell as study, sum(coalesce(pass, 0)) over cell as pass,
    sum(coalesce(course_study, 0)) over cell as course_study, sum(coalesce(diagnostic, 0)) over cell as diagnostic,
    sum(coalesce(selection, 0)) over cell as selection, sum(coalesce(workshop, 0)) over cell as workshop,
    sum(coalesce(assignment_submission, 0)) over cell as assignment_submission, sum(coalesce(assignment_pass, 0)) over cell as assignment_pass,
    sum(coalesce(resource_submission, 0)) over cell as resource_submission, sum(coalesce(school_based, 0)) over cell as school_based,
    sum(coalesce(excellent, 0)) over cell as excellent
from spine left join cells
    on spine.on_day = cells.on_day and spine.breakdown = cells.breakdown and spine.county is not distinct from cells.county
        and spine.subject is not distinct from cells.subject and spine.class is not distinct from cells.class
        and spine.stage is not distinct from cells.stage and spine.school is not distinct from cells.school
        and spine.gender is not distinct from cells.gender and spine.tier is not distinct from cells.tier
window cell as (partition by spine.breakdown, spine.county, spine.subject, spine.class, spine.stage, spine.school, spine.gender, spine.tier
    order by spine.on_day);
