-- One row a programme and county: who is enrolled there now, and what the pack does not know of it.
select
    placed.programme_id,
    coalesce(placed.county_id, '') as county_id,
    count(*) as enrolment_count,
    count(*) filter (placed.class_id is null) / count(*) as without_class_ratio,
    count(*) filter (placed.subject_id is null) / count(*) as without_subject_ratio,
    count(*) filter (counties.county_id is null and packs.counties > 0) as unknown_county_count,
    count(*) filter (subjects.subject_id is null and packs.subjects > 0) as unknown_subject_count,
    count(*) - count(distinct (placed.learner_key, placed.class_id, placed.subject_id)) as doubled_count
from marts.dim_enrolments as placed
inner join (
    select programmes.programme_id,
        (select count(*) from reference.counties where counties.programme_id = programmes.programme_id) as counties,
        (select count(*) from reference.subjects where subjects.programme_id = programmes.programme_id) as subjects
    from reference.programmes
) as packs using (programme_id)
left join reference.counties using (programme_id, county_id)
left join reference.subjects using (programme_id, subject_id)
where placed.valid_to_on = date '9999-12-31' and placed.is_participating
group by placed.programme_id, county_id
