"""What tutors, experts and managers do."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from ingest.events.catalogue import Actor, event
from ingest.events.fields import Id


@event("staff.appointed", actor=Actor.STAFF)
class StaffAppointed(Struct, kw_only=True, frozen=True):
    """Someone became tutor, expert or manager of a class, a subject or a region."""

    role: Literal["tutor", "expert", "manager"]
    scope_kind: Literal["class", "subject", "school", "county", "city", "province", "programme"]
    scope_id: Id


@event("announcement.published", actor=Actor.STAFF)
class AnnouncementPublished(Struct, kw_only=True, frozen=True):
    """An announcement appeared."""

    announcement_id: Id
    scope_id: Id | None = None


@event("briefing.published", actor=Actor.STAFF)
class BriefingPublished(Struct, kw_only=True, frozen=True):
    """A class or subject briefing appeared."""

    briefing_id: Id
    kind: Literal["class", "subject"]
    scope_id: Id | None = None


@event("workshop_activity.held", actor=Actor.STAFF)
class WorkshopActivityHeld(Struct, kw_only=True, frozen=True):
    """A workshop activity took place."""

    activity_id: Id
    workshop_id: Id


@event("photo.uploaded", actor=Actor.STAFF)
class PhotoUploaded(Struct, kw_only=True, frozen=True):
    """A photo of a workshop was uploaded."""

    photo_id: Id
    workshop_id: Id


@event("article.published", actor=Actor.STAFF)
class ArticlePublished(Struct, kw_only=True, frozen=True):
    """An expert's article appeared."""

    article_id: Id
    subject_id: Id | None = None


@event("qa_session.held", actor=Actor.STAFF)
class QaSessionHeld(Struct, kw_only=True, frozen=True):
    """A question-and-answer session took place."""

    qa_session_id: Id
    mode: Literal["live", "recorded"]
    subject_id: Id | None = None


@event("qa_session.attended")
class QaSessionAttended(Struct, kw_only=True, frozen=True):
    """A learner attended a question-and-answer session."""

    enrolment_id: Id
    qa_session_id: Id
    mode: Literal["live", "recorded"]
