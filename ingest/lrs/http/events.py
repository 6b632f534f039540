"""The collector: takes our own events over HTTP, and answers for each of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

import msgspec

from ingest.events import Refusal, encode_raw, validate
from ingest.events.validation import content_digest
from ingest.log.port import NewRecord
from ingest.lrs.access.keys import Key
from ingest.lrs.http.answering import Answer
from ingest.lrs.http.requests import Refused, media_type
from ingest.lrs.writing.events import TakenEvent
from ingest.lrs.writing.store import Store

__all__ = ["Collector", "answer_of"]

_STATUSES = ("accepted", "repeated", "refused")
_LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
#: Types that clients may not send: with them a key could store statements or documents beyond its scopes, or redefine a programme.
_OWN = ("xapi.", "programme.", "learner.erased")
_each = msgspec.json.Decoder(list[msgspec.Raw])


def _refused(reason: str, field: str, detail: str, **more: str) -> dict[str, str]:
    return {**more, "status": "refused", "reason": reason, "field": field, "detail": detail}


class Collector:
    """Takes events of a key's programme."""

    def __init__(self, store: Store, most: int) -> None:
        self._store, self._most = store, most

    def post(
        self, key: Key, content_type: str, body: bytes
    ) -> tuple[Future[list[str]], Callable[[Sequence[str]], list[dict[str, str]]]]:
        """Take one event, an array of events, or one event a line.

        Returns:
            The verdicts on the valid events, when they are durable; and what makes of these the answer for every event.

        Raises:
            Refused: the body is none of these, or holds too many events.
        """
        values = self._values(media_type(content_type), body)
        if len(values) > self._most:
            raise Refused(413, f"more than {self._most:,} events at once")
        now = datetime.now(UTC)
        said: list[dict[str, str] | None] = []
        valid: list[TakenEvent] = []
        types: list[str] = []
        for value in values:
            verdict = validate(value, now)
            if isinstance(verdict, Refusal):
                said.append(_refused(str(verdict.reason), verdict.field, verdict.detail))
            elif verdict.event_type.startswith(_OWN):
                said.append(_refused("reserved_event_type", "event_type", "the store writes these itself"))
            elif verdict.programme_id != key.programme_id:
                said.append(_refused("wrong_programme", "programme_id", "this key is of another programme"))
            else:
                said.append(None)
                owner = verdict.learner_key or verdict.staff_key or verdict.event_id
                types.append(verdict.event_type)
                says_more = verdict.event_type == "enrolment.opened"
                event = self._store.sealed(value, verdict)
                record = NewRecord(owner.encode(), value if event is verdict else encode_raw(event))
                valid.append(TakenEvent(verdict.event_id, record, content_digest(event), says_more))

        def told(verdicts: Sequence[str]) -> list[dict[str, str]]:
            rest = iter(
                [_told(one.event_id, kind, verdict) for one, kind, verdict in zip(valid, types, verdicts, strict=True)]
            )
            return [one if one is not None else next(rest) for one in said]

        return self._store.take(key.programme_id, valid), told

    @staticmethod
    def _values(kind: str, body: bytes) -> list[bytes]:
        if kind in _LINES:
            return [line for line in body.splitlines() if line.strip()]
        if kind != "application/json":
            raise Refused(415, "Content-Type: application/json (an event or an array) or application/x-ndjson")
        if not body.lstrip().startswith(b"["):
            return [body.strip()]
        try:
            return [bytes(one) for one in _each.decode(body)]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Refused(400, "not a JSON array") from None


def _told(event_id: str, event_type: str, verdict: str) -> dict[str, str]:
    if verdict == "conflict":
        return _refused("id_conflict", "event_id", "another event has this id", event_id=event_id)
    return {"event_id": event_id, "event_type": event_type, "status": verdict}


def answer_of(events: Sequence[dict[str, str]]) -> Answer:
    """The answer for all events: 422 where all of them were refused."""
    counts = Counter(event["status"] for event in events)
    content: dict[str, Any] = {**{status: counts[status] for status in _STATUSES}, "events": events}
    status = 422 if events and counts["refused"] == len(events) else 200
    return Answer(status, json.dumps(content, ensure_ascii=False).encode(), "application/json")
