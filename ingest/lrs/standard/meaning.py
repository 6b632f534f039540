"""The enrolment that a statement belongs to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import msgspec

from ingest.events.fields import Id
from ingest.events.profile import ENROLMENT, PAYLOAD, VERB

__all__ = ["Belonging", "belonging_of", "course_of", "enrolment_of", "enrolment_said"]


def _id(value: object) -> str | None:
    if value is None:
        return None
    try:
        return msgspec.convert(value, Id)
    except msgspec.ValidationError:
        return None


def enrolment_said(statement: Mapping[str, Any]) -> str | None:
    """The enrolment that a statement names; None where it names none."""
    extensions = statement.get("context", {}).get("extensions", {})
    if statement["verb"]["id"].startswith(VERB):
        payload = extensions.get(PAYLOAD)
        return _id(payload.get("enrolment_id")) if isinstance(payload, dict) else None
    return _id(extensions.get(ENROLMENT))


def course_of(statement: Mapping[str, Any]) -> str:
    """The course of a statement: the first parent or grouping of its context, or else its object."""
    activities = statement.get("context", {}).get("contextActivities", {})
    for kind in ("parent", "grouping"):
        found = activities.get(kind) or []
        first = found[0] if isinstance(found, list) and found else found
        if isinstance(first, dict):
            return str(first["id"])
    return str(statement["object"].get("id", ""))


class Belonging(NamedTuple):
    """What a statement says about the enrolment that it belongs to.

    Attributes:
        said: the enrolment that the statement names.
        own: the learner's enrolment in the statement's course, ``<course>/<learner key>``; None where the statement names one, is of our
            profile, or the text is no id.
        is_ours: whether the statement is of our profile.
        is_of_activity: whether its object is an activity; another statement opens no enrolment.
    """

    said: str | None
    own: str | None
    is_ours: bool
    is_of_activity: bool


def belonging_of(statement: Mapping[str, Any], learner_key: str) -> Belonging:
    """What a learner's statement says about its enrolment."""
    said, is_ours = enrolment_said(statement), statement["verb"]["id"].startswith(VERB)
    own = None if said is not None or is_ours else _id(f"{course_of(statement)}/{learner_key}")
    return Belonging(said, own, is_ours, statement["object"].get("objectType", "Activity") == "Activity")


def enrolment_of(
    belonging: Belonging, opened: Callable[[], Collection[str]], *, may_open: bool
) -> tuple[str | None, bool]:
    """The enrolment that a statement belongs to, and whether it has to be opened first.

    The enrolment that the statement names; or the learner's own in the course, opened where there is none and ``may_open`` allows it; or
    the only one that the learner has.

    Args:
        opened: gives the learner's enrolments; called once at most.
    """
    said, own, is_ours, is_of_activity = belonging
    if said is not None or is_ours:
        return said, False
    known = opened()
    if own is not None and own in known:
        return own, False
    if may_open and own is not None and is_of_activity:
        return own, True
    return (next(iter(known)), False) if len(known) == 1 else (None, False)
