"""xAPI statements, one a line, into learner events.

Statements of the xAPI Video Profile become ``video.watched``: ``played-segments`` grows over a
viewing session, so each statement is worth what it adds to the one before it. Every other
statement is kept as ``xapi.statement_stored`` and its verb reported. Agents are replaced by
random keys wherever they stand in a statement.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from ingest.events import Envelope, encode_raw, format_time, latest_version
from ingest.events.enrolment import EnrolmentOpened
from ingest.events.learning import VideoWatched
from ingest.events.statement import StatementStored
from ingest.log.port import NewRecord
from ingest.lrs.people import HOME_PAGE
from ingest.lrs.rules import IDENTIFIERS
from ingest.sources.ids import stable_id
from ingest.sources.report import ImportReport

__all__ = ["SOURCE", "played_seconds", "read_xapi"]

SOURCE = "xapi-file"
_VIDEO = "https://w3id.org/xapi/video/extensions/"
_VIDEO_VERBS = frozenset(
    {
        "https://w3id.org/xapi/video/verbs/played",
        "https://w3id.org/xapi/video/verbs/paused",
        "https://w3id.org/xapi/video/verbs/seeked",
        "http://adlnet.gov/expapi/verbs/completed",
        "http://adlnet.gov/expapi/verbs/terminated",
    }
)
#: One event's time is bounded (see the catalogue); longer sittings are not one viewing.
_MOST_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class _Viewing:
    statement_id: str
    at: datetime
    learner_key: str
    enrolment_id: str
    video_id: str
    seconds: float
    position_s: float | None


def played_seconds(segments: str) -> float:
    """Seconds played by an xAPI Video ``played-segments`` value (``0[.]12.5[,]40[.]60``).

    A segment without an end is still playing and counts nothing yet; what was played twice
    counts twice, as study time does.

    Raises:
        ValueError: not such a value.
    """
    total = 0.0
    for part in segments.split("[,]"):
        start, dot, end = part.partition("[.]")
        if dot and end.strip():
            total += max(0.0, float(end) - float(start))
    return total


def read_xapi(
    lines: Iterable[bytes],
    programme_id: str,
    resolve: Callable[[Iterable[str]], dict[str, str]],
    report: ImportReport,
    reject: Callable[[bytes, str], None],
    *,
    open_enrolments: bool = True,
) -> Iterator[NewRecord]:
    """Events from statements.

    Args:
        resolve: accounts → learner keys.
        reject: takes a line that is no usable statement, with the reason; such a line may
            hold names, so it must not go to the log.
        open_enrolments: open an enrolment for each learner and course met.
    """
    converter = _Converter(programme_id, resolve, report, open_enrolments)
    viewings: dict[tuple[str, str, str], list[_Viewing]] = defaultdict(list)
    for line in lines:
        if not line.strip():
            continue
        report.rows["statements"] += 1
        try:
            statement = json.loads(line)
            records, session, viewing = converter.convert(statement)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            report.set_aside["statements", "not a usable statement"] += 1
            reject(line, type(error).__name__)
            continue
        report.used["statements"] += 1
        yield from records
        if viewing is not None:
            viewings[session].append(viewing)
    for views in viewings.values():
        yield from converter.watched(views)


class _Converter:
    def __init__(
        self,
        programme_id: str,
        resolve: Callable[[Iterable[str]], dict[str, str]],
        report: ImportReport,
        open_enrolments: bool,
    ) -> None:
        self._programme_id, self._resolve, self._report = programme_id, resolve, report
        self._open = open_enrolments
        self._keys: dict[str, str] = {}
        self._enrolled: set[str] = set()

    def _key(self, agent: dict[str, Any]) -> str:
        account = json.dumps({k: agent[k] for k in IDENTIFIERS if k in agent}, sort_keys=True)
        if account == "{}":
            raise ValueError("an actor without an identifier")
        if account not in self._keys:
            self._keys |= self._resolve([account])
        return self._keys[account]

    def _without_people(self, node: Any) -> Any:
        """A copy with every agent's identifiers and name replaced by a key."""
        if isinstance(node, list):
            return [self._without_people(x) for x in node]
        if not isinstance(node, dict):
            return node
        is_agent = node.get("objectType", "Agent") in ("Agent", "Group") and any(k in node for k in IDENTIFIERS)
        if is_agent:
            kept = {k: self._without_people(v) for k, v in node.items() if k in ("objectType", "member")}
            return {**kept, "account": {"homePage": HOME_PAGE, "name": self._key(node)}}
        return {
            k: self._without_people(v)
            for k, v in node.items()
            if not (k == "name" and node.get("objectType") in ("Agent", "Group"))
        }

    def convert(self, statement: dict[str, Any]) -> tuple[list[NewRecord], tuple[str, str, str], _Viewing | None]:
        statement_id = str(UUID(statement["id"]))
        verb = str(statement["verb"]["id"])
        at = datetime.fromisoformat(statement.get("timestamp") or statement["stored"])
        if at.tzinfo is None:
            raise ValueError("a naive time")
        at = at.astimezone(UTC)
        key = self._key(statement["actor"])
        course = self._course(statement)
        enrolment = f"{course}/{key}"
        records = self._enrol(enrolment, course, key, at)
        extensions = (statement.get("result") or {}).get("extensions") or {}
        segments = extensions.get(f"{_VIDEO}played-segments")
        if verb in _VIDEO_VERBS and isinstance(segments, str):
            self._report.events[f"verb {verb}: study seconds"] += 1
            session = str(((statement.get("context") or {}).get("extensions") or {}).get(f"{_VIDEO}session-id", ""))
            video = str(statement["object"]["id"])
            position = extensions.get(f"{_VIDEO}time", extensions.get(f"{_VIDEO}time-to"))
            viewing = _Viewing(
                statement_id, at, key, enrolment, video, played_seconds(segments),
                float(position) if isinstance(position, int | float) and 0 <= position <= 1_000_000 else None,
            )  # fmt: skip
            return records, (key, video, session or statement_id), viewing
        self._report.events[f"verb {verb}: kept as a statement"] += 1
        payload = StatementStored(
            enrolment_id=enrolment, statement_id=statement_id, verb_id=verb, statement=self._without_people(statement)
        )
        records.append(self._record("xapi.statement_stored", statement_id, at, key, payload))
        return records, ("", "", ""), None

    @staticmethod
    def _course(statement: dict[str, Any]) -> str:
        activities = (statement.get("context") or {}).get("contextActivities") or {}
        for kind in ("parent", "grouping"):
            found = activities.get(kind) or []
            first = found[0] if isinstance(found, list) and found else found
            if isinstance(first, dict) and first.get("id"):
                return str(first["id"])
        return str(statement["object"]["id"])

    def _enrol(self, enrolment: str, course: str, key: str, at: datetime) -> list[NewRecord]:
        if not self._open or enrolment in self._enrolled:
            return []
        self._enrolled.add(enrolment)
        payload = EnrolmentOpened(enrolment_id=enrolment, class_id=course, course_id=course)
        return [self._record("enrolment.opened", stable_id(SOURCE, self._programme_id, enrolment), at, key, payload)]

    def watched(self, views: list[_Viewing]) -> Iterator[NewRecord]:
        """One viewing session's statements as the seconds that each has added."""
        so_far = 0.0
        for view in sorted(views, key=lambda v: (v.at, v.seconds, v.statement_id)):
            added = round(view.seconds - so_far, 3)
            so_far = max(so_far, view.seconds)
            if added > 0:
                payload = VideoWatched(
                    enrolment_id=view.enrolment_id, course_id=view.video_id, watched_s=min(added, _MOST_SECONDS),
                    position_s=view.position_s,
                )  # fmt: skip
                event_id = stable_id("video.watched", view.statement_id)
                yield self._record("video.watched", event_id, view.at, view.learner_key, payload)

    def _record(self, event_type: str, event_id: str, at: datetime, key: str, payload: msgspec.Struct) -> NewRecord:
        self._report.events[event_type] += 1
        value = encode_raw(
            Envelope(
                event_id=event_id,
                event_type=event_type,
                event_version=latest_version(event_type),
                occurred_at=format_time(at),
                programme_id=self._programme_id,
                learner_key=key,
                source=SOURCE,
                payload=payload,
            )
        )
        return NewRecord(key.encode(), value)
