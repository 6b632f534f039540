-- depends_on: {{ ref('int_enrolments_touched') }} {{ ref('int_spells_replaced') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_touched() }}"
) }}

-- An enrolment counts for an indicator while it meets it and belongs to what the indicator is a
-- share of: called up, participating, or (one step) another indicator. Split where its placement changes.

with placements as (
    select placements.*
    from {{ ref('int_enrolment_placements') }} as placements
    {{ only_touched('placements') }}
),

definitions as (
    select
        indicators.programme_id, indicators.version, indicators.indicator, indicators.denominator,
        indicators.applies_from_on, indicators.applies_to_on
    from {{ defined('indicators') }} as indicators
),

met as (
    select
        met.programme_id, met.enrolment_id, met.indicator, met.valid_from_on, met.valid_to_on,
        definitions.denominator
    from {{ ref('int_indicators_met') }} as met
    inner join definitions
        on met.programme_id = definitions.programme_id and met.definition_version = definitions.version
            and met.indicator = definitions.indicator
    {{ only_touched('met') }}
),

placed as (
    select
        met.programme_id, met.enrolment_id, met.indicator, met.denominator,
        placements.valid_from_on as placed_from_on,
        greatest(met.valid_from_on, placements.valid_from_on) as valid_from_on,
        least(met.valid_to_on, placements.valid_to_on) as valid_to_on
    from met
    inner join placements
        on met.programme_id = placements.programme_id and met.enrolment_id = placements.enrolment_id
            and (placements.valid_to_on is null or met.valid_from_on < placements.valid_to_on)
            and (met.valid_to_on is null or met.valid_to_on > placements.valid_from_on)
    where case when met.denominator = 'called_up' then placements.is_called_up else placements.is_participating end
),

of_another as (
    select
        placed.programme_id, placed.enrolment_id, placed.indicator, placed.placed_from_on,
        greatest(placed.valid_from_on, wholes.valid_from_on) as valid_from_on,
        least(placed.valid_to_on, wholes.valid_to_on) as valid_to_on
    from placed
    inner join placed as wholes
        on placed.programme_id = wholes.programme_id and placed.enrolment_id = wholes.enrolment_id
            and placed.denominator = wholes.indicator and placed.placed_from_on = wholes.placed_from_on
            and (wholes.valid_to_on is null or placed.valid_from_on < wholes.valid_to_on)
            and (placed.valid_to_on is null or placed.valid_to_on > wholes.valid_from_on)
    where placed.denominator not in ('called_up', 'participating')
)

select
    placements.programme_id,
    placements.enrolment_id,
    definitions.indicator,
    placements.valid_from_on as placed_from_on,
    greatest(placements.valid_from_on, definitions.applies_from_on) as valid_from_on,
    least(placements.valid_to_on, definitions.applies_to_on) as valid_to_on
from placements
inner join definitions
    on placements.programme_id = definitions.programme_id
        and (definitions.applies_to_on is null or placements.valid_from_on < definitions.applies_to_on)
        and (placements.valid_to_on is null or placements.valid_to_on > definitions.applies_from_on)
where definitions.indicator = 'participation' and placements.is_participating
    and (placements.is_called_up or definitions.denominator <> 'called_up')
union all
select programme_id, enrolment_id, indicator, placed_from_on, valid_from_on, valid_to_on
from placed
where denominator in ('called_up', 'participating')
union all
select programme_id, enrolment_id, indicator, placed_from_on, valid_from_on, valid_to_on
from of_another
union all
select programme_id, enrolment_id, 'called_up', valid_from_on as placed_from_on, placements.valid_from_on, valid_to_on
from placements
where is_called_up
union all
select programme_id, enrolment_id, 'participating', valid_from_on as placed_from_on, placements.valid_from_on, valid_to_on
from placements
where is_participating
