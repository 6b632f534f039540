{#- Event types that simply add up, and the activity that each is. -#}
{% macro plain_activities() -%}
    {{ return({
        'session.started': 'session', 'video.watched': 'video', 'text.read': 'text', 'content.accessed': 'content',
        'journal.published': 'journal', 'assignment.submitted': 'assignment_submitted',
        'peer_review.submitted': 'peer_review', 'resource.shared': 'resource', 'diagnostic.submitted': 'diagnostic',
        'post.published': 'post', 'practice.awarded': 'practice_awarded', 'outcome.submitted': 'outcome_submitted',
        'award.granted': 'award', 'journal.featured': 'journal_featured', 'assignment.featured': 'assignment_featured'
    }) }}
{%- endmacro %}

{#- Activities in which the latest decision counts, and the event types that decide. -#}
{% macro decided_activities() -%}
    {{ return({
        'effective_post': ['post.published', 'post.judged', 'post.voided'],
        'assignment_passed': ['assignment.graded'],
        'weighted_grade': ['assignment.graded'],
        'practice_points': ['practice.awarded'],
        'outcome_points': ['outcome.approved', 'outcome.rejected'],
        'result_passed': ['result.recorded'],
        'course_selected': ['course.selected', 'course.deselected']
    }) }}
{%- endmacro %}

{#- What staff do, and the count that it goes into; posts are told apart by their kind. -#}
{% macro staff_activities() -%}
    {{ return({
        'announcement.published': 'announcement', 'briefing.published': 'briefing', 'assignment.graded': 'grading',
        'workshop_activity.held': 'workshop_activity', 'photo.uploaded': 'photo', 'article.published': 'article',
        'qa_session.held': 'qa_session', 'resource.shared': 'resource', 'session.started': 'session',
        'award.granted': 'award'
    }) }}
{%- endmacro %}

{#- What learners do themselves: any of it says that they are there. -#}
{% macro own_activities() -%}
    {{ return([
        'session.started', 'video.watched', 'text.read', 'content.accessed', 'journal.published', 'assignment.submitted',
        'peer_review.submitted', 'resource.shared', 'diagnostic.submitted', 'post.published', 'outcome.submitted'
    ]) }}
{%- endmacro %}
