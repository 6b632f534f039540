"""Events of ours that a client sends to the collector."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ingest.log.port import NewRecord
from ingest.lrs.index.port import Record, SeenEvent
from ingest.lrs.writing.people import People
from ingest.lrs.writing.planning import Pending, Planned

__all__ = ["EventsWrite", "TakenEvent"]


class TakenEvent(NamedTuple):
    """A valid event of a client, as the log will have it.

    Attributes:
        digest: of the event's content (:func:`ingest.events.validation.content_digest`).
        says_more: whether the event changes more in the index than the list of events, as an opening of an enrolment does.
    """

    event_id: str
    record: NewRecord
    digest: bytes
    says_more: bool


@dataclass(slots=True)
class EventsWrite:
    """The events of one request; each of them is accepted or not by itself."""

    programme_id: str
    events: Sequence[TakenEvent]
    result: Future[list[str]] = field(default_factory=Future)
    _verdicts: list[str] = field(default_factory=list)

    def people(self) -> Iterable[Any]:
        return []

    def prepare(self, people: People) -> bool:
        return True

    def plan(self, pending: Pending) -> list[Planned]:
        known = pending.store.index.events(self.programme_id, [event.event_id for event in self.events])
        records = []
        for event_id, record, digest, says_more in self.events:
            before = pending.events.get((self.programme_id, event_id)) or known.get(event_id)
            if before is not None:
                self._verdicts.append("repeated" if before == digest else "conflict")
                continue
            pending.events[self.programme_id, event_id] = digest
            seen = SeenEvent(event_id, digest, 0)
            records.append(Planned(record, None if says_more else Record(-1, -1, self.programme_id, event=seen)))
            self._verdicts.append("accepted")
        return records

    def done(self) -> None:
        self.result.set_result(self._verdicts)
