"""A line of Moodle's log report (Reports > Logs, or Live logs, downloaded as CSV or JSON).

Headers, components and names of events are in the language of whoever exported it; descriptions are English in every language,
and tell the numbers of the user, course and activity. The names of users that the file has are not read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from ingest.sources.entries import LogEntry, identifier
from ingest.sources.ids import Alike
from ingest.sources.moodle.times import Times

__all__ = ["Columns", "LogReport", "columns_of"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_COMPLETED: Mapping[str, Any] = MappingProxyType({"result": "completed"})
_COLUMNS = ("time", "user", "affected", "context", "component", "event", "description", "origin", "ip")
#: Their English names, as CSV and as JSON have them.
_CALLED = {
    "time": "time", "user full name": "user", "userfullname": "user", "affected user": "affected", "affecteduser": "affected",
    "event context": "context", "eventcontext": "context", "component": "component", "event name": "event", "eventname": "event",
    "description": "description", "origin": "origin", "ip address": "ip", "ipaddress": "ip", "course": "course",
}  # fmt: skip
#: A description without what it is about is the same in every language: the third name of an event in a file that is not in English.
_QUOTED, _NUMBER = re.compile(r"'[^']*'"), re.compile(r"\d+")
_WHO = "The user with id '…' "
_USER = frozenset({"user", "User"})
_NUMBERED = re.compile(r"([Uu]ser|course module|course|post|discussion|blog entry) (?:with )?(?:the )?id '?(\d+)")


class Columns(NamedTuple):
    """The place of each column, and whether the file is in English."""

    places: Mapping[str, int]
    is_english: bool


def columns_of(header: Sequence[str]) -> Columns | None:
    """The columns by their English names; else by their places, as every language has the same order. None: no log report."""
    called = {_CALLED[cell.strip().lower()]: i for i, cell in enumerate(header) if cell.strip().lower() in _CALLED}
    if {"time", "component", "event", "description"} <= called.keys():
        return Columns(called, is_english=True)
    if len(header) == len(_COLUMNS):
        return Columns({name: i for i, name in enumerate(_COLUMNS)}, is_english=False)
    if len(header) == len(_COLUMNS) + 1:
        return Columns({name: i for i, name in enumerate(("course", *_COLUMNS))}, is_english=False)
    return None


def _phrase(description: str) -> str:
    """A description without who did it and what it is about, as every version of Moodle words it."""
    return (
        _NUMBER.sub("…", _QUOTED.sub("'…'", description))
        .replace("the id '", "id '")
        .replace("the course module id", "course module id")
        .removeprefix(_WHO)
    )


class LogReport:
    """Makes entries of the report's rows.

    Args:
        course: of lines that do not say theirs.
    """

    def __init__(
        self, address: str, course_id: Callable[[str], str], course: str, columns: Columns, times: Times
    ) -> None:
        self._host = address.partition("://")[2] or address
        self._course_id, self._times = course_id, times
        #: Ids of courses; "" is that of lines that do not say theirs.
        self._courses = {"": identifier(course_id(course)) if course else ""}
        places = columns.places
        self._time, self._component = places["time"], places["component"]
        self._event, self._description = places["event"], places["description"]
        self._origin, self._ip, self._named = places.get("origin"), places.get("ip"), places.get("course")
        self._is_english = columns.is_english
        self._names: dict[tuple[str, str], tuple[tuple[str, ...], str]] = {}
        self._alike = Alike()

    def entry(self, row: Sequence[str]) -> LogEntry | str:
        """The entry of a row, or why it is none."""
        try:
            at = self._times.read(row[self._time])
        except ValueError:
            return "no such time"
        description = row[self._description]
        user = affected = course = module = post = discussion = blog = ""
        for what, number in _NUMBERED.findall(description):
            if what in _USER:
                if not user:
                    user = number
                elif not affected:
                    affected = number
            elif what == "course":
                course = course or number
            elif what == "course module":
                module = module or number
            elif what == "post":
                post = post or number
            elif what == "blog entry":
                blog = number
            else:
                discussion = discussion or number
        if not user:
            return "the description tells no user's number"
        if user == "0":
            return "done by nobody: by Moodle itself, or by a visitor"
        called = row[self._component], row[self._event]
        known = self._names.get(called)
        if known is None:
            component, event = called
            known = self._names[called] = (f"{component}: {event}", event), identifier(component)
        names, kind = known
        if not self._is_english:
            names = (*names, _phrase(description))
        origin = row[self._origin] if self._origin is not None else ""
        thing, values = "", _NOTHING
        if post or discussion:
            thread = f"{self._host}/discussion-{discussion}"
            thing = f"{self._host}/post-{post}" if post else thread
            values = {
                "post_kind": "reply" if post else "post", "workshop": f"{self._host}/cm-{module}" if module else "",
                **({"parent": thread} if post and discussion else {}),
            }  # fmt: skip
        elif blog:
            thing = f"{self._host}/blog-{blog}"
        elif course and "completed the course with" in description:
            values = _COMPLETED
        elif module:
            thing = f"{self._host}/cm-{module}"
        if self._named is not None and not course and row[self._named].strip("- "):
            course = row[self._named]
        course_id = self._courses.get(course)
        if course_id is None:
            course_id = self._courses[course] = identifier(self._course_id(course))
        return LogEntry(
            self._identity(at, description, origin, row), names, at, user, affected, course_id, identifier(thing) if thing else "", kind,
            origin, values,
        )  # fmt: skip

    def _identity(self, at: str, description: str, origin: str, row: Sequence[str]) -> str:
        """The line without what may be called otherwise in the next export: people, activities, names in another language."""
        return self._alike.numbered(at, f"{description}\x1f{origin}\x1f{row[self._ip] if self._ip is not None else ''}")
