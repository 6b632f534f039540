{#- What is read of a statement to tell which event it is: name → where it is in the payload of xapi.statement_stored. -#}
{% macro statement_parts() -%}
    {%- set result = ['statement', 'result'] -%}
    {%- set said = ['statement', 'context', 'extensions'] -%}
    {{ return({
        'verb_id': ['verb_id'],
        'statement_id': ['statement_id'],
        'object_id': ['statement', 'object', 'id'],
        'kind': ['statement', 'object', 'definition', 'type'],
        'own_payload': said + [profile_iri() ~ ':extension:payload'],
        'own_source': said + [profile_iri() ~ ':extension:source'],
        'segments': result + ['extensions', 'https://w3id.org/xapi/video/extensions/played-segments'],
        'registration': ['statement', 'context', 'registration'],
        'video_session': said + ['https://w3id.org/xapi/video/extensions/session-id'],
        'cmi5_session': said + ['https://w3id.org/xapi/cmi5/context/extensions/sessionid'],
        'duration': result + ['duration'],
        'scaled': result + ['score', 'scaled'],
        'raw': result + ['score', 'raw'],
        'min': result + ['score', 'min'],
        'max': result + ['score', 'max']
    }) }}
{%- endmacro %}

{#- The namespace of the profile in docs/xapi-profile/. -#}
{% macro profile_iri() -%}urn:xueqing:xapi{%- endmacro %}

{#- Whether a statement is of our own profile: what it carries in our extensions was checked by the sink, and only then. -#}
{% macro is_own_statement() -%}
    coalesce({{ statement_part('verb_id') }} like '{{ profile_iri() }}:verb:%', false)
{%- endmacro %}

{#- One of these parts. -#}
{% macro statement_part(name, of='') -%}
    {{ list_value(of ~ 'said', (statement_parts().keys() | list).index(name) + 1) }}
{%- endmacro %}

{#- The event that a statement is: one of our own profile says so itself; of the xAPI Video Profile every statement with what was
    played so far is a viewing; of cmi5 what a session began with, lasted, and was judged; of other verbs what a row of sources.csv names,
    where the statement tells what such an event needs. All others stay statements. -#}
{% macro meant_event_type() -%}
    {%- set verb = statement_part('verb_id') -%}
    {%- set video = 'https://w3id.org/xapi/video/verbs/' -%}
    {%- set adl = 'http://adlnet.gov/expapi/verbs/' -%}
    {%- set own = profile_iri() ~ ':verb:' -%}
    case
        when event_type = 'xapi.statement_voided' then 'event.voided'
        when event_type <> 'xapi.statement_stored' then event_type
        when {{ is_own_statement() }} then substr({{ verb }}, {{ own | length + 1 }})
        when {{ has_segments(statement_part('segments')) }} and {{ verb }} in (
            '{{ video }}played', '{{ video }}paused', '{{ video }}seeked', '{{ adl }}completed', '{{ adl }}terminated'
        ) then 'video.watched'
        when {{ statement_part('cmi5_session') }} is not null and {{ verb }} = '{{ adl }}initialized' then 'session.started'
        when {{ statement_part('cmi5_session') }} is not null
            and {{ verb }} in ('{{ adl }}terminated', 'https://w3id.org/xapi/adl/verbs/abandoned')
            and {{ duration_seconds(statement_part('duration')) }} is not null then 'text.read'
        when {{ statement_part('cmi5_session') }} is not null
            and {{ verb }} in ('{{ adl }}passed', '{{ adl }}failed') then 'assignment.graded'
        when {{ statement_part('cmi5_session') }} is not null
            and {{ verb }} in ('{{ adl }}completed', 'https://w3id.org/xapi/adl/verbs/waived') then 'unit.completed'
        when named_type = 'assignment.graded' and {{ told_grade() }} is null then event_type
        when named_type = 'text.read' and {{ duration_seconds(statement_part('duration')) }} is null then event_type
        when named_type <> '' then named_type
        else event_type
    end
{%- endmacro %}

{#- Which events have the members that staging makes columns of, in their newest version (a test holds it to the catalogue). What a
    statement of our own profile carries besides is nothing that its event says, though it be called like a member of another. -#}
{% macro events_with(name) -%}
    {{ return({
        'course_id': ['enrolment.opened', 'course.selected', 'course.deselected', 'video.watched', 'text.read', 'platform.event_recorded', 'totals.reported'],
        'seconds': [],
        'watched_s': ['video.watched'],
        'read_s': ['text.read'],
        'click_count': ['content.accessed'],
        'post_id': ['post.published', 'post.judged', 'post.voided'],
        'is_effective': ['post.published', 'post.judged'],
        'assignment_id': ['assignment.submitted', 'assignment.graded', 'assignment.featured', 'peer_review.submitted'],
        'grade': ['assignment.graded'],
        'is_final': ['assignment.graded'],
        'points': ['practice.awarded', 'outcome.approved'],
        'weight_pct': ['assignment.graded']
    }[name]) }}
{%- endmacro %}

{#- A member of an event's payload, where events of its type have it. -#}
{% macro told(name) -%}
    {%- set types = events_with(name) -%}
    case when not events.is_own{% if types %} or events.meant_type in ('{{ types | join("', '") }}'){% endif %} then events.body.{{ name }} end
{%- endmacro %}

{#- What counts once however often it is told. A video's played segments are those of its registration, whatever sessions it is played
    in (xAPI Video Profile 1.0, played-segments); where none is told, those of the session, or of the video. A session of cmi5 begins and
    ends once, though its unit and its LMS both say so. -#}
{% macro once_key() -%}
    case
        when is_foreign and meant_type = 'video.watched' then concat_ws(
            chr(31), {{ statement_part('object_id') }},
            coalesce({{ statement_part('registration') }}, {{ statement_part('video_session') }}, '')
        )
        when is_foreign and meant_type in ('text.read', 'session.started') then {{ statement_part('cmi5_session') }}
        when is_foreign and meant_type = 'journal.published' then {{ statement_part('object_id') }}
        when meant_type = 'journal.published' then {{ json_text('own_payload', 'journal_id') }}
        when meant_type = 'peer_review.submitted' then concat_ws(
            chr(31), {{ json_text('own_payload', 'assignment_id') }}, {{ json_text('own_payload', 'reviewed_enrolment_id') }}
        )
    end
{%- endmacro %}

{#- Whose work a review is about. -#}
{% macro reviewed_enrolment(events) -%}
    split_part({{ events }}.once_key, chr(31), 2)
{%- endmacro %}

{#- A judged unit's grade of 100: what it scaled itself; else where its raw score lies between its least and its most, rounded down so
    that no rounding passes anybody; without either, passing is all of the points and failing none. -#}
{% macro judged_grade() -%}
    cast(greatest(0, least(100, coalesce({{ told_grade() }}, case when {{ is_passed_verb() }} then 100 else 0 end))) as decimal(18, 15))
{%- endmacro %}

{#- The grade of 100 that a statement's score tells; null where it tells none. -#}
{% macro told_grade() -%}
    coalesce(
        100 * try_cast({{ number_text(statement_part('scaled')) }} as decimal(20, 17)),
        {{ raw_grade(score_number('raw'), "coalesce(" ~ score_number('min') ~ ", 0)", score_number('max')) }}
    )
{%- endmacro %}

{% macro is_passed_verb() -%}{{ statement_part('verb_id') }} like '%/passed'{%- endmacro %}

{#- Whether a statement's verb itself judges. -#}
{% macro is_verdict() -%}({{ statement_part('verb_id') }} like '%/passed' or {{ statement_part('verb_id') }} like '%/failed'){%- endmacro %}

{#- A number of a statement's score; null where it is none, or too large to reckon with. -#}
{% macro score_number(name) -%}
    cast(try_cast({{ number_text(statement_part(name)) }} as decimal(18, 6)) as decimal(20, 6))
{%- endmacro %}

{% macro raw_grade(raw, least_score, most_score) -%}
    case when {{ raw }} between {{ least_score }} and {{ most_score }} and {{ most_score }} > {{ least_score }} then
        cast({{ whole_quotient(
            wide(in_millionths(raw ~ ' - ' ~ least_score)) ~ ' * 100000000000000000', in_millionths(most_score ~ ' - ' ~ least_score)
        ) }} as decimal(18, 0)) * cast(0.000000000000001 as decimal(16, 15))
    end
{%- endmacro %}
