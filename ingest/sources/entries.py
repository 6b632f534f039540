"""One line of a platform's log as every importer gives it, and the event of ours that it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from ingest.events import assessment, enrolment, learning, workshop
from ingest.sources.report import LINES

__all__ = ["MAKERS", "LogEntry", "NotTold", "identifier"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_MOST = 200


class LogEntry(NamedTuple):
    """What one line says, in the platform's terms.

    Attributes:
        identity: what tells it from every other line of the platform, and is the same whenever the line is read.
        names: the names by which ``sources.csv`` may call it, the most exact first; the first is listed where none does.
        at: when it happened, RFC 3339.
        account: who did it, as the platform numbers people; empty where nobody did.
        affected: whom it was done to; empty where the line names nobody else.
        course: the course's id; empty where the line does not tell.
        object: the id of what it is about; empty where there is nothing but the course.
        kind: what sort of thing that is: the platform's module.
        origin: how it came: ``web``, ``app`` and so on, as the platform says.
        values: what else a kind of event needs: ``seconds``, ``position``, ``grade`` (of 100), ``characters``, ``parent``, ``post_kind``,
            ``workshop``, ``result``.
        of: what the report counts it among: lines, or what is made of several.
        recorded_us: when it was first recorded, where an imported past says so, microseconds since 1970; None: now.
    """

    identity: str
    names: tuple[str, ...]
    at: str
    account: str
    affected: str = ""
    course: str = ""
    object: str = ""
    kind: str = ""
    origin: str = ""
    values: Mapping[str, Any] = _NOTHING
    of: str = LINES
    recorded_us: int | None = None


class NotTold(Exception):
    """The line lacks what an event of this type needs."""


def identifier(text: str) -> str:
    """``text`` as an id: without control characters, at most 200 characters."""
    if len(text) > _MOST or not text.isprintable():
        return "".join(c for c in text if c.isprintable())[:_MOST]
    return text


def _thing(entry: LogEntry) -> str:
    found = entry.object or entry.course
    if not found:
        raise NotTold
    return found


def _value(entry: LogEntry, name: str) -> Any:
    try:
        return entry.values[name]
    except KeyError:
        raise NotTold from None


def _session(entry: LogEntry, enrolment_id: str) -> msgspec.Struct:
    return learning.SessionStarted(enrolment_id=enrolment_id, device="app" if entry.origin in ("app", "ws") else "web")


def _selected(entry: LogEntry, enrolment_id: str) -> msgspec.Struct:
    return learning.CourseSelected(enrolment_id=enrolment_id, course_id=_thing(entry))


def _deselected(entry: LogEntry, enrolment_id: str) -> msgspec.Struct:
    return learning.CourseDeselected(enrolment_id=enrolment_id, course_id=_thing(entry))


def _video(entry: LogEntry, enrolment_id: str) -> msgspec.Struct:
    return learning.VideoWatched(
        enrolment_id=enrolment_id, course_id=_thing(entry), watched_s=_value(entry, "seconds"),
        position_s=entry.values.get("position"),
    )  # fmt: skip


def _text(entry: LogEntry, enrolment_id: str) -> msgspec.Struct:
    return learning.TextRead(enrolment_id=enrolment_id, course_id=_thing(entry), read_s=_value(entry, "seconds"))


def _content(entry: LogEntry, enrolment_id: str) -> msgspec.Struct:
    return learning.ContentAccessed(
        enrolment_id=enrolment_id, content_id=_thing(entry), content_kind=entry.kind or None, click_count=1
    )


def _post(entry: LogEntry, enrolment_id: str) -> msgspec.Struct:
    return workshop.PostPublished(
        enrolment_id=enrolment_id, post_id=_thing(entry),
        workshop_id=entry.values.get("workshop") or entry.course or _thing(entry),
        kind=entry.values.get("post_kind", "post"), parent_post_id=entry.values.get("parent"),
        characters=entry.values.get("characters", 0),
    )  # fmt: skip


def _post_voided(entry: LogEntry, enrolment_id: str) -> msgspec.Struct:
    return workshop.PostVoided(enrolment_id=enrolment_id, post_id=_thing(entry))


def _journal(entry: LogEntry, enrolment_id: str) -> msgspec.Struct:
    return workshop.JournalPublished(
        enrolment_id=enrolment_id, journal_id=_thing(entry), characters=entry.values.get("characters", 0)
    )


def _resource(entry: LogEntry, enrolment_id: str) -> msgspec.Struct:
    return workshop.ResourceShared(enrolment_id=enrolment_id, resource_id=_thing(entry), kind="other")


def _submitted(entry: LogEntry, enrolment_id: str) -> msgspec.Struct:
    return assessment.AssignmentSubmitted(enrolment_id=enrolment_id, assignment_id=_thing(entry))


def _graded(entry: LogEntry, enrolment_id: str) -> msgspec.Struct:
    return assessment.AssignmentGraded(
        enrolment_id=enrolment_id, assignment_id=_thing(entry), grade=_value(entry, "grade"), is_final=True
    )


def _result(entry: LogEntry, enrolment_id: str) -> msgspec.Struct:
    return assessment.ResultRecorded(enrolment_id=enrolment_id, result=_value(entry, "result"))


def _withdrawn(entry: LogEntry, enrolment_id: str) -> msgspec.Struct:
    return enrolment.EnrolmentWithdrawn(enrolment_id=enrolment_id)


#: The payload of each event type that an entry may count as; they raise NotTold. ``enrolment.opened`` is the importer's own.
MAKERS: Mapping[str, Callable[[LogEntry, str], msgspec.Struct]] = {
    "session.started": _session,
    "course.selected": _selected,
    "course.deselected": _deselected,
    "video.watched": _video,
    "text.read": _text,
    "content.accessed": _content,
    "post.published": _post,
    "post.voided": _post_voided,
    "journal.published": _journal,
    "resource.shared": _resource,
    "assignment.submitted": _submitted,
    "assignment.graded": _graded,
    "result.recorded": _result,
    "enrolment.withdrawn": _withdrawn,
}
