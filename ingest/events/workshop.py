"""Workshops: posts, journals, resources, contests."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from ingest.events.catalogue import Actor, event
from ingest.events.fields import Characters, FreeText, Id


@event("post.published", actor=Actor.EITHER)
class PostPublished(Struct, kw_only=True, frozen=True):
    """A post, reply or comment appeared in a workshop; it counts as effective until judged otherwise."""

    enrolment_id: Id | None = None
    post_id: Id
    workshop_id: Id
    kind: Literal["post", "reply", "comment"]
    parent_post_id: Id | None = None
    characters: Characters
    is_effective: bool | None = None


@event("post.judged", actor=Actor.STAFF)
class PostJudged(Struct, kw_only=True, frozen=True):
    """A tutor or expert judged a learner's post effective or not."""

    enrolment_id: Id
    post_id: Id
    is_effective: bool
    reason: FreeText | None = None


@event("post.voided", actor=Actor.EITHER)
class PostVoided(Struct, kw_only=True, frozen=True):
    """A post was withdrawn by its author or removed."""

    enrolment_id: Id | None = None
    post_id: Id
    reason: FreeText | None = None


@event("journal.published")
class JournalPublished(Struct, kw_only=True, frozen=True):
    """A reflective journal (研修日志) was published; edited and published again under its id, it is the same journal."""

    enrolment_id: Id
    journal_id: Id
    characters: Characters


@event("journal.featured", actor=Actor.STAFF)
class JournalFeatured(Struct, kw_only=True, frozen=True):
    """A journal was marked as excellent."""

    enrolment_id: Id
    journal_id: Id


@event("resource.shared", actor=Actor.EITHER)
class ResourceShared(Struct, kw_only=True, frozen=True):
    """A teaching resource was shared."""

    enrolment_id: Id | None = None
    resource_id: Id
    kind: Literal["lesson_plan", "slides", "video", "paper", "photo", "other"]


@event("contest.entered")
class ContestEntered(Struct, kw_only=True, frozen=True):
    """An entry was handed in to a contest."""

    enrolment_id: Id
    contest_id: Id
    entry_id: Id


@event("vote.cast", actor=Actor.EITHER)
class VoteCast(Struct, kw_only=True, frozen=True):
    """A vote was given to a contest's entry."""

    enrolment_id: Id | None = None
    contest_id: Id
    entry_id: Id
