"""What an index of statements and documents takes in and answers; any database that can do this serves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from ingest.lrs.standard.facets import Facts
from warehouse.lake import Covered

__all__ = [
    "MOST_SECONDS",
    "Document",
    "DocumentChange",
    "DocumentPlace",
    "Enrolment",
    "Found",
    "Query",
    "Record",
    "Said",
    "SeenEvent",
    "SetAside",
    "StatementIndex",
    "Stored",
    "TooCostly",
]


#: Seconds that one query may take.
MOST_SECONDS = 10.0


class TooCostly(Exception):
    """A query takes longer than a query may."""

    def __init__(self) -> None:
        super().__init__(
            f"the query takes more than {MOST_SECONDS:.0f} seconds; ask for less by agent, activity, verb or time"
        )


@dataclass(frozen=True, slots=True)
class Stored:
    """A statement as the log has it.

    Attributes:
        place: the order of statements that were stored in the same microsecond.
        stored_us: the time of storing, in microseconds since 1970.
    """

    place: int
    statement_id: str
    stored_us: int
    is_voided: bool
    statement: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Query:
    """A question for statements.

    Attributes:
        facets: facets and values, all of which a statement must have.
        since_us: stored after this time, in microseconds since 1970.
        until_us: stored at this time or before.
        is_ascending: oldest first.
        limit: statements, at most.
        after: the ``stored_us`` and ``place`` of the statement with which the page before has ended.
        most_bytes: bytes of the statements' JSON as the log has it, at most; a first statement that is larger comes all the same.
    """

    facets: Sequence[tuple[int, str]] = ()
    since_us: int | None = None
    until_us: int | None = None
    is_ascending: bool = False
    limit: int = 100
    after: tuple[int, int] | None = None
    most_bytes: int | None = None


class Found(NamedTuple):
    """A page of statements, and whether others follow it."""

    statements: list[Stored]
    has_more: bool


@dataclass(frozen=True, slots=True)
class DocumentPlace:
    """A set of documents: those of an activity, an agent or both, and of a registration.

    Attributes:
        kind: ``state``, ``agent_profile`` or ``activity_profile``. A field that the kind does not have is empty.
    """

    kind: str
    activity_id: str = ""
    person_key: str = ""
    registration: str = ""

    def about(self) -> str:
        """What the documents of the place are sealed as."""
        return f"document {self.kind} {self.activity_id} {self.person_key} {self.registration}"


@dataclass(frozen=True, slots=True)
class Document:
    """A document.

    Attributes:
        content: sealed, under the person's key where the document is a person's.
        stored_us: the time of storing, in microseconds since 1970.
    """

    content: bytes
    content_type: str
    etag: str
    stored_us: int


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """A document that was stored or deleted.

    Attributes:
        document_id: None where all documents of the place were deleted.
        document: None where it was deleted.
    """

    place: DocumentPlace
    document_id: str | None
    document: Document | None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An enrolment that was opened in the programme of its record."""

    learner_key: str
    enrolment_id: str


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """An event of ours.

    Attributes:
        digest: of its content, whatever the order of the members.
        recorded_us: when the log took it, in microseconds since 1970.
    """

    event_id: str
    digest: bytes
    recorded_us: int


class Said(NamedTuple):
    """A statement for the index: what it is found by, and its JSON."""

    facts: Facts
    body: bytes


class Record(msgspec.Struct, frozen=True):
    """What one record of the log changes; the optional fields are None where it changes nothing of that kind.

    Attributes:
        stored_us: when the statement or document was stored, in microseconds since 1970.
        fault: why the record cannot be taken in; it is set aside.
        mark: names the record itself (:mod:`ingest.log.continuity`); the last one of each partition in a batch has it.
    """

    partition: int
    offset: int
    programme_id: str = ""
    stored_us: int = 0
    statement: Said | None = None
    change: DocumentChange | None = None
    enrolment: Enrolment | None = None
    event: SeenEvent | None = None
    fault: str | None = None
    mark: int | None = None


