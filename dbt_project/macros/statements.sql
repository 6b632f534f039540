{#- What is read of a statement to tell which event it is: name → where it is in the payload of xapi.statement_stored. -#}
{% macro statement_parts() -%}
    {%- set result = ['statement', 'result'] -%}
    {%- set said = ['statement', 'context', 'extensions'] -%}
    {{ return({
        'verb_id': ['verb_id'],
        'statement_id': ['statement_id'],
        'object_id': ['statement', 'object', 'id'],
        'own_payload': said + [profile_iri() ~ ':extension:payload'],
        'own_source': said + [profile_iri() ~ ':extension:source'],
        'segments': result + ['extensions', 'https://w3id.org/xapi/video/extensions/played-segments'],
        'viewing': said + ['https://w3id.org/xapi/video/extensions/session-id'],
        'cmi5_session': said + ['https://w3id.org/xapi/cmi5/context/extensions/sessionid'],
        'duration': result + ['duration'],
        'scaled': result + ['score', 'scaled']
    }) }}
{%- endmacro %}

{#- The namespace of the profile in docs/xapi-profile/. -#}
{% macro profile_iri() -%}urn:xueqing:xapi{%- endmacro %}

{#- Whether a statement is of our own profile: what it carries in our extensions was checked by the sink, and only then. -#}
{% macro is_own_statement() -%}
    coalesce({{ statement_part('verb_id') }} like '{{ profile_iri() }}:verb:%', false)
{%- endmacro %}

{#- One of these parts. -#}
{% macro statement_part(name) -%}
    {{ list_value('said', (statement_parts().keys() | list).index(name) + 1) }}
{%- endmacro %}

{#- The event that a statement is: one of our own profile says so itself; of the xAPI Video Profile every statement with what was
    played so far is a viewing; of cmi5 what a session began with, lasted, and was judged. All others stay statements. -#}
{% macro meant_event_type() -%}
    {%- set verb = statement_part('verb_id') -%}
    {%- set video = 'https://w3id.org/xapi/video/verbs/' -%}
    {%- set adl = 'http://adlnet.gov/expapi/verbs/' -%}
    {%- set own = profile_iri() ~ ':verb:' -%}
    case
        when event_type = 'xapi.statement_voided' then 'event.voided'
        when event_type <> 'xapi.statement_stored' then event_type
        when {{ is_own_statement() }} then substr({{ verb }}, {{ own | length + 1 }})
        when {{ statement_part('segments') }} is not null and {{ verb }} in (
            '{{ video }}played', '{{ video }}paused', '{{ video }}seeked', '{{ adl }}completed', '{{ adl }}terminated'
        ) then 'video.watched'
        when {{ statement_part('cmi5_session') }} is null then event_type
        when {{ verb }} = '{{ adl }}initialized' then 'session.started'
        when {{ verb }} in ('{{ adl }}terminated', 'https://w3id.org/xapi/adl/verbs/abandoned')
            and {{ duration_seconds(statement_part('duration')) }} is not null then 'text.read'
        when {{ verb }} in ('{{ adl }}passed', '{{ adl }}failed') then 'assignment.graded'
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
