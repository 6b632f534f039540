"""Logging in, choosing courses, watching and reading."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ingest.events.catalogue import Actor, event
from ingest.events.fields import Clicks, Hours, Id, Position, Score, Seconds

Tier = Literal["basic", "intermediate", "advanced"]


@event("session.started", actor=Actor.EITHER)
class SessionStarted(Struct, kw_only=True, frozen=True):
    """Someone logged in."""

    enrolment_id: Id | None = None
    device: Literal["web", "app"]


@event("diagnostic.submitted")
class DiagnosticSubmitted(Struct, kw_only=True, frozen=True):
    """The initial diagnostic was answered; one letter a question."""

    enrolment_id: Id
    answers: Annotated[list[Annotated[str, Meta(min_length=1, max_length=8)]], Meta(min_length=1, max_length=200)]
    score: Score
    tier: Tier


@event("diagnostic.tier_changed")
class DiagnosticTierChanged(Struct, kw_only=True, frozen=True):
    """The learner was put into, or chose, another tier."""

    enrolment_id: Id
    tier: Tier


@event("course.selected")
class CourseSelected(Struct, kw_only=True, frozen=True):
    """A course was put on the learner's plan."""

    enrolment_id: Id
    course_id: Id
    category_id: Id | None = None
    hours: Hours | None = None


@event("course.deselected")
class CourseDeselected(Struct, kw_only=True, frozen=True):
    """A course was taken off the learner's plan."""

    enrolment_id: Id
    course_id: Id


@event("video.watched", 1)
class VideoWatchedV1(Struct, kw_only=True, frozen=True):
    """A stretch of video was watched (superseded: fields without units)."""

    enrolment_id: Id
    course_id: Id
    seconds: Seconds
    position: Position | None = None


@event("video.watched", 2)
class VideoWatched(Struct, kw_only=True, frozen=True):
    """A stretch of video was watched."""

    enrolment_id: Id
    course_id: Id
    watched_s: Seconds
    position_s: Position | None = None


@event("text.read")
class TextRead(Struct, kw_only=True, frozen=True):
    """A text was read."""

    enrolment_id: Id
    course_id: Id
    read_s: Seconds
    position_s: Position | None = None


@event("content.accessed")
class ContentAccessed(Struct, kw_only=True, frozen=True):
    """Course content was opened, for platforms that record clicks and no time."""

    enrolment_id: Id
    content_id: Id
    content_kind: Id | None = None
    click_count: Clicks
