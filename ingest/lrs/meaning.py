"""Whose enrolment a statement belongs to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from ingest.events.fields import Id
from ingest.events.profile import ENROLMENT, PAYLOAD, VERB

__all__ = ["course_of", "enrolment_of", "enrolment_said"]


def _id(value: object) -> str | None:
    if value is None:
        return None
    try:
        return msgspec.convert(value, Id)
    except msgspec.ValidationError:
        return None


def enrolment_said(statement: Mapping[str, Any]) -> str | None:
    """The enrolment that a statement names itself."""
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


def enrolment_of(
    statement: Mapping[str, Any], learner_key: str, opened: Callable[[], Collection[str]], *, may_open: bool
) -> tuple[str | None, bool]:
    """The enrolment that a statement belongs to, and whether it is to be opened first.

    What the statement names itself; else the learner's own in its course (``<course>/<learner key>``), which is opened where
    there is none and ``may_open`` says so; else the only one that the learner has.

    Args:
        opened: asked at most once for the learner's enrolments.
    """
    said = enrolment_said(statement)
    if said is not None or statement["verb"]["id"].startswith(VERB):
        return said, False
    known = opened()
    own = _id(f"{course_of(statement)}/{learner_key}")
    if own is not None and own in known:
        return own, False
    if may_open and own is not None and statement["object"].get("objectType", "Activity") == "Activity":
        return own, True
    return (next(iter(known)), False) if len(known) == 1 else (None, False)
