"""The statements of a request: prepared as if nothing else came, then stamped with the time of storing.

A statement is encoded once, before its time of storing is known. The writer, for whom all other requests wait, only adds that time to the
encoded bytes (:func:`with_members`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, cast
from uuid import uuid4

import msgspec

from ingest.events import EventSpec, encode
from ingest.events.enrolment import EnrolmentOpened
from ingest.events.numbers import decode
from ingest.events.profile import is_staffs, spec_of
from ingest.events.statement import StatementStored, StatementVoided
from ingest.events.validation import EARLIEST, MAX_RECORD_BYTES
from ingest.log.port import NewRecord
from ingest.lrs.index.port import Record, Said
from ingest.lrs.standard.agents import parts_with_people, whose_of
from ingest.lrs.standard.compare import same_statement
from ingest.lrs.standard.facets import Facts, facts_of
from ingest.lrs.standard.formats import instant, microseconds, moment, stored_text
from ingest.lrs.standard.meaning import Belonging, belonging_of, course_of, enrolment_of
from ingest.lrs.writing.people import People, Unmet
from ingest.lrs.writing.planning import Conflict, Pending, Planned, TooLarge
from ingest.lrs.writing.projection import SOURCE
from ingest.sources.ids import stable_id

__all__ = ["StatementsWrite", "with_members"]

_encode = msgspec.json.Encoder().encode
_EARLIEST_US = microseconds(EARLIEST)


class _Prepared(NamedTuple):
    """A statement as the log will have it, but for its time of storing.

    Attributes:
        body: the statement's JSON.
        value: the JSON of the event that stores it, with the enrolment that the statement names and its own time; None where it has no
            time that an event may have.
        whose: the key of the actor; of a group, of its first member.
        at_us: the statement's timestamp, in microseconds since 1970.
        spec: the event of ours that a statement of our profile is.
    """

    statement: dict[str, Any]
    body: bytes
    value: bytes | None
    facts: Facts
    whose: str
    at_us: int | None
    spec: EventSpec | None
    is_staffs: bool
    belonging: Belonging


class _Fresh(NamedTuple):
    """A statement with its time of storing.

    Attributes:
        known_us: when the statement was first recorded, where an import claims it; else as ``stored_us``. It dates the record in the log, and
            what the statement itself does not date. ``stored`` is the store's own time all the same: who asks for what came since would
            miss the statement.
        times: the members that the time adds to the statement's JSON.
        body: the statement's JSON with these members.
    """

    said: _Prepared
    stored_us: int
    known_us: int
    times: bytes
    body: bytes


@dataclass(slots=True)
class StatementsWrite:
    """The checked statements of one request: all are stored, or none."""

    programme_id: str
    statements: Sequence[dict[str, Any]]
    authority: Mapping[str, Any]
    version: str
    opens_enrolments: bool
    #: When all of them were first recorded, where an import claims it; None: now.
    recorded_us: int | None = None
    result: Future[list[str]] = field(default_factory=Future)
    ids: list[str] = field(init=False)
    #: Of each statement the members that may name people; the authority is the store's to say.
    _named: list[list[str]] = field(init=False)
    #: The first statements, as far as everybody in them has a key.
    _prepared: list[_Prepared] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._named = [[name for name in parts_with_people(s) if name != "authority"] for s in self.statements]
        self.ids = [str(s.get("id") or uuid4()).lower() for s in self.statements]

    def people(self) -> Iterable[Any]:
        yield self.authority
        for statement, names in zip(self.statements, self._named, strict=True):
            yield from [statement[name] for name in names]

    def prepare(self, people: People) -> bool:
        try:
            authority = people.replaced(self.authority)
            for n in range(len(self._prepared), len(self.ids)):
                self._prepared.append(self._kept(n, people, authority))
        except Unmet:
            return False
        return True

    def plan(self, pending: Pending) -> list[Planned]:
        store = pending.store
        known = store.index.statements(self.programme_id, self.ids)
        fresh: dict[str, _Fresh] = {}
        for statement_id, said, one in zip(self.ids, self.statements, self._prepared, strict=True):
            found = fresh.get(statement_id)
            body = found.body if found is not None else pending.statements.get((self.programme_id, statement_id))
            before = decode(body) if body is not None else None
            if before is None and statement_id in known:
                before = known[statement_id].statement
            if before is None:
                fresh[statement_id] = _stamped(one, store.next_stored_us(), self.recorded_us)
            elif not same_statement(said, store.people.whole(before)):
                raise Conflict(statement_id)
        pending.look_up(self.programme_id, {one.said.whose for one in fresh.values()})
        opened: dict[str, set[str]] = {}
        records = [record for one in fresh.values() for record in self._records(one, pending, opened)]
        # After the last statement that can be refused: a request that is refused opens no enrolment.
        for learner, enrolments in opened.items():
            pending.enrolled(self.programme_id, learner).update(enrolments)
        pending.statements |= {(self.programme_id, i): one.body for i, one in fresh.items()}
        return records

    def done(self) -> None:
        self.result.set_result(self.ids)

    def _kept(self, n: int, people: People, authority: Mapping[str, Any]) -> _Prepared:
        said, statement_id = self.statements[n], self.ids[n]
        # The store alone says who has stored a statement, and when.
        statement = {k: v for k, v in said.items() if k not in ("stored", "authority")}
        for name in self._named[n]:
            statement[name] = people.replaced(statement[name])
        statement["id"] = statement_id
        statement.setdefault("version", self.version)
        statement["authority"] = authority
        whose = whose_of(statement)
        statement = people.sealed(statement, whose, self.programme_id)
        at = instant(statement["timestamp"]) if "timestamp" in statement else None
        spec, belonging = spec_of(statement["verb"]["id"]), belonging_of(statement, whose)
        is_told_by_staff = spec is not None and is_staffs(spec, statement)
        facts, body, value = facts_of(statement), _encode(statement), None
        if at is not None and at > EARLIEST:
            value = self._event(facts, body, belonging.said, at, whose, is_staffs=is_told_by_staff)
        at_us = microseconds(at) if at is not None else None
        return _Prepared(statement, body, value, facts, whose, at_us, spec, is_told_by_staff, belonging)

    def _event(
        self, facts: Facts, body: bytes, enrolment_id: str | None, occurred_at: datetime, whose: str, *, is_staffs: bool
    ) -> bytes:
        # The event's verb is cut to the length of an id; the statement has it whole.
        payload = StatementStored(
            enrolment_id=enrolment_id, statement_id=facts.statement_id, verb_id=facts.verb[:200],
            statement=cast("dict[str, Any]", msgspec.Raw(body)),
        )  # fmt: skip
        return encode(
            payload, event_type="xapi.statement_stored", event_id=stable_id("xapi", self.programme_id, facts.statement_id),
            occurred_at=occurred_at, programme_id=self.programme_id, source=SOURCE,
            learner_key=None if is_staffs else whose, staff_key=whose if is_staffs else None,
        )  # fmt: skip

    def _records(self, fresh: _Fresh, pending: Pending, opened: dict[str, set[str]]) -> list[Planned]:
        one, key = fresh.said, fresh.said.whose
        if one.is_staffs:
            return self._planned(fresh, one.belonging.said)

        def enrolled() -> set[str]:
            before = pending.enrolled(self.programme_id, key)
            return before | opened[key] if key in opened else before

        enrolment, is_new = enrolment_of(one.belonging, enrolled, may_open=self.opens_enrolments)
        records = self._planned(fresh, enrolment)
        if enrolment is not None:
            if is_new:
                course = course_of(one.statement)
                opening = _opening(self.programme_id, enrolment, course, key, _occurred_at(fresh), self.recorded_us)
                records.insert(0, opening)
            if is_new or (one.spec is not None and one.spec.event_type == "enrolment.opened"):
                opened.setdefault(key, set()).add(enrolment)
        return records

    def _planned(self, fresh: _Fresh, enrolment_id: str | None) -> list[Planned]:
        one, facts = fresh.said, fresh.said.facts
        if one.value is not None and enrolment_id == one.belonging.said and (one.at_us or 0) <= fresh.known_us:
            value = with_members(one.value, fresh.times, depth=3)
        else:
            value = self._event(
                facts, fresh.body, enrolment_id, _occurred_at(fresh), one.whose, is_staffs=one.is_staffs
            )
        if len(value) > MAX_RECORD_BYTES:
            raise TooLarge(f"a statement of more than {MAX_RECORD_BYTES:,} bytes")
        means = None
        if one.spec is None:
            # A statement of our profile may open an enrolment: the index reads the record to know.
            means = Record(-1, -1, self.programme_id, fresh.stored_us, Said(facts, fresh.body))
        # The key is the statement's id: a copy that comes later meets the first one in the same partition.
        key = facts.statement_id.encode()
        records = [Planned(NewRecord(key, value, self.recorded_us), means)]
        if facts.voids is not None:
            undone = encode(
                StatementVoided(statement_id=facts.voids, voiding_statement_id=facts.statement_id), event_type="xapi.statement_voided",
                event_id=stable_id("xapi.voided", self.programme_id, facts.statement_id), occurred_at=moment(fresh.known_us),
                programme_id=self.programme_id, source=SOURCE,
            )  # fmt: skip
            records.append(Planned(NewRecord(key, undone, self.recorded_us)))
        return records


def with_members(text: bytes, members: bytes, *, depth: int) -> bytes:
    """Encoded JSON with more members at the end of an object within it.

    Args:
        text: an object; with ``depth`` 3, one whose last member is an object whose last member is the object meant.
        members: begins with a comma, such as ``,"stored":"2017-10-12T08:30:00.123456Z"``; the object is not empty.
        depth: 1 for a statement (``_Prepared.body``), 3 for the event that stores it (``_Prepared.value``).
    """
    # Guards the last `depth` bytes, which are closing braces and nothing else. In an event they close the statement, the payload and the
    # envelope: `payload` is the last field of Envelope, `statement` the last field of StatementStored, and our encoder writes
    # fields in their order, without spaces. A field after either of them would put `members` into the wrong object.
    return text[:-depth] + members + text[-depth:]


def _stamped(one: _Prepared, stored_us: int, recorded_us: int | None) -> _Fresh:
    """A statement with its time of storing. Where it has no timestamp, that is when it was recorded."""
    stored, known_us = stored_text(stored_us), stored_us if recorded_us is None else recorded_us
    timestamp = f',"timestamp":"{stored_text(known_us)}"' if one.at_us is None else ""
    times = f'{timestamp},"stored":"{stored}"'.encode()
    return _Fresh(one, stored_us, known_us, times, with_members(one.body, times, depth=1))


def _occurred_at(fresh: _Fresh) -> datetime:
    """The statement's timestamp; the time of recording where the client's clock was never set, or runs ahead."""
    at_us = fresh.said.at_us
    is_told = at_us is not None and _EARLIEST_US < at_us <= fresh.known_us
    return moment(at_us if is_told and at_us is not None else fresh.known_us)


def _opening(
    programme_id: str, enrolment_id: str, course_id: str, learner_key: str, at: datetime, recorded_us: int | None
) -> Planned:  # fmt: skip
    value = encode(
        EnrolmentOpened(enrolment_id=enrolment_id, class_id=course_id, course_id=course_id), event_type="enrolment.opened",
        event_id=stable_id(SOURCE, programme_id, enrolment_id), occurred_at=at, programme_id=programme_id, source=SOURCE,
        learner_key=learner_key,
    )  # fmt: skip
    return Planned(NewRecord(learner_key.encode(), value, recorded_us))
