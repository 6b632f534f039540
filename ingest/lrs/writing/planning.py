"""What a commit is planned from: commands, the records they append, and what the commit will change."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

from ingest.log.port import NewRecord
from ingest.lrs.index.port import Document, DocumentPlace, Record, StatementIndex
from ingest.lrs.writing.people import People

__all__ = ["Conflict", "Pending", "Planned", "Planning", "TooLarge", "Write", "is_within"]


class Conflict(Exception):
    """A statement with the same id says something else."""


class TooLarge(Exception):
    """A statement or document does not fit into a record of the log."""


class Planning(Protocol):
    """What planning asks of the store."""

    index: StatementIndex
    people: People

    def next_stored_us(self) -> int:
        """A time of storing, later than every one before, in microseconds since 1970."""

    def opened(self, place: DocumentPlace, document: Document) -> bytes:
        """A document's content."""


class Planned(NamedTuple):
    """A record to append.

    Attributes:
        means: what the record changes in the index, without its place in the log and its time of recording; None where the index has to
            read the record to know.
    """

    record: NewRecord
    means: Record | None = None


class Write(Protocol):
    """A command that is written whole or not at all; ``result`` is done when the command is durable."""

    result: Future[Any]

    def people(self) -> Iterable[Any]:
        """The parts of the command that may name people."""

    def prepare(self, people: People) -> bool:
        """Do once all that needs no knowledge of what others have written.

        Returns:
            False where somebody has no key yet: call it again when :meth:`People.learn` has met :meth:`people`.
        """

    def plan(self, pending: Pending) -> list[Planned]:
        """The records to append after all that the same commit has planned before; does not touch ``result``."""

    def done(self) -> None:
        """Set the result: the records are durable."""


@dataclass(slots=True)
class Pending:
    """What a commit will change, as far as it is planned.

    Attributes:
        statements: the JSON of statements by programme and id.
        documents: documents by programme, place and id; None where one is deleted.
        cleared: programmes and places whose documents are all deleted.
        enrolments: enrolments by programme and learner, those that the commit opens among them.
        events: digests of events by programme and id.
    """

    store: Planning
    statements: dict[tuple[str, str], bytes] = field(default_factory=dict)
    documents: dict[tuple[str, DocumentPlace, str], Document | None] = field(default_factory=dict)
    cleared: list[tuple[str, DocumentPlace]] = field(default_factory=list)
    enrolments: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    events: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def look_up(self, programme_id: str, learner_keys: Collection[str]) -> None:
        """Read the enrolments of several learners in one query."""
        unknown = {key for key in learner_keys if (programme_id, key) not in self.enrolments}
        for key, enrolments in self.store.index.enrolments(programme_id, unknown).items():
            self.enrolments[programme_id, key] = set(enrolments)

    def enrolled(self, programme_id: str, learner_key: str) -> set[str]:
        """A learner's enrolments, those that the commit opens among them."""
        if (programme_id, learner_key) not in self.enrolments:
            self.look_up(programme_id, (learner_key,))
        return self.enrolments[programme_id, learner_key]

    def document(self, programme_id: str, place: DocumentPlace, document_id: str) -> Document | None:
        """A document as the commit will leave it."""
        key = (programme_id, place, document_id)
        if key in self.documents:
            return self.documents[key]
        if any(programme == programme_id and is_within(place, gone) for programme, gone in self.cleared):
            return None
        return self.store.index.document(programme_id, place, document_id)


def is_within(place: DocumentPlace, wide: DocumentPlace) -> bool:
    """Whether ``wide`` contains ``place``: it is the same, or the same without a registration."""
    return wide.registration in ("", place.registration) and replace(place, registration=wide.registration) == wide
