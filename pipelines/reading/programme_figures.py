"""The figures of an evaluation report by name, and for each the question that gives it again."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from decimal import Decimal

import duckdb

from pipelines.reading.periods import holds_on
from pipelines.reports.evaluation.model import STAFF_ACTIVITIES, Computed
from pipelines.words import Share

__all__ = ["compute_figures"]

_ROLES = ("tutor", "expert", "manager")


def _questions(programme: str, on: date) -> dict[str, str]:
    """One SQL question a figure, over the published marts; each gives one value."""
    p, day = "'" + programme.replace("'", "''") + "'", f"date '{on}'"
    at = f"programme_id = {p} and as_of_on = {day}"
    until = f"programme_id = {p} and local_on <= {day}"
    status = f"from rpt_status where {at} and breakdown = 'programme'"
    indicator = f"from rpt_indicators where {at} and breakdown = 'programme'"
    found = {
        "called_up": f"select called_up_count {status}",
        "participating": f"select participating_count {status}",
        "logged_in": f"select login_count {status}",
        "studied": f"select study_count {status}",
        "passed": f"select pass_count {status}",
        "school_based_count": f"select numerator_count {indicator} and indicator = 'school_based'",
        "awarded": f"select numerator_count {indicator} and indicator = 'excellent'",
        "counties": f"select count(distinct county_id) from rpt_learners where {at}",
        "schools": f"select count(distinct school_id) from rpt_learners where {at}",
        "classes": f"select count(distinct class_id) from rpt_learners where {at}",
        "subjects": f"select count(distinct subject_id) from rpt_learners where {at}",
        "study_hours": f"select round(sum(study_s) / 3600) from rpt_learners where {at}",
        "journals": f"select sum(journal_count) from rpt_learners where {at}",
        "assignments": f"select sum(assignment_count) from rpt_learners where {at}",
        "peer_reviews": f"select sum(peer_review_count) from rpt_learners where {at}",
        "interactions": f"select sum(post_count) from rpt_learners where {at}",
        "effective_posts": f"select sum(effective_post_count) from rpt_learners where {at}",
        "resources": f"select sum(resource_count) from rpt_learners where {at}",
        "featured_journals": f"select sum(event_count) from fct_enrolment_days where {until} and activity = 'journal_featured'",
        "featured_assignments": f"select sum(event_count) from fct_enrolment_days where {until} and activity = 'assignment_featured'",
        "outcomes": f"select sum(event_count) from fct_enrolment_days where {until} and activity = 'outcome_submitted'",
        "tutors": f"select count(*) from rpt_staff where {at} and role = 'tutor'",
        "experts": f"select count(*) from rpt_staff where {at} and role = 'expert'",
        "managers": f"select count(*) from rpt_staff where {at} and role = 'manager'",
        "tutors_logged_in": f"select count(*) from rpt_staff where {at} and role = 'tutor' and session_count > 0",
        "staff_awarded": f"select count(*) from rpt_staff where {at} and award_count > 0",
        "topics": f"select count(*) from reference.courses where programme_id = {p}",
        "hours": f"select sum(cast(hours as decimal(9, 1))) from reference.courses where programme_id = {p}",
        "bulletins": f"select count(*) from reference.bulletins where programme_id = {p} and cast(as_of_on as date) <= {day}",
        "respondents": f"select count(distinct enrolment_id) from fct_survey_answers where programme_id = {p}"
        f" and {holds_on(day)}",
        "reminders": f"select coalesce(sum(sent_count), 0) from rpt_reminders where {at}",
    }  # fmt: skip
    for activity in STAFF_ACTIVITIES:
        found[f"staff:{activity}"] = f"select sum({activity}_count) from rpt_staff where {at}"
        for role in _ROLES:
            found[f"{role}:{activity}"] = f"select sum({activity}_count) from rpt_staff where {at} and role = '{role}'"
    return found


def compute_figures(
    con: duckdb.DuckDBPyConnection, programme_id: str, on: date, sums: Collection[str] = ()
) -> dict[str, Computed]:
    """Every figure by name; indicators by theirs, stages as ``stage:…``, course categories as ``hours:…``.

    Args:
        sums: names joined by ``+``: figures that are sums of others.
    """
    questions = _questions(programme_id, on)
    p = "'" + programme_id.replace("'", "''") + "'"
    for stage, cell_id in con.execute(
        "select school_stage, cell_id from dim_cells where programme_id = $1 and breakdown = 'school_stage'"
        " and school_stage is not null order by 1",
        [programme_id],
    ).fetchall():
        quoted = "'" + cell_id.replace("'", "''") + "'"
        questions[f"stage:{stage}"] = (
            f"select participating_count from rpt_status where programme_id = {p} and as_of_on = date '{on}'"
            f" and breakdown = 'school_stage' and cell_id = {quoted}"
        )
    for (category,) in con.execute(
        "select distinct category_id from reference.courses where programme_id = $1 order by 1", [programme_id]
    ).fetchall():
        quoted = "'" + category.replace("'", "''") + "'"
        where = f"from reference.courses where programme_id = {p} and category_id = {quoted}"
        questions[f"hours:{category}"] = f"select sum(cast(hours as decimal(9, 1))) {where}"
        questions[f"topics:{category}"] = f"select count(*) {where}"
    for name in sums:
        if all(part in questions for part in name.split("+")):
            questions[name] = "select " + " + ".join(f"({questions[part]})" for part in name.split("+"))
    found = {}
    for name, sql in questions.items():
        (value,) = con.execute(sql).fetchone() or (None,)
        found[name] = Computed(name, _whole(value), sql)
    for indicator, numerator, denominator in con.execute(
        "select indicator, numerator_count, denominator_count from rpt_indicators"
        " where programme_id = $1 and as_of_on = $2 and breakdown = 'programme' order by 1",
        [programme_id, on],
    ).fetchall():
        found[indicator] = Computed(
            indicator, Share(numerator, denominator), f"{programme_id} {indicator}_rate as-of {on}"
        )
    return found


def _whole(value: object) -> int | Decimal | None:
    if value is None:
        return None
    number = Decimal(str(value))
    return int(number) if number == number.to_integral_value() else number
