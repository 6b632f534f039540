"""How a programme stands on a date, in no language and no format: what briefings and packs are composed of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pipelines.reports.bulletin.model import Action, Bulletin, TrendPoint
from pipelines.words import Label

__all__ = ["Component", "LearnerRow", "Reminders", "StaffRow", "Standing"]


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
    #: The next steps by the group that they follow for, as ("class", id).
    steps: Mapping[tuple[str, str], Sequence[Action]]
