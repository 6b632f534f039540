-- How each school, class and workshop is called on each date: by its latest name that was not voided. Its first name holds before its
-- date, too, and a group that nobody has named is called by its id: nobody is dropped for want of a label.

with names as (
    select * from {{ ref('int_group_names') }}
),

days as (
    select programme_id, kind, group_id, valid_from_on as day_on from names
    union
    select programme_id, kind, group_id, valid_to_on from names where valid_to_on < {{ open_end() }}
),

states as (
    select
        days.programme_id, days.kind, days.group_id, days.day_on,
        {{ last_by(record(['label_zh', 'label_en', 'county_id']), [
            'names.named_on', 'names.precedence', 'names.occurred_at', 'names.recorded_at', 'names.log_partition', 'names.log_offset'
        ]) }} as name
    from days
    inner join names
        on days.programme_id = names.programme_id and days.kind = names.kind and days.group_id = names.group_id
            and {{ holds_on('names', 'days.day_on') }}
    group by days.programme_id, days.kind, days.group_id, days.day_on
),

periods as (
    select
        days.programme_id, days.kind, days.group_id,
        case when row_number() over naming = 1 then {{ beginning() }} else days.day_on end as valid_from_on,
        coalesce(lead(days.day_on) over naming, {{ open_end() }}) as valid_to_on,
        states.name.label_zh, states.name.label_en, states.name.county_id
    from days
    left join states
        on days.programme_id = states.programme_id and days.kind = states.kind and days.group_id = states.group_id
            and days.day_on = states.day_on
    window naming as (partition by days.programme_id, days.kind, days.group_id order by days.day_on)
),

placements as (
    select * from {{ ref('int_enrolment_placements') }}
),

seen as (
    select distinct programme_id, 'school' as kind, school_id as group_id from placements where school_id is not null
    union all
    select distinct programme_id, 'class', class_id from placements where class_id is not null
)

select
    coalesce(periods.programme_id, seen.programme_id) as programme_id,
    coalesce(periods.kind, seen.kind) as kind,
    coalesce(periods.group_id, seen.group_id) as group_id,
    coalesce(periods.valid_from_on, {{ beginning() }}) as valid_from_on,
    coalesce(periods.valid_to_on, {{ open_end() }}) as valid_to_on,
    coalesce(periods.label_zh, periods.group_id, seen.group_id) as label_zh,
    coalesce(periods.label_en, periods.label_zh, periods.group_id, seen.group_id) as label_en,
    periods.county_id,
    periods.label_zh is not null as is_named
from periods
full join seen
    on periods.programme_id = seen.programme_id and periods.kind = seen.kind and periods.group_id = seen.group_id
