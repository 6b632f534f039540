{{ config(materialized='view') }}
-- A cause is a warning, counted by the enrolments that it is about, or `pace:` and an indicator, counted by the counties behind.

with rules as (
    select
        programme_id, action, applies_from_on, applies_to_on, {{ adapter.quote('when') }} as cause,
        cast(minimum_count as bigint) as minimum_count
    from {{ defined('actions') }} as rules
),

warned as (
    select
        warnings.programme_id, warnings.as_of_on, warnings.warning, enrolments.class_id, enrolments.subject_id,
        grouping(enrolments.class_id) as is_of_any_class, grouping(enrolments.subject_id) as is_of_any_subject,
        count(*) as cause_count
    from {{ ref('rpt_warnings') }} as warnings
    inner join {{ ref('dim_enrolments') }} as enrolments
        on warnings.programme_id = enrolments.programme_id and warnings.enrolment_id = enrolments.enrolment_id
            and {{ holds_on('enrolments', 'warnings.as_of_on') }}
    group by grouping sets (
        (warnings.programme_id, warnings.as_of_on, warnings.warning),
        (warnings.programme_id, warnings.as_of_on, warnings.warning, enrolments.class_id),
        (warnings.programme_id, warnings.as_of_on, warnings.warning, enrolments.subject_id)
    )
),

causes as (
    select
        programme_id, as_of_on, warning as cause, cause_count,
        case when is_of_any_class = 0 then 'class' when is_of_any_subject = 0 then 'subject' else 'programme' end as breakdown,
        coalesce(class_id, subject_id, '') as group_id
    from warned
    -- Whoever is in no class or of no subject counts for the programme only.
    where (is_of_any_class = 1 or class_id is not null) and (is_of_any_subject = 1 or subject_id is not null)
    union all
    select
        behind.programme_id, behind.as_of_on, concat('pace:', behind.indicator) as cause, count(*) as cause_count,
        'programme' as breakdown, '' as group_id
    from {{ ref('rpt_behind_pace') }} as behind
    inner join {{ ref('dim_cells') }} as cells
        on behind.programme_id = cells.programme_id and behind.breakdown = cells.breakdown and behind.cell_id = cells.cell_id
    where behind.breakdown = 'county' and cells.county_id is not null
    group by behind.programme_id, behind.as_of_on, behind.indicator
)

select
    causes.programme_id,
    causes.as_of_on,
    causes.breakdown,
    causes.group_id,
    rules.action,
    causes.cause,
    cast(causes.cause_count as bigint) as cause_count
from causes
inner join rules
    on causes.programme_id = rules.programme_id and causes.cause = rules.cause
        and causes.as_of_on >= rules.applies_from_on and causes.as_of_on < rules.applies_to_on
where causes.cause_count >= rules.minimum_count
