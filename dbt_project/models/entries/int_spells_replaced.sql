-- depends_on: {{ ref('int_enrolments_touched') }}
{{ config(tags=['touched']) }}
{%- set dimensions = placement_dimensions() %}
-- What the last build said of the enrolments that this one touches, kept before it is replaced. The tables are
-- named and not referred to: they are read as the last build left them. Empty in a full build.

{%- if not is_update() %}

select
    {% for c in ['programme_id', 'enrolment_id'] + dimensions + ['indicator'] %}cast(null as string) as {{ c }}, {% endfor %}
    cast(null as date) as placed_from_on, cast(null as date) as valid_from_on, cast(null as date) as valid_to_on
where 1 = 0
{%- else %}

select
    spells.programme_id, spells.enrolment_id,
    {% for d in dimensions %}placements.{{ d }}, {% endfor %}
    spells.indicator, spells.placed_from_on, spells.valid_from_on, spells.valid_to_on
from {{ this.incorporate(path={'schema': 'marts', 'identifier': 'fct_indicator_spells'}) }} as spells
{{ only_touched('spells') }}
inner join {{ this.incorporate(path={'identifier': 'int_enrolment_placements'}) }} as placements
    on spells.programme_id = placements.programme_id and spells.enrolment_id = placements.enrolment_id
        and spells.placed_from_on = placements.valid_from_on
{%- endif %}
