"""Reads Caliper's envelopes: the events in them as entries. Entities, which describe and tell of no deed, are passed over."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from ingest.events import format_time
from ingest.sources.entries import LogEntry, identifier
from ingest.sources.json_elements import json_elements
from ingest.sources.report import LINES, SetAside
from ingest.sources.videos import Playing
from warehouse.errors import BadSource

__all__ = ["CALIPER", "ENTITIES", "CaliperReader", "agent_of", "read_caliper"]

#: The source of Caliper events, however they come: an event that came by a file and by the server is one.
CALIPER = "caliper"
#: What the report counts entities among.
ENTITIES = "entities"
#: The name of a stretch of video in sources.csv.
SEGMENT = "media_segment"
_BEGUN, _ENDED = frozenset({"Started", "Resumed", "Restarted"}), frozenset({"Paused", "Ended"})
_USER = re.compile(r"(https?://[^?#]+?)/users?/([^/?#]+)")
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_MOST_CHARACTERS = 1_000_000


def agent_of(iri: str) -> dict[str, Any]:
    """The agent of xAPI that an actor is: ``https://lms.example.org/users/7`` is the account ``7`` of that home page, as platforms name people
    in statements; any other IRI is an identifier by itself.
    """
    found = _USER.fullmatch(iri)
    return {"account": {"homePage": found[1], "name": found[2]}} if found else {"openid": iri}


def read_caliper(chunks: Iterable[bytes], name: str, aside: SetAside) -> Iterator[LogEntry]:
    """The entries of a file of envelopes or events: one JSON document, a list of them, or one a line.

    Args:
        aside: takes what is no event, each with its reason.

    Raises:
        BadSource: it is no JSON, or JSON without envelopes and events.
    """
    reader = CaliperReader()
    for number, element in enumerate(json_elements(chunks, name)):
        if number == 0 and not (isinstance(element, dict) and ("data" in element or "action" in element)):
            raise BadSource(
                f"{name} is JSON and no Caliper: the first object has neither data, as envelopes have, nor an action"
            )
        for told in reader.told(element):
            if isinstance(told, LogEntry):
                aside.report.rows[LINES] += 1
                yield told
            elif told is None:
                aside.report.rows[ENTITIES] += 1
                aside.report.used[ENTITIES] += 1
            else:
                aside.report.rows[LINES] += 1
                aside(json.dumps(element, ensure_ascii=False), told)


class CaliperReader:
    """Makes entries of envelopes; it remembers which videos are playing. An entry's account is the IRI of the person."""

    def __init__(self) -> None:
        self._playing = Playing()

    def told(self, element: Any) -> Iterator[LogEntry | str | None]:
        """What an envelope, or an event without one, tells: an entry for an event, why there is none for what is no event, None for an entity."""
        if not isinstance(element, dict):
            yield "no object"
            return
        data = element.get("data") if "action" not in element else [element]
        for told in data if isinstance(data, list) else [data]:
            if not isinstance(told, dict):
                yield "no object"
            elif "action" not in told and "eventTime" not in told:
                yield None
            else:
                yield self._entry(told)

    def _entry(self, event: Mapping[str, Any]) -> LogEntry | str:
        number, kind, action = _text(event.get("id")), _term(event.get("type")), _term(event.get("action"))
        if not number or not kind or not action:
            return "an event without id, type or action"
        try:
            moment = datetime.fromisoformat(_text(event.get("eventTime")))
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            return "no such time"
        actor, thing, generated = event.get("actor"), event.get("object"), event.get("generated")
        is_person = isinstance(actor, str) or (isinstance(actor, dict) and _term(actor.get("type")) in ("", "Person"))
        account = _id(actor) if is_person else ""
        more = _extended(thing)
        affected = _id(more.get("assignee")) or _id(_object(generated).get("assignee"))
        account = account or affected
        if not account:
            return "done by nobody: the actor is no person"
        course = _id(event.get("group")) or _id(more.get("isPartOf"))
        what, of = _id(thing), _term(_object(thing).get("type"))
        if not course and of in ("CourseOffering", "CourseSection"):
            course = what
        names: tuple[str, ...] = (f"{kind} {action}",)
        values: dict[str, Any] = {}
        if kind == "GradeEvent":
            what = _id(more.get("assignable")) or what
            values = _grade(generated)
        elif kind == "MessageEvent":
            message = _object(thing)
            values = {
                "post_kind": "reply" if message.get("replyTo") else "post",
                "characters": min(_MOST_CHARACTERS, len(_text(message.get("body")))),
            }
            if parent := _id(message.get("replyTo")):
                values["parent"] = identifier(parent)
            if workshop := _id(message.get("isPartOf")):
                values["workshop"] = identifier(workshop)
            course = course or _id(more.get("isPartOf"))
        elif kind == "MediaEvent":
            names, values = self._media(names, account, what, action, event, moment)
        roles = _object(event.get("membership")).get("roles")
        return LogEntry(
            number, names, format_time(moment), account, "" if affected == account else affected, identifier(course), identifier(what),
            identifier(of), identifier(_term(roles[0])) if isinstance(roles, list) and roles else "", values,
        )  # fmt: skip

    def _media(
        self, names: tuple[str, ...], account: str, what: str, action: str, event: Mapping[str, Any], moment: datetime
    ) -> tuple[tuple[str, ...], dict[str, Any]]:
        target = _extended(event.get("target"))
        position = _seconds(target.get("currentTime"))
        segment = None
        if action in _BEGUN:
            self._playing.play(account, what, position if position is not None or action != "Started" else 0.0, moment)
        elif action in _ENDED:
            if position is None and action == "Ended":
                position = _seconds(_object(event.get("object")).get("duration"))
            segment = self._playing.end(account, what, position, moment)
        elif action == "JumpedTo":
            # Only an event that tells both positions says that the first was reached by playing.
            onward = _seconds(target.get("newTime"))
            segment = self._playing.end(account, what, position if onward is not None else None, moment)
            if segment is not None:
                self._playing.play(account, what, onward, moment)
        if segment is None:
            return names, {}
        return (SEGMENT, *names), {"seconds": segment.seconds, "position": segment.end_s}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _id(value: Any) -> str:
    """The id of an entity, which may stand for itself."""
    return _text(_object(value).get("id")) or _text(_object(value).get("@id")) or _text(value)


def _term(value: Any) -> str:
    """A term; Caliper 1.0 writes it as an IRI, and roles with what they are of."""
    return re.split(r"[#/]", _text(value))[-1]


def _extended(thing: Any) -> Mapping[str, Any]:
    """An entity with its extensions, in which some platforms put what the entity should have."""
    entity = _object(thing)
    return {**_object(entity.get("extensions")), **entity}


def _grade(generated: Any) -> dict[str, Any]:
    score = _object(generated)
    score = _object(score.get("score")) or score
    given, most = score.get("scoreGiven"), score.get("maxScore")
    if isinstance(given, int | float) and isinstance(most, int | float) and most > 0:
        return {"grade": round(min(100.0, max(0.0, 100 * given / most)), 6)}
    return {}


def _seconds(value: Any) -> float | None:
    """Seconds of a duration; Caliper 1.0 writes their number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if 0 <= value < 1e9 else None
    found = _DURATION.fullmatch(_text(value))
    if found is None or not any(found.groups()):
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return days * 86_400 + hours * 3_600 + minutes * 60 + seconds
