-- depends_on: {{ ref('int_cell_changes') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_from_the_first_change() }}"
) }}
{%- set counts = cell_counts() %}
{%- set dimensions = cell_dimensions() %}
-- The running total of a cell's movements is its status on that day. Cells are few, so every date
-- is kept. An update goes on from the last day before anything changed.

with movements as (
    select movements.*
    from {{ ref('int_cell_movements') }} as movements
    where {{ any_change('movements.') }}
),
{%- if is_incremental() %}

changed as (
    select distinct programme_id from {{ ref('int_cell_changes') }}
),

resumed as (
    select changed.programme_id, max(standing.as_of_on) as last_on
    from changed
    left join {{ this }} as standing on changed.programme_id = standing.programme_id
    group by changed.programme_id
),
{%- endif %}

sums as (
    select
        programme_id,
        case
            {%- for name, columns in breakdowns().items() %}
            when {% for d in dimensions %}grouping({{ d }}) = {{ 0 if d in columns else 1 }}{{ " and " if not loop.last }}{% endfor %} then '{{ name }}'
            {%- endfor %}
        end as breakdown,
        {{ dimensions | join(', ') }},
        local_on,
        {% for c in counts %}sum({{ c }}_change) as {{ c }}_change{{ ", " if not loop.last }}{% endfor %}
    {%- if is_incremental() %}
    from (
        select movements.*
        from movements
        inner join resumed on movements.programme_id = resumed.programme_id
        where resumed.last_on is null or movements.local_on > resumed.last_on
    ) as movements
    {%- else %}
    from movements
    {%- endif %}
    group by grouping sets (
        {%- for columns in breakdowns().values() %}
        (programme_id, {% for d in columns %}{{ d }}, {% endfor %}local_on){{ "," if not loop.last }}
        {%- endfor %}
    )
),

cells as (
    select programme_id, breakdown, {{ dimensions | join(', ') }}, local_on,
        {% for c in counts %}{{ c }}_change{{ ", " if not loop.last }}{% endfor %}
    from sums
    where {{ any_change() }}
    {%- if is_incremental() %}
    union all
    select standing.programme_id, standing.breakdown, {% for d in dimensions %}standing.{{ d }}, {% endfor %}
        {{ day_after('standing.as_of_on') }},
        {% for c in counts %}standing.{{ c }}_count{{ ", " if not loop.last }}{% endfor %}
    from {{ this }} as standing
    inner join resumed on standing.programme_id = resumed.programme_id and standing.as_of_on = resumed.last_on
    {%- endif %}
),

last_days as (
    select programme_id, max(local_on) as last_on from movements group by programme_id
),

-- From a cell's first day to the programme's last, the report's day included.
spines as (
    select
        firsts.programme_id, firsts.breakdown, {% for d in dimensions %}firsts.{{ d }}, {% endfor %}
        {{ date_spine('firsts.first_on', 'firsts.last_on', 'local_on') }}
    from (
        select
            cells.programme_id, cells.breakdown, {% for d in dimensions %}cells.{{ d }}, {% endfor %}
            min(cells.local_on) as first_on,
            greatest(last_days.last_on, coalesce(programmes.report_on, last_days.last_on)) as last_on
        from cells
        inner join last_days on cells.programme_id = last_days.programme_id
        left join {{ source('reference', 'programmes') }} as programmes
            on cells.programme_id = programmes.programme_id
        group by cells.programme_id, cells.breakdown, {% for d in dimensions %}cells.{{ d }}, {% endfor %}
            last_days.last_on, programmes.report_on
    ) as firsts
),

dated as (
    select programme_id, breakdown, {{ dimensions | join(', ') }}, local_on,
        {% for c in counts %}{{ c }}_change{{ ", " if not loop.last }}{% endfor %}
    from cells
    union all
    select programme_id, breakdown, {{ dimensions | join(', ') }}, local_on,
        {% for c in counts %}0{{ ", " if not loop.last }}{% endfor %}
    from spines
),

daily as (
    select programme_id, breakdown, {{ dimensions | join(', ') }}, local_on,
        {% for c in counts %}sum({{ c }}_change) as {{ c }}_change{{ ", " if not loop.last }}{% endfor %}
    from dated
    group by programme_id, breakdown, {{ dimensions | join(', ') }}, local_on
),

running as (
    select
        programme_id, breakdown, {{ dimensions | join(', ') }},
        local_on as as_of_on,
        {%- for c in counts %}
        cast(sum({{ c }}_change) over cell as bigint) as {{ c }}_count{{ "," if not loop.last }}
        {%- endfor %}
    from daily
    window cell as (
        partition by programme_id, breakdown, {{ dimensions | join(', ') }}
        order by local_on rows unbounded preceding
    )
),

denominators as (
    select
        indicators.programme_id, indicators.applies_from_on, indicators.applies_to_on,
        {%- for i in indicators() %}
        max(case when indicators.indicator = '{{ i }}' then indicators.denominator end) as {{ i }}_of{{ "," if not loop.last }}
        {%- endfor %}
    from {{ defined('indicators') }} as indicators
    group by indicators.programme_id, indicators.applies_from_on, indicators.applies_to_on
),

wholes as (
    select
        running.*,
        {%- for i in indicators() %}
        {{ named_count('denominators.' ~ i ~ '_of', 'running.') }} as {{ i }}_whole{{ "," if not loop.last }}
        {%- endfor %}
    from running
    left join denominators
        on running.programme_id = denominators.programme_id and running.as_of_on >= denominators.applies_from_on
            and (denominators.applies_to_on is null or running.as_of_on < denominators.applies_to_on)
)

select
    programme_id,
    as_of_on,
    breakdown,
    {%- for d in dimensions %}
    {{ d }},
    {%- endfor %}
    {%- for c in counts %}
    {{ c }}_count,
    {%- endfor %}
    {%- for i in indicators() %}
    cast({{ exact_ratio(i ~ '_count', i ~ '_whole', 8) }} as decimal(18, 8)) as {{ i }}_ratio{{ "," if not loop.last }}
    {%- endfor %}
from wholes
