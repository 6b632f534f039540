"""Enrolments: one learner in one class of one programme."""

from __future__ import annotations

from msgspec import Struct

from ingest.events.catalogue import event
from ingest.events.fields import FreeText, Id


class Placement(Struct, kw_only=True, frozen=True):
    """Where an enrolment stands in the programme; every part but the class may be unknown."""

    enrolment_id: Id
    class_id: Id
    school_id: Id | None = None
    county_id: Id | None = None
    subject_id: Id | None = None
    school_stage: Id | None = None


@event("enrolment.opened")
class EnrolmentOpened(Placement, kw_only=True, frozen=True):
    """A learner was placed in a class."""

    is_called_up: bool | None = None
    course_id: Id | None = None
    gender: Id | None = None


@event("enrolment.transferred")
class EnrolmentTransferred(Placement, kw_only=True, frozen=True):
    """The enrolment moved; the whole new placement is given."""

    reason: FreeText | None = None


@event("enrolment.withdrawn")
class EnrolmentWithdrawn(Struct, kw_only=True, frozen=True):
    """The learner left the programme."""

    enrolment_id: Id
    reason: FreeText | None = None
