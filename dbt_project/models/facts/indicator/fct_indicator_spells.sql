-- depends_on: {{ ref('int_enrolments_touched') }} {{ ref('int_spells_replaced') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_touched() }}"
) }}

-- An enrolment counts for an indicator while it meets it and belongs to what the indicator is a share of: to a whole
-- group, and to every indicator on the way there. Split where its placement changes.

with placements as (
    select placements.*
    from {{ ref('int_enrolment_placements') }} as placements
    {{ only_touched('placements') }}
),

definitions as (
    select
        indicators.programme_id, indicators.version, indicators.indicator, indicators.measure, indicators.whole_group,
        indicators.shares_of, indicators.applies_from_on, indicators.applies_to_on
    from {{ defined('indicators') }} as indicators
),

met as (
    select
        met.programme_id, met.enrolment_id, met.indicator, met.valid_from_on, met.valid_to_on,
        definitions.version, definitions.whole_group, definitions.shares_of
    from {{ ref('int_indicators_met') }} as met
    inner join definitions
        on met.programme_id = definitions.programme_id and met.definition_version = definitions.version
            and met.indicator = definitions.indicator
    {{ only_touched('met') }}
),

placed as (
    select
        met.programme_id, met.enrolment_id, met.version, met.indicator, met.shares_of,
        placements.valid_from_on as placed_from_on,
        greatest(met.valid_from_on, placements.valid_from_on) as valid_from_on,
        least(met.valid_to_on, placements.valid_to_on) as valid_to_on
    from met
    inner join placements
        on met.programme_id = placements.programme_id and met.enrolment_id = placements.enrolment_id
            and met.valid_from_on < placements.valid_to_on and met.valid_to_on > placements.valid_from_on
    where case when met.whole_group = 'called_up' then placements.is_called_up else placements.is_participating end
    union all
    -- Taking part is a matter of the placement alone.
    select
        placements.programme_id, placements.enrolment_id, definitions.version, definitions.indicator, definitions.shares_of,
        placements.valid_from_on, greatest(placements.valid_from_on, definitions.applies_from_on),
        least(placements.valid_to_on, definitions.applies_to_on)
    from placements
    inner join definitions
        on placements.programme_id = definitions.programme_id
            and placements.valid_from_on < definitions.applies_to_on and placements.valid_to_on > definitions.applies_from_on
    where definitions.measure = 'is_participating' and placements.is_participating
        and (placements.is_called_up or definitions.whole_group <> 'called_up')
),

-- The indicators that an indicator is a share of, one row each.
wholes as (
    select programme_id, version, indicator, {{ unpack_list('shares_of', 'whole') }}
    from definitions
    where shares_of <> ''
),

-- With all of them, an enrolment meets one more than the list has.
parts as (
    select programme_id, enrolment_id, version, indicator, placed_from_on, valid_from_on, valid_to_on
    from placed
    where shares_of <> ''
    union all
    select
        placed.programme_id, placed.enrolment_id, placed.version, wholes.indicator, placed.placed_from_on,
        placed.valid_from_on, placed.valid_to_on
    from placed
    inner join wholes
        on placed.programme_id = wholes.programme_id and placed.version = wholes.version and placed.indicator = wholes.whole
),

needed as (
    select programme_id, version, indicator, count(*) + 1 as needed_count
    from wholes
    group by programme_id, version, indicator
),

steps as (
    select programme_id, enrolment_id, version, indicator, placed_from_on, valid_from_on as local_on, 1 as change
    from parts
    union all
    select programme_id, enrolment_id, version, indicator, placed_from_on, valid_to_on, -1
    from parts
),

days as (
    select programme_id, enrolment_id, version, indicator, placed_from_on, local_on, sum(change) as change
    from steps
    group by programme_id, enrolment_id, version, indicator, placed_from_on, local_on
    having sum(change) <> 0
),

levels as (
    select
        programme_id, enrolment_id, version, indicator, placed_from_on, local_on as valid_from_on,
        sum(change) over (
            partition by programme_id, enrolment_id, version, indicator, placed_from_on
            order by local_on rows unbounded preceding
        ) as met_count,
        lead(local_on) over (
            partition by programme_id, enrolment_id, version, indicator, placed_from_on order by local_on
        ) as valid_to_on
    from days
)

select programme_id, enrolment_id, indicator, placed_from_on, valid_from_on, valid_to_on
from placed
where shares_of = ''
union all
select levels.programme_id, levels.enrolment_id, levels.indicator, levels.placed_from_on, levels.valid_from_on, levels.valid_to_on
from levels
inner join needed
    on levels.programme_id = needed.programme_id and levels.version = needed.version and levels.indicator = needed.indicator
        and levels.met_count = needed.needed_count
{%- for group, column in var('whole_groups').items() %}
union all
select programme_id, enrolment_id, '{{ group }}', placements.valid_from_on as placed_from_on, valid_from_on, valid_to_on
from placements
where {{ column }}
{%- endfor %}
