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
    {{ delete_matching(
        this, ref('int_enrolments_touched'), 'standing.programme_id = gone.programme_id and standing.enrolment_id = gone.enrolment_id'
    ) }}
    {%- endif -%}
{%- endmacro %}

{#- Deletes the rows `standing` of a table that match a row `gone` of another relation; only an update does, and none runs on Spark. -#}
{% macro delete_matching(table, others, condition) -%}
    delete from {{ table }} as standing using {{ others }} as gone where {{ condition }}
{%- endmacro %}

{#- Takes all records of the event ids that came again out of the model of those that came more than once. -#}
{% macro delete_arrived() -%}
    {%- if is_incremental() -%}
    {%- set arrived -%}
    (select distinct events.event_id from {{ ref('stg_lake__events') }} as events {{ only_fresh('events') }})
    {%- endset -%}
    {{ delete_matching(this, arrived, 'standing.event_id = gone.event_id') }}
    {%- endif -%}
{%- endmacro %}

{#- Joins with the enrolments that this build computes anew. -#}
{% macro only_touched(alias) -%}
    inner join {{ ref('int_enrolments_touched') }} as touched
        on {{ alias }}.programme_id = touched.programme_id and {{ alias }}.enrolment_id = touched.enrolment_id
{%- endmacro %}

{#- Whether a table that is made in whole goes on from what the last build made of it: what is_incremental says of the others. -#}
{% macro is_update() -%}
    {{ return(execute and not should_full_refresh() and load_relation(this) is not none) }}
{%- endmacro %}

{#- Of records, the one of each event id that counts, and none that names another person's enrolment. -#}
{% macro counted(records) -%}
select events.*
from {{ records }} as events
{{ without_extras('events') }}
left join {{ ref('int_foreign_learners') }} as foreigners
    on events.programme_id = foreigners.programme_id and events.enrolment_id = foreigners.enrolment_id
        and events.learner_key = foreigners.learner_key
where extras.log_offset is null and foreigners.learner_key is null
{%- endmacro %}

{#- To join with, and to keep where `extras.log_offset is null`: the records of an event id beside the one that counts. -#}
{% macro without_extras(records) -%}
left join (
    select log_partition, log_offset from {{ ref('int_event_duplicates') }} where standing <> 'counted'
) as extras
    on {{ records }}.log_partition = extras.log_partition and {{ records }}.log_offset = extras.log_offset
{%- endmacro %}

{#- What is asked of the events in play: every column more is read of fifty million rows. -#}
{% macro columns_in_play() -%}
    {{ return([
        'event_id', 'event_type', 'occurred_at', 'recorded_at', 'occurred_on', 'programme_id', 'enrolment_id', 'log_partition',
        'log_offset', 'course_id', 'duration_s', 'once_key', 'click_count', 'post_id', 'is_effective', 'assignment_id', 'grade', 'is_final',
        'points', 'weight_pct', 'details'
    ]) }}
{%- endmacro %}

{#- The time zones of the loaded programmes. -#}
{% macro programme_time_zones() -%}
    {%- set zones = ['UTC'] -%}
    {%- if execute -%}
        {{- need_sources() -}}
        {%- set found = run_query('select distinct timezone from ' ~ source('reference', 'programmes') ~ ' where timezone is not null order by 1') -%}
        {%- do zones.extend(found.columns[0].values()) -%}
    {%- endif -%}
    {{ return(zones) }}
{%- endmacro %}

{#- The id that an event.voided names. -#}
{% macro voided_event(details='details') -%}
    {{ event_key(json_text(details, 'voided_event_id')) }}
{%- endmacro %}

{#- To join with: the days on which some events cease to count (change -1) or count again (1). A programme voids events of its
    own only. -#}
{% macro void_changes_of(events) -%}
(
    select programme_id, voided_event_id, voided_on as changed_on, -1 as change from {{ ref('int_event_voids') }}
    union all
    select programme_id, voided_event_id, restored_on, 1 from {{ ref('int_event_voids') }} where restored_on < {{ open_end() }}
) as voids
    on {{ events }}.programme_id = voids.programme_id and {{ events }}.event_id = voids.voided_event_id
{%- endmacro %}

{#- To left join with: the periods in which voided events stand. What was never voided has none; stands_from and stands_to say
    so of each. -#}
{% macro standing_of(events) -%}
(
    select programme_id, voided_event_id, date '0001-01-01' as stands_from_on, min(voided_on) as stands_to_on
    from {{ ref('int_event_voids') }}
    group by programme_id, voided_event_id
    union all
    select programme_id, voided_event_id, restored_on, next_voided_on
    from (
        select
            *, coalesce(lead(voided_on) over (
                partition by programme_id, voided_event_id order by voided_on
            ), {{ open_end() }}) as next_voided_on
        from {{ ref('int_event_voids') }}
    ) as following
    where restored_on < {{ open_end() }}
) as voids
    on {{ events }}.programme_id = voids.programme_id and {{ events }}.event_id = voids.voided_event_id
{%- endmacro %}

{#- From when an event stands in such a period. -#}
{% macro stands_from(day) -%}
    greatest({{ day }}, coalesce(voids.stands_from_on, {{ day }}))
{%- endmacro %}

{#- Until when, exclusive; one that is voided before its day stands on none. -#}
{% macro stands_to(day) -%}
    case when voids.stands_to_on < {{ open_end() }} then greatest(voids.stands_to_on, {{ day }}) else {{ open_end() }} end
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

{#- With `per_enrolment`, a build looks at the enrolments that it computes anew: the others' rows are as they were when
    they were tested. With `of_enrolments`, at the first so many of them. -#}
{% macro tested_rows(model, per_enrolment, of_enrolments=none) -%}
{{ model }} as tested
{%- if per_enrolment %}
inner join (
    select programme_id, enrolment_id from {{ ref('int_enrolments_touched') }}
    {%- if of_enrolments %}
    order by programme_id, enrolment_id
    limit {{ of_enrolments }}
    {%- endif %}
) as touched
    on tested.programme_id = touched.programme_id and tested.enrolment_id = touched.enrolment_id
{%- endif %}
{%- endmacro %}

{#- Takes what a cell had of an indicator, from the first day on which this build changes it, out of an incremental model,
    which then makes it anew. -#}
{% macro delete_from_the_first_change() -%}
    {%- if is_incremental() -%}
    {{ delete_matching(
        this, ref('int_cell_indicators_touched'),
        'standing.cell_number = gone.cell_number and standing.indicator = gone.indicator and standing.valid_from_on >= gone.first_on'
    ) }}
    {%- endif -%}
{%- endmacro %}
