"""Reads tracking logs: each line as an entry, the stretches of video that were played, and sessions by their id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec

from ingest.events import format_time
from ingest.sources.entries import LogEntry, identifier
from ingest.sources.report import LINES, SetAside
from ingest.sources.videos import Playing
from warehouse.errors import BadSource

__all__ = ["read_openedx"]

#: What players do, by the names of the browser's and the app's events.
PLAYED = frozenset({"play_video", "edx.video.played"})
ENDED = frozenset({"pause_video", "stop_video", "complete_video", "edx.video.paused", "edx.video.stopped", "edx.video.completed"})  # fmt: skip
SOUGHT = frozenset({"seek_video", "edx.video.position.changed"})
#: A request that the platform logs by its path, which may name somebody.
REQUEST = "request"
#: The names under which sources.csv has what is made of several lines.
SEGMENT, SESSION = "video_segment", "session"
#: What the report counts sessions among.
SESSIONS = "sessions"
#: Sessions of a user that are remembered.
_SESSIONS = 8
_TAGS = re.compile(r"<[^>]*>")
_KINDS = {"thread": "post", "response": "reply", "comment": "comment"}
_RESULTS = {"edx.course.grade.now_passed": "passed", "edx.course.grade.now_failed": "failed"}


class _Module(msgspec.Struct):
    usage_key: str | None = None


class _Context(msgspec.Struct):
    user_id: int | str | None = None
    course_id: str | None = None
    session: str | None = None
    event_source: str | None = None
    module: _Module | None = None


class _Line(msgspec.Struct):
    name: str | None = None
    event_type: str | None = None
    time: str | None = None
    timestamp: str | None = None
    event: msgspec.Raw = msgspec.Raw(b"null")
    data: msgspec.Raw = msgspec.Raw(b"null")
    context: _Context | None = None
    session: str | None = None
    event_source: str | None = None


class _Said(msgspec.Struct):
    """What the events that count tell; of others it may tell nothing."""

    id: Any = None
    currentTime: Any = None
    current_time: Any = None
    duration: Any = None
    old_time: Any = None
    new_time: Any = None
    user_id: Any = None
    course_id: Any = None
    block_id: Any = None
    problem_id: Any = None
    weighted_graded_earned: Any = None
    weighted_graded_possible: Any = None
    commentable_id: Any = None
    body: Any = None
    own_content: Any = None
    discussion: Any = None
    response: Any = None
    submission_uuid: Any = None


_read_line = msgspec.json.Decoder(_Line).decode
_read_said = msgspec.json.Decoder(_Said).decode
_read_text = msgspec.json.Decoder(str).decode
_EMPTY = _Said()


def read_openedx(lines: Iterable[bytes], name: str, aside: SetAside, site: str) -> Iterator[LogEntry]:
    """The entries of a tracking log, one for each line that is an event, and one for each session when it is first met.

    Args:
        aside: takes the lines that are no event, each with its reason.
        site: the platform's address.

    Raises:
        BadSource: the file is something else.
    """
    reader = _Reader(site)
    for number, line in enumerate(lines):
        said = line.strip() if number else line.removeprefix(b"\xef\xbb\xbf").strip()
        if number == 0 and said[:2] in (b"PK", b"\xff\xfe", b"\xfe\xff", b"\x1f\x8b"):
            raise BadSource(
                f"{name} is no text in UTF-8; a tracking log has one JSON object a line (gzip: the name ends in .gz)"
            )
        if number == 0 and said.startswith(b"["):
            raise BadSource(f"{name} is one JSON list; a tracking log has one JSON object a line")
        if not said:
            continue
        aside.report.rows[LINES] += 1
        entries = reader.entries(said)
        if isinstance(entries, str):
            aside(said.decode("utf-8", "replace"), entries)
            continue
        if len(entries) > 1:
            aside.report.rows[SESSIONS] += 1
        yield from entries


class _Reader:
    def __init__(self, site: str) -> None:
        self._site = site
        self._playing = Playing()
        self._sessions: dict[str, list[str]] = {}

    def entries(self, line: bytes) -> list[LogEntry] | str:
        """The entries of a line, or why there is none."""
        if not line.startswith(b"{"):
            begin = line.find(b"{")
            if begin < 0:
                return "no JSON"
            line = line[begin:]
        try:
            read = _read_line(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return "no JSON of an event"
        called = read.event_type or read.name
        if not called:
            return "no event: it has no name"
        try:
            moment = datetime.fromisoformat(read.time or read.timestamp or "")
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            return "no such time"
        context = read.context or _Context()
        payload = bytes(read.event)
        if payload == b"null":
            payload = bytes(read.data)
        said = _said(payload)
        affected, account = _account(said.user_id), _account(context.user_id)
        account = account or affected
        if not account:
            return "tells no user's number: a visitor, or the platform itself"
        course = _text(context.course_id) or _text(said.course_id)
        names = (
            (REQUEST,)
            if called.startswith("/")
            else (called,)
            if not read.name or read.name == called
            else (called, read.name)
        )
        at, session = format_time(moment), read.session or context.session or ""
        identity = blake2b(
            b"\x1f".join((account.encode(), at.encode(), called.encode(), session.encode(), payload)),
            digest_size=16,
        ).hexdigest()
        entry = LogEntry(
            identity, names, at, account, "" if affected == account else affected,
            identifier(f"{self._site}/course/{course}") if course else "", "", "",
            read.event_source or context.event_source or "",
        )  # fmt: skip
        entry = self._told(entry, called, course, said, context, moment)
        if session and self._is_new(account, session):
            started = LogEntry(
                f"session {account} {session}", (SESSION,), at, account, course=entry.course, origin=entry.origin, of=SESSIONS
            )  # fmt: skip
            return [started, entry]
        return [entry]

    def _is_new(self, account: str, session: str) -> bool:
        known = self._sessions.setdefault(account, [])
        if session in known:
            return False
        known.append(session)
        del known[:-_SESSIONS]
        return True

    def _told(
        self, entry: LogEntry, called: str, course: str, said: _Said, context: _Context, moment: datetime
    ) -> LogEntry:
        """The entry with what its kind of event tells besides."""
        if called in PLAYED or called in ENDED or called in SOUGHT:
            return self._video(entry, called, course, said, moment)
        if called.startswith("edx.forum."):
            return self._post(entry, called, said)
        if called in _RESULTS:
            return entry._replace(values={"result": _RESULTS[called]})
        thing = (
            _text(said.block_id) or _text(said.problem_id) or (context.module.usage_key if context.module else "") or ""
        )
        if not thing and _text(said.id).startswith("block-v1:"):
            thing = _text(said.id)
        earned, possible = _number(said.weighted_graded_earned), _number(said.weighted_graded_possible)
        values = {}
        if earned is not None and possible is not None and possible > 0:
            values = {"grade": round(min(100.0, max(0.0, 100 * earned / possible)), 6)}
        return entry._replace(object=identifier(thing), values=values)

    def _video(self, entry: LogEntry, called: str, course: str, said: _Said, moment: datetime) -> LogEntry:
        video = _text(said.id)
        # The player tells the last part of the usage key, as statements of event-routing-backends have it whole.
        if course.startswith("course-v1:") and "@" not in video:
            thing = f"block-v1:{course.removeprefix('course-v1:')}+type@video+block@{video}"
        else:
            thing = video
        entry = entry._replace(object=identifier(thing), kind="video")
        position = _number(said.currentTime)
        position = _number(said.current_time) if position is None else position
        if called in PLAYED:
            self._playing.play(entry.account, thing, position, moment)
            return entry
        if called in SOUGHT:
            segment = self._playing.end(entry.account, thing, _number(said.old_time), moment)
            if segment is not None:
                self._playing.play(entry.account, thing, _number(said.new_time), moment)
        else:
            end = position if position is not None or "complete" not in called else _number(said.duration)
            segment = self._playing.end(entry.account, thing, end, moment)
        if segment is None:
            return entry
        return entry._replace(
            names=(SEGMENT, *entry.names), values={"seconds": segment.seconds, "position": segment.end_s}
        )

    def _post(self, entry: LogEntry, called: str, said: _Said) -> LogEntry:
        what = called.split(".")[2]
        number = _text(said.id)
        if not number:
            return entry
        values: dict[str, Any] = {
            "post_kind": _KINDS.get(what, "post"),
            "characters": min(1_000_000, len(_TAGS.sub("", _text(said.body)))),
        }
        parent = _inner_id(said.response) or _inner_id(said.discussion)
        if parent:
            values["parent"] = identifier(f"forum-{parent}")
        return entry._replace(
            object=identifier(f"forum-{number}"),
            kind="own_content" if said.own_content is True else "forum",
            values=values,
        )


def _said(payload: bytes) -> _Said:
    """What an event says; browsers send it as a text of JSON."""
    try:
        if payload.startswith(b'"'):
            return _read_said(_read_text(payload).encode())
        return _read_said(payload)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _EMPTY


def _account(value: Any) -> str:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if text.isascii() and text.isdigit() and text != "0" and len(text) <= 20 else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _inner_id(value: Any) -> str:
    return _text(value.get("id")) if isinstance(value, dict) else ""


def _number(value: Any) -> float | None:
    """A number that is one; positions come as texts, too."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if 0 <= found < 1e9 else None