class SetAside(NamedTuple):
    """A record of the log that the index could not take in, and why."""

    partition: int
    offset: int
    why: str


class StatementIndex(ABC):
    """Statements and documents of several programmes; no method gives one programme what is another's."""

    @abstractmethod
    def exclusive(self) -> AbstractContextManager[bool]:
        """Hold the lock that a process needs to plan, append and apply; gives whether others may have written since the last time."""

    @abstractmethod
    def settled_us(self) -> int | None:
        """While a process writes, the time until which queries find all that was stored, in microseconds; None while none does."""

    @abstractmethod
    def newest_us(self) -> int:
        """When the newest statement was stored, in microseconds; 0 where there is none."""

    @abstractmethod
    def bind(self, log_id: str) -> None:
        """Make a new index that of a log; raises BadConfiguration where it is another log's."""

    @abstractmethod
    def positions(self) -> Mapping[int, int]:
        """The next offset to apply, by partition; a partition without applied records is left out."""

    @abstractmethod
    def covered(self) -> Mapping[int, Covered]:
        """The next offset to apply, by partition, with the mark of the record before it."""

    @abstractmethod
    def apply(self, records: Sequence[Record]) -> list[SetAside]:
        """Take records in; passes over offsets that were applied and over statements whose id is there.

        All or none, apart from records that cannot be taken in: each of them is set aside, and the others go on.

        Returns:
            The records that were set aside now.
        """

    @abstractmethod
    def set_aside(self) -> list[SetAside]:
        """All records that were set aside, in their order."""

    @abstractmethod
    def apply_again(self, records: Sequence[Record]) -> list[SetAside]:
        """Take in records that were set aside before; returns those that are set aside again."""

    @abstractmethod
    def forms(self, programme_id: str, person_key: str) -> list[int]:
        """The numbers of the ways in which the programme's statements write a person; of many, the newest."""

    @abstractmethod
    def statements(self, programme_id: str, ids: Collection[str]) -> dict[str, Stored]:
        """Statements by id, voided or not; those that are not there are left out."""

    @abstractmethod
    def find(self, programme_id: str, query: Query) -> Found:
        """The statements that match a query and are not voided, newest first or as asked."""

    @abstractmethod
    def definitions(self, programme_id: str, names: Collection[str]) -> dict[str, dict[str, Any]]:
        """What statements say of activities (by id) and of verbs (by :func:`~ingest.lrs.standard.facets.verb_key`), merged.

        Activities and verbs that no statement names are left out. Each definition has 1 MiB of JSON at most.
        """

    @abstractmethod
    def definition_sizes(self, programme_id: str, names: Collection[str]) -> dict[str, int]:
        """How many bytes of JSON each of :meth:`definitions` has."""

    @abstractmethod
    def document(self, programme_id: str, place: DocumentPlace, document_id: str) -> Document | None:
        """A document; None where there is none."""

    @abstractmethod
    def document_ids(self, programme_id: str, place: DocumentPlace, since_us: int | None) -> list[str]:
        """The ids of documents stored after ``since_us``; of a state's place without a registration, those of every registration."""

    @abstractmethod
    def enrolments(self, programme_id: str, learner_keys: Collection[str]) -> dict[str, frozenset[str]]:
        """Every enrolment that was ever opened for each of the learners."""

    @abstractmethod
    def events(self, programme_id: str, event_ids: Collection[str]) -> dict[str, bytes]:
        """The digests of events recorded lately, by id; those that are not known are left out."""

    @abstractmethod
    def forget_events(self, before_us: int) -> None:
        """Drop the digests of events recorded before a time."""

    @abstractmethod
    def clear(self) -> None:
        """Empty the index, to be made again from the log."""

    @abstractmethod
    def close(self) -> None:
        """Release files and connections."""
