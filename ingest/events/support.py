"""Reminders, support and the survey."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ingest.events.catalogue import Actor, event
from ingest.events.fields import Id, Level


@event("reminder.sent")
class ReminderSent(Struct, kw_only=True, frozen=True):
    """A learner was reminded of something."""

    enrolment_id: Id
    channel: Literal["sms", "wechat", "mail"]
    rule_id: Id


@event("support.opened", actor=Actor.EITHER)
class SupportOpened(Struct, kw_only=True, frozen=True):
    """A support case was opened."""

    enrolment_id: Id | None = None
    case_id: Id
    channel: Literal["hotline", "mail", "qq"]


@event("support.closed", actor=Actor.EITHER)
class SupportClosed(Struct, kw_only=True, frozen=True):
    """A support case was closed."""

    enrolment_id: Id | None = None
    case_id: Id


@event("survey.answered")
class SurveyAnswered(Struct, kw_only=True, frozen=True):
    """A form was answered: item → level; an item without an answer is left out."""

    enrolment_id: Id
    form_id: Id
    answers: Annotated[dict[Id, Level], Meta(min_length=1, max_length=500)]
