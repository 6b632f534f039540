"""What a roster says beside what is known: who is new, has moved, is gone, has changed, is unclear or stands there twice.

Both sides are in a database of their own on the disk, in a file without a name that goes when it is closed, so that a province's rosters
need no more memory than a school's. It holds ids and keyed hashes, and no name or number of anybody.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from ingest.sources.roster.entries import Entry
from ingest.sources.roster.recognising import Person
from ingest.sources.roster.values import Why

__all__ = ["Change", "Fact", "Gone", "Ledger", "Place", "Standing", "Verdict", "Where", "decide", "no_class"]


class Change(StrEnum):
    """What an entry, or its absence, comes to."""

    NEW = "new"
    BACK = "back"
    MOVED = "moved"
    CHANGED = "changed"
    SAME = "same"
    GONE = "gone"
    TWICE = "twice"
    UNCLEAR = "unclear"
    SET_ASIDE = "set_aside"


#: What is wrong in the row itself, and is for the sender to mend; of the others somebody has to say who or where is meant.
_OF_THE_ROW = frozenset(
    {
        Why.NO_NAME, Why.NOT_A_NAME, Why.NO_IDENTITY, Why.LOST_DIGITS, Why.WRONG_ID_NUMBER, Why.NO_COUNTY, Why.UNKNOWN_COUNTY,
        Why.UNKNOWN_SUBJECT, Why.UNKNOWN_STAGE, Why.TOO_LONG, Why.WRONG_DATE, Why.FUTURE_DATE,
    }
)  # fmt: skip


class Place(NamedTuple):
    """Where an enrolment stands; None of what is not known."""

    class_id: str | None
    school_id: str | None
    county_id: str | None
    subject_id: str | None
    school_stage: str | None


class Fact(NamedTuple):
    """An event about enrolments, as the log has it."""

    event_id: str
    event_type: str
    enrolment_id: str
    occurred_us: int
    recorded_us: int
    partition: int
    offset: int
    learner_key: str
    place: Place


class Standing(NamedTuple):
    """An enrolment as the events leave it.

    Attributes:
        changed_us: when the last of its events happened, microseconds since 1970.
        event_id: that event.
    """

    enrolment_id: str
    is_open: bool
    changed_us: int
    event_id: str
    place: Place


class Where(NamedTuple):
    """A row of a roster: the file's number among those given, from 0, its sheet, and the row's number in it."""

    file: int
    sheet: str
    row: int


class Verdict(NamedTuple):
    """What is to be done about a row.

    Attributes:
        standing: the enrolment that it is about; None of a new one.
        place: where the enrolment stands from then on.
        twice: the row that says the same, or something else of the same person.
    """

    change: Change
    why: Why | None = None
    notes: tuple[Why, ...] = ()
    person_key: str | None = None
    standing: Standing | None = None
    place: Place | None = None
    twice: Where | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """An enrolment that the rosters no longer have, in a county that they cover."""

    learner_key: str
    standing: Standing


_PLACES = "class_id, school_id, county_id, subject_id, school_stage"
_SCHEMA = f"""
create table facts (
    event_id text primary key, event_type text, enrolment_id text, occurred_us integer, recorded_us integer, partition integer, "offset" integer,
    learner_key text, {_PLACES}
) without rowid;
create table voids (event_id text primary key) without rowid;
create table rows (
    n integer primary key, file integer, sheet text, row integer, why text, notes text, person_key text, token blob, id_number blob,
    phone blob, account blob, name blob, gender text, since text, leaves integer, is_changed integer, twice integer, {_PLACES}
);
create table standing (
    enrolment_id text primary key, learner_key text, is_open integer, changed_us integer, event_id text, {_PLACES}
) without rowid;
create table mentioned (learner_key text primary key) without rowid;
"""
#: Facts that stand, each enrolment's from its first to its last.
_STANDING = f"""
select enrolment_id, event_type, learner_key, occurred_us, event_id, {_PLACES} from facts
where event_id not in (select event_id from voids) order by enrolment_id, occurred_us, recorded_us, partition, "offset"
"""
#: Rows of one person: the same token. A row without an id number is that of the same phone and name with one.
_TWICE = """
create index by_phone on rows (phone, name) where phone is not null;
create index by_account on rows (account) where account is not null;
update rows set token = coalesce(person_key, id_number);
update rows set token = (
    select other.token from rows as other
    where other.phone = rows.phone and other.name = rows.name and other.token is not null and other.why is null
    order by other.n limit 1
) where token is null and phone is not null;
update rows set notes = notes || ' shared_phone' where why is null and phone in (
    select phone from rows where why is null and phone is not null group by phone having count(distinct coalesce(token, name)) > 1
);
update rows set why = 'no_identity'
where why is null and token is null and account is null and notes like '%shared_phone%';
update rows set token = case when notes like '%shared_phone%' then account else coalesce(phone, account) end where token is null;
update rows set why = 'another_person' where why is null and account in (
    select account from rows where why is null and account is not null group by account having count(distinct token) > 1
);
create index by_token on rows (token);
create temp table same as
select token, min(n) as first, count(distinct said) as places from (
    select token, n, json_array(leaves, class_id, school_id, county_id, subject_id, school_stage) as said from rows where why is null
) group by token having count(*) > 1;
create unique index temp.same_of on same (token);
update rows set
    why = case when same.places > 1 then 'twice_elsewhere' else 'twice' end,
    twice = case when same.first < rows.n then same.first else
        (select min(other.n) from rows as other where other.token = rows.token and other.n > rows.n and other.why is null) end
