"""What an index of statements and documents is: a projection of the log that can be asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from ingest.lrs.facets import Facts

__all__ = [
    "MOST_SECONDS",
    "Document",
    "DocumentChange",
    "DocumentPlace",
    "Enrolment",
    "Query",
    "Record",
    "Said",
    "SeenEvent",
    "StatementIndex",
    "Stored",
    "TooCostly",
]


#: Seconds that one query may take.
MOST_SECONDS = 10.0


class TooCostly(Exception):
    """A query that takes longer than one may."""

    def __init__(self) -> None:
        super().__init__(
            f"the query takes more than {MOST_SECONDS:.0f} seconds; ask for less by agent, activity, verb or time"
        )


@dataclass(frozen=True, slots=True)
class Stored:
    """A statement as the log has it.

    ``stored_us``: microseconds since 1970; ``place`` orders what was stored in the same one.
    """

    place: int
    statement_id: str
    stored_us: int
    is_voided: bool
    statement: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Query:
    """Which statements; ``facets`` are (facet, value) that must all hold. ``after`` is the (stored_us, place) to go on from."""

    facets: Sequence[tuple[int, str]] = ()
    since_us: int | None = None
    until_us: int | None = None
    is_ascending: bool = False
    limit: int = 100
    after: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class DocumentPlace:
    """Where documents are: ``kind`` is state, agent_profile or activity_profile; what does not apply is empty."""

    kind: str
    activity_id: str = ""
    person_key: str = ""
    registration: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A document's content (of a person's sealed under the person's key), its type, its ETag and when it was stored."""

    content: bytes
    content_type: str
    etag: str
    stored_us: int


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """A document that was stored, or with ``document`` None deleted; without an id all of its place."""

    place: DocumentPlace
    document_id: str | None
    document: Document | None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Somebody was enrolled; ``programme_id`` is the record's."""

    learner_key: str
    enrolment_id: str


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """An event of ours; ``digest`` is of what it says, whatever the order of its members. ``recorded_us``: microseconds since 1970."""

    event_id: str
    digest: bytes
    recorded_us: int


class Said(NamedTuple):
    """A statement for the index: what is kept of it, and how it is written."""

    facts: Facts
    body: bytes


class Record(msgspec.Struct, frozen=True):
    """What one record of the log changes; all None where it is about something else."""

    partition: int
    offset: int
    programme_id: str = ""
    stored_us: int = 0
    statement: Said | None = None
    change: DocumentChange | None = None
    enrolment: Enrolment | None = None
    event: SeenEvent | None = None


class StatementIndex(ABC):
    """Statements and documents of several programmes, none of which sees another's."""

    @abstractmethod
    def exclusive(self) -> AbstractContextManager[bool]:
        """Be the only one, of all processes, to plan, append and apply; tells whether others may have done so since the last time."""

    @abstractmethod
    def settled_us(self) -> int | None:
        """Until when everything stored can be asked for, in microseconds, while a process writes; None where none does."""

    @abstractmethod
    def newest_us(self) -> int:
        """When the newest statement was stored, in microseconds; 0 where there is none."""

    @abstractmethod
    def bind(self, log_id: str) -> None:
        """Belong to a log; raises BadConfiguration where it belongs to another."""

    @abstractmethod
    def positions(self) -> Mapping[int, int]:
        """The next offset to be applied, by partition; 0 where none was."""

    @abstractmethod
    def apply(self, records: Sequence[Record]) -> None:
        """Take records in, all or none; one whose offset was applied is passed over, as is a statement's id met before."""

    @abstractmethod
    def statements(self, programme_id: str, ids: Collection[str]) -> dict[str, Stored]:
        """By id, voided or not; those that are not there are left out."""

    @abstractmethod
    def find(self, programme_id: str, query: Query) -> list[Stored]:
        """Those that are not voided, newest first or as asked, at most ``limit``."""

    @abstractmethod
    def activity(self, programme_id: str, activity_id: str) -> dict[str, Any] | None:
        """What statements have said of an activity, merged; None where none has named it."""

    @abstractmethod
    def document(self, programme_id: str, place: DocumentPlace, document_id: str) -> Document | None:
        """One document."""

    @abstractmethod
    def document_ids(self, programme_id: str, place: DocumentPlace, since_us: int | None) -> list[str]:
        """Those stored after ``since_us``; of a state's place without a registration those of every registration."""

    @abstractmethod
    def enrolments(self, programme_id: str, learner_keys: Collection[str]) -> dict[str, frozenset[str]]:
        """Every enrolment that was ever opened for each of the learners."""

    @abstractmethod
    def events(self, programme_id: str, event_ids: Collection[str]) -> dict[str, bytes]:
        """The digests of events recorded lately, by id; those that are not known are left out."""

    @abstractmethod
    def forget_events(self, before_us: int) -> None:
        """Drop what was recorded before."""

    @abstractmethod
    def clear(self) -> None:
        """Forget everything, to be made again from the log."""

    @abstractmethod
    def close(self) -> None:
        """Release what is held."""
