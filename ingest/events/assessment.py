"""What is assessed: assignments, peer reviews, practice, outcomes, awards, results."""

from __future__ import annotations

from msgspec import Struct

from ingest.events.catalogue import Actor, event
from ingest.events.fields import FreeText, Id, Key, Points, Score, Weight
from ingest.events.learning import Tier


@event("assignment.submitted")
class AssignmentSubmitted(Struct, kw_only=True, frozen=True):
    """An assignment was handed in."""

    enrolment_id: Id
    assignment_id: Id
    tier: Tier | None = None


@event("assignment.graded", actor=Actor.EITHER)
class AssignmentGraded(Struct, kw_only=True, frozen=True):
    """An assignment got a grade; the latest final one counts."""

    enrolment_id: Id
    assignment_id: Id
    grader_key: Key | None = None
    grade: Score
    is_final: bool
    weight_pct: Weight | None = None


@event("assignment.featured", actor=Actor.STAFF)
class AssignmentFeatured(Struct, kw_only=True, frozen=True):
    """An assignment was marked as excellent."""

    enrolment_id: Id
    assignment_id: Id


@event("unit.completed")
class UnitCompleted(Struct, kw_only=True, frozen=True):
    """A unit of a course was gone through to its end, or was waived; with its verdicts and `units.csv` it says whether the unit is satisfied."""

    enrolment_id: Id
    unit_id: Id
    is_waived: bool | None = None


@event("peer_review.submitted")
class PeerReviewSubmitted(Struct, kw_only=True, frozen=True):
    """A learner reviewed another learner's assignment; each work counts once, one's own and nobody's never."""

    enrolment_id: Id
    assignment_id: Id
    reviewed_enrolment_id: Id
    score: Score


@event("practice.awarded", actor=Actor.STAFF)
class PracticeAwarded(Struct, kw_only=True, frozen=True):
    """A person gave points for school-based practice; the latest award counts."""

    enrolment_id: Id
    points: Points


@event("outcome.submitted")
class OutcomeSubmitted(Struct, kw_only=True, frozen=True):
    """The stamped appraisal form was handed in."""

    enrolment_id: Id
    document_id: Id


@event("outcome.approved", actor=Actor.STAFF)
class OutcomeApproved(Struct, kw_only=True, frozen=True):
    """The form was approved with points; the latest decision counts."""

    enrolment_id: Id
    document_id: Id
    points: Points


@event("outcome.rejected", actor=Actor.STAFF)
class OutcomeRejected(Struct, kw_only=True, frozen=True):
    """The form was sent back; the latest decision counts."""

    enrolment_id: Id
    document_id: Id
    reason: FreeText | None = None


@event("award.granted", actor=Actor.EITHER)
class AwardGranted(Struct, kw_only=True, frozen=True):
    """An award was given to a learner, or, without an enrolment, to a member of staff."""

    enrolment_id: Id | None = None
    kind: Id


@event("result.recorded")
class ResultRecorded(Struct, kw_only=True, frozen=True):
    """An outside body's final result; the latest counts."""

    enrolment_id: Id
    result: Id
