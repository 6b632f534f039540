{#- The lake's rows that this build has not read before: all of them in a full build. The
    runner makes both relations from one snapshot, so no commit falls between two models. -#}
{% macro lake_records() -%}
    {%- if is_incremental() -%}{{ source('lake', 'new_records') }}
    {%- else -%}{{ source('lake', 'records') }}
    {%- endif -%}
{%- endmacro %}

{#- Joins events with the records that this build has not read before. -#}
{% macro only_fresh(alias) -%}
    inner join {{ source('lake', 'new_records') }} as fresh_records
        on {{ alias }}.log_partition = fresh_records.partition and {{ alias }}.log_offset = fresh_records.offset
{%- endmacro %}

{#- Takes the rows of the enrolments touched by this build out of an incremental model, which
    then appends them anew. -#}
{% macro delete_touched() -%}
    {%- if is_incremental() -%}
    delete from {{ this }}
    where (programme_id, enrolment_id) in (
        select (programme_id, enrolment_id) from {{ ref('int_enrolments_touched') }}
    )
    {%- endif -%}
{%- endmacro %}

{#- Joins what an update works on; by the run's flag, because views may ask too. -#}
{% macro only_touched(alias) -%}
    {%- if not flags.FULL_REFRESH -%}
    inner join {{ ref('int_enrolments_touched') }} as touched
        on {{ alias }}.programme_id = touched.programme_id and {{ alias }}.enrolment_id = touched.enrolment_id
    {%- endif -%}
{%- endmacro %}

{#- Of records, the one of each event id that counts. -#}
{% macro counted(records) -%}
select events.*
from {{ records }} as events
left join (
    select log_partition, log_offset from {{ ref('int_event_duplicates') }} where standing <> 'counted'
) as extras
    on events.log_partition = extras.log_partition and events.log_offset = extras.log_offset
where extras.log_offset is null
{%- endmacro %}

{#- What is asked of the events in play: every column more is read of fifty million rows. -#}
{% macro columns_in_play() -%}
    {{ return([
        'event_id', 'event_type', 'occurred_at', 'recorded_at', 'occurred_on', 'programme_id', 'enrolment_id', 'log_partition',
        'log_offset', 'course_id', 'duration_s', 'viewing', 'click_count', 'post_id', 'is_effective', 'assignment_id', 'grade', 'is_final',
        'points', 'weight_pct', 'details'
    ]) }}
{%- endmacro %}

{#- The time zones of the loaded programmes. -#}
{% macro programme_time_zones() -%}
    {%- set zones = ['UTC'] -%}
    {%- if execute -%}
        {%- set found = run_query('select distinct timezone from ' ~ source('reference', 'programmes') ~ ' where timezone is not null order by 1') -%}
        {%- do zones.extend(found.columns[0].values()) -%}
    {%- endif -%}
    {{ return(zones) }}
{%- endmacro %}

{#- The id that an event.voided names. -#}
{% macro voided_event(details='details') -%}
    {{ event_key(json_text(details, 'voided_event_id')) }}
{%- endmacro %}

{#- To join with: the voids of some events. A programme voids events of its own only. -#}
{% macro voids_of(events) -%}
{{ ref('int_event_voids') }} as voids
    on {{ events }}.programme_id = voids.programme_id and {{ events }}.event_id = voids.voided_event_id
{%- endmacro %}

{#- The enrolments that this build works on, numbered: sorting and grouping long texts costs far more. -#}
{% macro numbered_enrolments() -%}
    select
        opened.programme_id, opened.enrolment_id, opened.first_opened_on,
        row_number() over (order by opened.programme_id, opened.enrolment_id) as enrolment_number
    from {{ ref('int_enrolments_opened') }} as opened
    {{ only_touched('opened') }}
{%- endmacro %}

{#- A table of the packs, with the dates on which each version of its programme's definitions applies. -#}
{% macro defined(table) -%}
    (
        select pack_rows.*, definitions.applies_from_on, definitions.applies_to_on
        from {{ source('reference', table) }} as pack_rows
        inner join {{ source('reference', 'definitions') }} as definitions
            on pack_rows.programme_id = definitions.programme_id and pack_rows.version = definitions.version
    )
{%- endmacro %}

{#- With `per_enrolment`, an update looks at the enrolments that it has touched: the others' rows are as they were when
    they were tested. -#}
{% macro tested_rows(model, per_enrolment) -%}
{{ model }} as tested
{%- if per_enrolment %}
-- depends_on: {{ ref('int_enrolments_touched') }}
{{ only_touched('tested') }}
{%- endif %}
{%- endmacro %}

{#- Takes a programme's days from the first on which this build changes a cell out of an incremental model, which then
    makes them anew. -#}
{% macro delete_from_the_first_change() -%}
    {%- if is_incremental() -%}
    delete from {{ this }} as standing
    using (
        select programme_id, min(local_on) as first_on from {{ ref('int_cell_changes') }} group by programme_id
    ) as firsts
    where standing.programme_id = firsts.programme_id and standing.as_of_on >= firsts.first_on
    {%- endif -%}
{%- endmacro %}
