"""A row of logstore_standard_log, the table in which Moodle keeps its log."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from ingest.events import format_time
from ingest.sources.entries import LogEntry, identifier
from ingest.sources.ids import Alike
from ingest.sources.moodle.times import Times

__all__ = ["Logstore"]

_NEEDED = frozenset({"eventname", "userid", "timecreated"})
#: Contexts, as Moodle numbers their levels.
_MODULE = "70"
#: Things that have ids of their own; all others are told by their activity.
_THINGS = {"forum_posts": "post", "forum_discussions": "discussion", "post": "blog"}
#: Dumps write what is absent in these ways; 0 and -1 are nobody.
_NONE = frozenset({"", "NULL", "null", "\\N", "0", "-1"})


class Logstore:
    """Makes entries of rows."""

    def __init__(self, address: str, course_id: Callable[[str], str], times: Times) -> None:
        self._host = address.partition("://")[2] or address
        self._course_id, self._times = course_id, times
        self._names: dict[str, tuple[str, str]] = {}
        self._alike = Alike()

    @staticmethod
    def is_header(columns: Collection[str]) -> bool:
        """Whether these are columns of the table."""
        return columns >= _NEEDED if isinstance(columns, frozenset) else set(columns) >= _NEEDED

    def entry(self, row: Mapping[str, str]) -> LogEntry | str:
        """The entry of a row, or why it is none."""

        def cell(name: str) -> str:
            found = row.get(name, "")
            return "" if found in _NONE else found

        created = row["timecreated"]
        try:
            if created.isdigit():
                at = format_time(datetime.fromtimestamp(int(created), UTC))
            else:
                at = self._times.read(created)
        except (ValueError, OverflowError, OSError):
            return "no such time"
        user, affected = cell("userid"), cell("relateduserid")
        user = user or affected  # Moodle itself did it to somebody
        if not user:
            return "done by nobody: by Moodle itself, or by a visitor"
        if not (user.isascii() and user.isdigit()):
            return "the user is no number"
        event, course, number = row["eventname"], cell("courseid"), cell("objectid")
        # mysqldump writes backslashes twice.
        names = self._names.get(event)
        if names is None:
            name = event.replace("\\\\", "\\")
            names = self._names[event] = name, name.rpartition("\\")[2]
        module = f"{self._host}/cm-{cell('contextinstanceid')}" if row.get("contextlevel") == _MODULE else ""
        kind = _THINGS.get(row.get("objecttable", ""))
        thing = identifier(f"{self._host}/{kind}-{number}") if kind and number else identifier(module)
        values: dict[str, Any] = {}
        if kind in ("post", "discussion"):
            values = {"post_kind": "reply" if kind == "post" else "post", "workshop": identifier(module)}
        elif names[1] == "course_completed":
            values = {"result": "completed"}
        return LogEntry(
            self._identity(row, at), names, at, user, affected, identifier(self._course_id(course)) if course else "", thing,
            identifier(row.get("component", "")), row.get("origin", ""), values,
        )  # fmt: skip

    def _identity(self, row: Mapping[str, str], at: str) -> str:
        if number := row.get("id", ""):
            return f"logstore {number}"
        told = (
            row.get(c, "") for c in ("eventname", "userid", "relateduserid", "objectid", "contextinstanceid", "other")
        )
        return self._alike.numbered(at, "\x1f".join(told))