from same where rows.token = same.token and rows.why is null and (same.places > 1 or rows.n > same.first);
"""


class Ledger:
    """What rosters say and what is known, to be compared: facts and voids first, then entries, then :meth:`compare`."""

    def __init__(self) -> None:
        self._con = sqlite3.connect("", isolation_level=None)
        self._con.execute("pragma journal_mode=off")
        self._con.executescript(_SCHEMA)
        self._count = 0

    def close(self) -> None:
        """Let go of the file."""
        self._con.close()

    def know(self, facts: Iterable[Fact]) -> None:
        """Events about enrolments, in any order; one that comes again counts once."""
        rows = ((*fact[:8], *fact.place) for fact in facts)
        self._bulk("insert or ignore into facts values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def void(self, event_ids: Iterable[str]) -> None:
        """Events that should not have been recorded."""
        self._bulk("insert or ignore into voids values (?)", ((event_id,) for event_id in event_ids))

    def know_all(self) -> None:
        """All that is known has been said."""
        rows = self._con.execute(_STANDING)
        left = (_left(list(facts)) for _, facts in groupby(rows, key=itemgetter(0)))
        self._bulk("insert into standing values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", filter(None, left))
        self._con.execute("create index standing_of on standing (learner_key)")

    def say(self, file: int, sheet: str, entries: Iterable[tuple[Entry, Person]]) -> None:
        """Entries of a sheet, in the order in which they are read."""
        rows, keys = [], []
        for entry, person in entries:
            place = (entry.class_id, entry.school_id, entry.county_id, entry.subject_id, entry.school_stage)
            rows.append((
                self._count, file, sheet, entry.row, entry.why, " ".join(entry.notes), person.person_key, None, person.id_number,
                person.phone, person.account, person.name, entry.gender, entry.since.isoformat() if entry.since else None, entry.leaves,
                person.is_changed, None, *place,
            ))  # fmt: skip
            self._count += 1
            keys += [(key,) for key in person.keys]
        self._bulk(f"insert into rows values ({', '.join('?' * 22)})", rows)
        self._bulk("insert or ignore into mentioned values (?)", keys)

    def _bulk(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._con.execute("begin")
        self._con.executemany(sql, rows)
        self._con.execute("commit")

    @property
    def has_standing(self) -> bool:
        """Whether the programme has enrolments."""
        return self._con.execute("select 1 from standing limit 1").fetchone() is not None

    def compare(self) -> None:
        """All that the rosters say has been said."""
        self._con.executescript(_TWICE)

    def verdicts(self, dated: date, midnight_us: Callable[[date], int]) -> Iterator[tuple[Where, date, Verdict]]:
        """What each entry comes to and the date that it speaks of, in the order in which they were said.

        Args:
            dated: the date of entries that name none.
            midnight_us: when a local date begins, microseconds since 1970.
        """
        found = self._con.execute(
            "select rows.n, rows.file, rows.sheet, rows.row, rows.why, rows.notes, rows.person_key, rows.since, rows.leaves, rows.is_changed,"
            " rows.class_id, rows.school_id, rows.county_id, rows.subject_id, rows.school_stage, twice.file, twice.sheet, twice.row"
            " from rows left join rows as twice on rows.twice = twice.n order by rows.n"
        )
        for _, file, sheet, row, why, notes, key, since, leaves, is_changed, *place_and_twice in found:
            place, twice = Place(*place_and_twice[:5]), place_and_twice[5:]
            day = date.fromisoformat(since) if since else dated
            if why is not None:
                reason = Why(why)
                change = Change.SET_ASIDE if reason in _OF_THE_ROW else Change.UNCLEAR
                verdict = Verdict(
                    Change.TWICE if reason is Why.TWICE else change, reason,
                    twice=Where(*twice) if twice[0] is not None else None,
                )  # fmt: skip
            else:
                standings = self.standings(key) if key is not None else []
                verdict = decide(
                    place, standings, midnight_us(day), leaves=bool(leaves), is_changed=bool(is_changed)
                )._replace(person_key=key, notes=tuple(Why(note) for note in notes.split()))
            yield Where(file, sheet, row), day, verdict

    def standings(self, learner_key: str) -> list[Standing]:
        """A person's enrolments, as what is known leaves them."""
        sql = f"select enrolment_id, is_open, changed_us, event_id, {_PLACES} from standing where learner_key = ? order by enrolment_id"
        return [_standing(*row) for row in self._con.execute(sql, (learner_key,))]

    def taking_part(self) -> Iterator[tuple[str, Standing]]:
        """Everybody who takes part by what is known: the person's key and the enrolment."""
        sql = f"select learner_key, enrolment_id, is_open, changed_us, event_id, {_PLACES} from standing where is_open order by enrolment_id"
        for key, *rest in self._con.execute(sql):
            yield key, _standing(*rest)

    def counties_known_later(self, at_us: int) -> list[str]:
        """The counties that the rosters cover of which something later than this time is known: who is missing in them may have come since."""
        sql = "select distinct county_id from standing where changed_us > ? and county_id in (select county_id from rows) order by 1"
        return [county for (county,) in self._con.execute(sql, (at_us,))]

    def gone(self, at_us: int, *, by_school: bool) -> Iterator[Gone]:
        """Enrolments of the counties, or of the schools, that the rosters cover which no row mentions, but for :meth:`counties_known_later`."""
        scope = "school_id" if by_school else "county_id"
        sql = (
            f"select learner_key, enrolment_id, is_open, changed_us, event_id, {_PLACES} from standing"
            f" where is_open and {scope} in (select {scope} from rows) and learner_key not in (select learner_key from mentioned)"
            " and county_id not in (select county_id from standing where changed_us > ? and county_id is not null) order by enrolment_id"
        )
        for key, *rest in self._con.execute(sql, (at_us,)):
            yield Gone(key, _standing(*rest))

    def open_counts(self) -> Mapping[str, int]:
        """By county, the enrolments that take part as it is known, in counties that the rosters cover."""
        sql = "select county_id, count(*) from standing where is_open and county_id in (select county_id from rows) group by county_id"
        return Counter(dict(self._con.execute(sql)))

    def is_unread_name(self, name: bytes) -> bool:
        """Whether a row that was not taken has this name, so that it may be about that person."""
        sql = "select 1 from rows where name = ? and why is not null and why <> 'twice' limit 1"
        return self._con.execute(sql, (name,)).fetchone() is not None


