"""Caliper's endpoint: takes the envelopes of sensors (1EdTech, versions 1.1 and 1.2), and answers for each event in them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ingest.events import Refusal, validate
from ingest.events.json_text import NotReadable, read_json
from ingest.events.validation import content_digest
from ingest.log.port import NewRecord
from ingest.lrs.access.keys import Key
from ingest.lrs.http.requests import Refused, media_type
from ingest.lrs.writing.events import TakenEvent
from ingest.lrs.writing.store import Store
from ingest.sources.caliper import CALIPER, CaliperReader, agent_of
from ingest.sources.counting import Counting
from ingest.sources.entries import LogEntry
from ingest.sources.platforms import Platform, PlatformLog
from ingest.sources.report import ImportReport

__all__ = ["CaliperEndpoint", "CountingOf", "as_shipped", "basic_of"]

#: Gives what a programme's events of Caliper count as, and when enrolments begin that its keys may open.
CountingOf = Callable[[str], tuple[Counting, str | None]]
_MOST_NESTED = 60
_ENTITY = "an entity: it tells of no deed"
_VERSIONS = ("http://purl.imsglobal.org/ctx/caliper/v1p1", "http://purl.imsglobal.org/ctx/caliper/v1p2")


def as_shipped(programme_id: str) -> tuple[Counting, str | None]:
    """Counts by the rows that ship; opens no enrolment."""
    return Counting("caliper"), None


def basic_of(authorization: str) -> str:
    """A header as sensors send it, ``Bearer ID:SECRET``, as the Basic one that it means; any other as it is."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() == "bearer" and ":" in token:
        return "Basic " + base64.b64encode(token.strip().encode("latin-1", "replace")).decode()
    return authorization


class _Place(NamedTuple):
    """An event of the envelope, the event of ours that it became, and where that stands among those to be written."""

    name: str
    event_type: str
    at: int


class CaliperEndpoint:
    """Takes envelopes of a key's programme. A stretch of video counts where both its ends come in one envelope."""

    def __init__(self, store: Store, most: int, counting_of: CountingOf) -> None:
        self._store, self._most, self._counting_of = store, most, counting_of

    def post(
        self, key: Key, content_type: str, body: bytes
    ) -> tuple[Future[list[str]], Callable[[Sequence[str]], list[dict[str, str]]]]:
        """Take an envelope.

        Returns:
            The verdicts on the events, when they are durable; and what makes of these the answer for everything in the envelope.

        Raises:
            Refused: the body is no envelope, of another version, or holds too many events.
        """
        if media_type(content_type) != "application/json":
            raise Refused(415, "Content-Type: application/json, an envelope")
        data = _data(body)
        if len(data) > self._most:
            raise Refused(413, f"more than {self._most:,} events at once")
        platform_log = self._platform_log(key)
        reader, now = CaliperReader(), datetime.now(UTC)
        answers: list[dict[str, str] | _Place] = []
        valid: list[TakenEvent] = []
        for thing in data:
            (told,) = reader.told({"data": [thing]})
            name = str(thing.get("id", "")) if isinstance(thing, dict) else ""
            if not isinstance(told, LogEntry):
                answers.append(_ignored(name, _ENTITY) if told is None else _refused(name, "no_event", told))
                continue
            opened, found = platform_log.records([told])
            if not found:
                answers.append(_ignored(name, "sources.csv says that it counts for nothing"))
                continue
            taken = [_taken(record, now) for record in (*opened, *found)]
            wrong = next((one for one in taken if isinstance(one, Refusal)), None)
            if wrong is not None:
                answers.append(_refused(name, str(wrong.reason), wrong.detail))
                continue
            events = [one for one in taken if not isinstance(one, Refusal)]
            valid += [event for _, event in events]
            answers.append(_Place(name, events[-1][0], len(valid) - 1))

        def answer(verdicts: Sequence[str]) -> list[dict[str, str]]:
            return [_told(one, verdicts[one.at]) if isinstance(one, _Place) else one for one in answers]

        return self._store.take(key.programme_id, valid), answer

    def _platform_log(self, key: Key) -> PlatformLog:
        counting, opened_at = self._counting_of(key.programme_id)
        may_open = "enrolments/open" in key.scopes
        return PlatformLog(
            Platform("caliper", CALIPER, key.programme_id, opened_at if may_open else None), counting,
            self._learner_keys, lambda keys: self._enrolments(key.programme_id, keys), ImportReport(),
        )  # fmt: skip

    def _learner_keys(self, accounts: Iterable[str]) -> dict[str, str]:
        agents = {account: agent_of(account) for account in accounts}
        self._store.people.learn(agents.values())
        return {account: self._store.people.key_of(agent) or "" for account, agent in agents.items()}

    def _enrolments(self, programme_id: str, keys: Collection[str]) -> dict[str, frozenset[str]]:
        return self._store.index.enrolments(programme_id, keys)


def _data(body: bytes) -> list[Any]:
    try:
        envelope = read_json(body, most_nested=_MOST_NESTED)
    except NotReadable as error:
        raise Refused(400, f"not JSON of an envelope: {error}") from None
    if not isinstance(envelope, dict) or not isinstance(envelope.get("data"), list):
        raise Refused(400, "an envelope is an object with sensor, sendTime, dataVersion and a list data")
    if not isinstance(envelope.get("sensor"), str):
        raise Refused(400, "sensor: the IRI of the sensor")
    if envelope.get("dataVersion") not in _VERSIONS:
        raise Refused(422, f"dataVersion: one of {', '.join(_VERSIONS)}")
    return list(envelope["data"])


def _taken(record: NewRecord, now: datetime) -> tuple[str, TakenEvent] | Refusal:
    event = validate(record.value, now)
    if isinstance(event, Refusal):
        return event
    says_more = event.event_type == "enrolment.opened"
    return event.event_type, TakenEvent(event.event_id, record, content_digest(event), says_more)


def _told(place: _Place, verdict: str) -> dict[str, str]:
    if verdict == "conflict":
        return _refused(place.name, "id_conflict", "another event has this id")
    return {"event_id": place.name, "event_type": place.event_type, "status": verdict}


def _ignored(name: str, detail: str) -> dict[str, str]:
    return {"event_id": name, "status": "ignored", "detail": detail}


def _refused(name: str, reason: str, detail: str) -> dict[str, str]:
    return {"event_id": name, "status": "refused", "reason": reason, "field": "", "detail": detail}
