"""How a programme stands on any date: what the bulletins say, and what each learner and member of staff had done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from decimal import Decimal

import duckdb

from pipelines.dates import day_of
from pipelines.reports.bulletin.model import Bulletin, Label, Share, TrendPoint
from pipelines.reports.bulletin.read import Issue, Rule, action_rules, calendar, read_at

__all__ = ["Component", "LearnerRow", "Reminders", "StaffRow", "Standing", "read_standing"]

_HEADLINE = ("login", "study", "pass")


@dataclass(frozen=True, slots=True)
class LearnerRow:
    """One enrolment that takes part; the fields are columns of ``rpt_learners``."""

    enrolment_id: str
    county_id: str | None
    school_id: str | None
    class_id: str | None
    subject_id: str | None
    is_called_up: bool
    has_logged_in: bool
    has_studied: bool
    has_passed: bool
    points: Decimal | None
    missing_points: Decimal | None
    study_s: Decimal
    post_count: int
    effective_post_count: int
    journal_count: int
    featured_count: int
    assignment_count: int
    peer_review_count: int
    resource_count: int
    last_session_on: date | None

    def group(self, kind: str) -> str | None:
        """Its class or subject."""
        return self.class_id if kind == "class" else self.subject_id


@dataclass(frozen=True, slots=True)
class StaffRow:
    """A tutor or expert; the fields are columns of ``rpt_staff``."""

    staff_key: str
    role: str | None
    scope_kind: str | None
    scope_id: str | None
    announcement_count: int
    post_count: int
    reply_count: int
    briefing_count: int
    grading_count: int
    workshop_activity_count: int
    photo_count: int
    article_count: int
    qa_session_count: int
    responded_post_count: int
    mean_response_s: int | None
    participating_count: int | None
    pass_count: int | None


@dataclass(frozen=True, slots=True)
class Component:
    """A component of the score within a group: points of all its enrolments, and how many have them in full."""

    label: Label
    max_points: Decimal
    points_sum: Decimal
    full_count: int
    enrolment_count: int


@dataclass(frozen=True, slots=True)
class Reminders:
    """What the reminders of a rule came to."""

    rule_id: str
    channel: str
    sent: int
    enrolments: int
    over: int
    came_back: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A programme on a date. ``bulletin`` is the full one of that date, of no number; groups go by ("class", id)."""

    bulletin: Bulletin
    learners: Sequence[LearnerRow]
    staff: Sequence[StaffRow]
    weeks: Mapping[tuple[str, str], Sequence[TrendPoint]]
    components: Mapping[tuple[str, str], Sequence[Component]]
    reminders: Sequence[Reminders]
    rules: Sequence[Rule]


def read_standing(
    con: duckdb.DuckDBPyConnection, programme_id: str, as_of: date | None, *, since_days: int = 7
) -> Standing:
    """Everything that briefings and packs can say as of a date (default: the programme's report day), with the change of a week.

    Raises:
        BadConfiguration: nothing is known of the programme by then.
    """
    on = day_of(con, programme_id, as_of)
    # What the programme looks at by then: the focus of its newest bulletin.
    focus = next((i.focus for i in reversed(calendar(con, programme_id)) if i.as_of <= on), ())
    issue = Issue(0, on, on, focus, Label("", ""))
    bulletin = read_at(con, programme_id, issue, on - timedelta(days=since_days))
    asked: dict[str, object] = {"programme": programme_id, "on": on}

    def rows(table: str, columns: Sequence[str], order: str) -> list[tuple[object, ...]]:
        return con.execute(
            f"select {', '.join(columns)} from {table} where programme_id = $programme and as_of_on = $on order by {order}",
            asked,
        ).fetchall()

    learners = rows(
        "rpt_learners", [f.name for f in fields(LearnerRow)], "county_id, school_id, class_id, enrolment_id"
    )
    staff = rows("rpt_staff", [f.name for f in fields(StaffRow)], "role desc, scope_id, staff_key")
    reminders = rows(
        "rpt_reminders", ["rule_id", "channel", "sent_count", "enrolment_count", "over_count", "came_back_count"], "all"
    )
    return Standing(
        bulletin,
        [LearnerRow(*row) for row in learners],  # type: ignore[arg-type]
        [StaffRow(*row) for row in staff],  # type: ignore[arg-type]
        _weeks(con, asked),
        _components(con, asked),
        [Reminders(*row) for row in reminders],  # type: ignore[arg-type]
        action_rules(con, programme_id, on),
    )


def _weeks(con: duckdb.DuckDBPyConnection, asked: Mapping[str, object]) -> dict[tuple[str, str], list[TrendPoint]]:
    """The three rates at each week's end, and on the date itself, by group."""
    found: dict[tuple[str, str], list[TrendPoint]] = defaultdict(list)
    for kind, group, on, indicator, n, of in con.execute(
        """
        select breakdown, coalesce(class_id, subject_id), as_of_on, indicator, numerator_count, denominator_count
        from rpt_indicators i
        where programme_id = $programme and breakdown in ('class', 'subject') and coalesce(class_id, subject_id) is not null
            and indicator in ('login', 'study', 'pass') and denominator_count > 0
            and (as_of_on = $on or as_of_on in (
                select as_of_on from dim_dates where programme_id = $programme and is_week_end and as_of_on < $on))
        order by all
        """,
        asked,
    ).fetchall():
        found[kind, group].append(TrendPoint(on, indicator, None, Share(n, of)))
    return found


def _components(con: duckdb.DuckDBPyConnection, asked: Mapping[str, object]) -> dict[tuple[str, str], list[Component]]:
    found: dict[tuple[str, str], list[Component]] = defaultdict(list)
    for kind in ("class", "subject"):
        for group, zh, en, most, points, full, of in con.execute(
            f"""
            with rules as (
                select r.component, r.label_zh, r.label_en, row_number() over () as position
                from reference.assessment_rules r join reference.definitions d using (programme_id, version)
                where r.programme_id = $programme and d.applies_from_on <= $on
                    and (d.applies_to_on is null or d.applies_to_on > $on)
            )
            select l.{kind}_id, r.label_zh, r.label_en, c.max_points, sum(c.points), count(*) filter (c.missing_points = 0), count(*)
            from rpt_learners l
            join fct_score_components c on c.programme_id = l.programme_id and c.enrolment_id = l.enrolment_id
                and c.valid_from_on <= $on and (c.valid_to_on is null or c.valid_to_on > $on)
            join rules r using (component)
            where l.programme_id = $programme and l.as_of_on = $on and l.{kind}_id is not null
            group by l.{kind}_id, r.label_zh, r.label_en, c.max_points, r.position order by l.{kind}_id, r.position
            """,
            asked,
        ).fetchall():
            found[kind, group].append(Component(Label(zh, en), most, points, full, of))
    return found