def _left(facts: Sequence[tuple[Any, ...]]) -> tuple[Any, ...] | None:
    """How an enrolment's facts, from the first to the last, leave it: a row of ``standing``; None where nothing opened it."""
    opened = [fact for fact in facts if fact[1] == "enrolment.opened"]
    if not opened:
        return None
    taking = next(fact for fact in reversed(facts) if fact[1] != "enrolment.transferred")
    placed = next(fact for fact in reversed(facts) if fact[1] != "enrolment.withdrawn")
    last = facts[-1]
    return (last[0], opened[-1][2], taking[1] == "enrolment.opened", last[3], last[4], *placed[5:])


def _standing(enrolment_id: str, is_open: int, changed_us: int, event_id: str, *place: Any) -> Standing:
    return Standing(enrolment_id, bool(is_open), changed_us, event_id, Place(*place))


def decide(
    said: Place, standings: Iterable[Standing], at_us: int, *, leaves: bool, is_changed: bool
) -> Verdict:  # fmt: skip
    """What an entry about one person comes to.

    What the entry leaves open stays as it is known; a school and a class only within the same county.

    Args:
        standings: the person's enrolments in the programme.
        at_us: the time that the entry speaks of.
        leaves: it says that the person is out.
        is_changed: it says something new of the person.
    """
    every = list(standings)
    taking_part = [standing for standing in every if standing.is_open]
    if len(taking_part) > 1:
        return Verdict(Change.UNCLEAR, Why.SEVERAL_ENROLMENTS)
    before = taking_part[0] if taking_part else max(every, key=lambda s: s.changed_us, default=None)
    kept = Change.CHANGED if is_changed else Change.SAME
    if before is None:
        return Verdict(kept if leaves else Change.NEW, place=_in_a_class(said))
    place = _merged(said, before.place)
    if leaves:
        change = Change.GONE if before.is_open else kept
    elif not before.is_open:
        change = Change.BACK
    else:
        change = kept if place == before.place else Change.MOVED
    if change not in (Change.SAME, Change.CHANGED) and before.changed_us > at_us:
        return Verdict(Change.UNCLEAR, Why.KNOWN_LATER)
    return Verdict(change, standing=before, place=place)


def _merged(said: Place, known: Place) -> Place:
    if None not in (said.county_id, known.county_id) and said.county_id != known.county_id:
        known = known._replace(class_id=None, school_id=None)
    return _in_a_class(Place(*(new if new is not None else old for new, old in zip(said, known, strict=True))))


def no_class(county_id: str | None) -> str:
    """The class of those in a county whom no roster has put in a class yet."""
    return f"class-{county_id}-none"


def _in_a_class(place: Place) -> Place:
    return place if place.class_id is not None else place._replace(class_id=no_class(place.county_id))
