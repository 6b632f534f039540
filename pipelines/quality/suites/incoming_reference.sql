-- One row a programme and version of its definitions.
with indicators as (
    select programme_id, version, count(*) as indicator_count, count(*) - count(distinct indicator) as doubled_count
    from reference.indicators
    group by programme_id, version
),

stages as (
    select programme_id, version, stage,
        abs(sum(cast(max_points as decimal(18, 3))) - max(cast(stage_max_points as decimal(18, 3)))) as off_points
    from reference.assessment_rules
    group by programme_id, version, stage
),

points as (
    select programme_id, version, max(off_points) as off_points from stages group by programme_id, version
),

counties as (
    select programme_id, count(*) - count(distinct county_id) as doubled_count from reference.counties group by programme_id
)

select
    definitions.programme_id,
    definitions.version,
    coalesce(indicators.indicator_count, 0) as indicator_count,
    coalesce(indicators.doubled_count, 0) as doubled_indicator_count,
    coalesce(points.off_points, 0) as off_points,
    coalesce(counties.doubled_count, 0) as doubled_county_count,
    count(*) over (partition by definitions.programme_id, definitions.applies_from_on) - 1 as doubled_version_count
from reference.definitions
left join indicators using (programme_id, version)
left join points using (programme_id, version)
left join counties using (programme_id)
