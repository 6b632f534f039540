"""Compares rosters with what is known, and does what they say."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from ingest.identity import Vault
from ingest.log.port import NewRecord
from ingest.programmes.pack import Pack
from ingest.programmes.rows import County, SchoolStage, Subject
from ingest.sources.roster import (
    Change,
    Entry,
    Fact,
    Gone,
    Ledger,
    Mapped,
    Place,
    Places,
    SheetRead,
    Verdict,
    Where,
    Why,
    read_entries,
)
from ingest.sources.roster.events import RosterEvents
from ingest.sources.roster.ledger import no_class
from ingest.sources.roster.oneroster import read_oneroster
from ingest.sources.roster.places import Group, Groups, Labels, plain_county, plain_stage, plain_subject
from ingest.sources.roster.recognising import Recogniser
from ingest.sources.tables import Sheet, read_sheets
from pipelines.collect.door import check
from pipelines.collect.rosters.known import GroupName, Void, known_of
from pipelines.collect.rosters.returned import write_returned
from pipelines.collect.rosters.words import why_text
from pipelines.console import progress
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration, BadSource, IdentityError

__all__ = ["Outcome", "RosterRun", "import_rosters", "places_of"]

_CHUNK = 2_000
_WRITTEN = 5_000
#: More than this share of a county gone at once looks like a roster of a part of it.
_MOST_GONE = 0.5
#: What may name or number somebody, where a column is not what it says, is not written down.
_TELLING = re.compile(r"\d{6}|@|.{40}")
#: What is done about these rows, with what the vault keeps of their people.
_KEPT = (Change.NEW, Change.BACK, Change.MOVED, Change.CHANGED)


@dataclass(frozen=True, slots=True)
class RosterRun:
    """What is asked of an import.

    Attributes:
        as_of: the date that the rosters speak of; None: they name it themselves.
        by_school: they cover only the schools that they name; None: their counties, unless too many would be gone.
        returned: the folder of the copies for the senders; None: where each roster is.
        applies: do it; else only say what would be done.
    """

    files: Sequence[Path]
    programme_id: str
    mapped: Mapped
    as_of: date | None
    by_school: bool | None
    returned: Path | None
    applies: bool
    language: str


@dataclass(slots=True)
class Outcome:
    """What an import did, or would do.

    Attributes:
        dated: the date of those rows that name none, and of who is gone.
        is_first_day: it is the programme's first day, as neither the rosters nor the command names one.
        rows: by change, the rows as ranges of one sheet.
        reasons: rows by why they, or a cell of them, were not taken.
        gone: who is missing in the counties that the rosters cover.
        unsure: who is missing, too, but may be in a row that was not taken; nobody of them is withdrawn.
        unreadable: who is missing and cannot be recognised by a roster, as none has told of them.
        warning: why it will not be done like this.
        known_later: counties of which something later is known: nobody is withdrawn in them.
        mapped: the mapping as it turned out, with what matches nothing.
        events: what was written, by type.
    """

    sheets: list[tuple[Path, SheetRead]] = field(default_factory=list)
    dated: date | None = None
    is_first_day: bool = False
    counts: Counter[Change] = field(default_factory=Counter)
    rows: dict[Change, list[tuple[Where, int]]] = field(default_factory=lambda: defaultdict(list))
    reasons: Counter[Why] = field(default_factory=Counter)
    gone: list[Gone] = field(default_factory=list)
    unsure: list[Gone] = field(default_factory=list)
    unreadable: int = 0
    warning: str | None = None
    known_later: list[str] = field(default_factory=list)
    unmatched: Mapping[str, Counter[str]] = field(default_factory=dict)
    mapped: Mapped = field(default_factory=Mapped)
    new_groups: Counter[str] = field(default_factory=Counter)
    returned: list[Path] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)

    def note(self, where: Where, verdict: Verdict) -> None:
        """Count a row's verdict."""
        self.counts[verdict.change] += 1
        self.reasons.update([verdict.why] if verdict.why is not None else verdict.notes)
        ranges = self.rows[verdict.change]
        if ranges and ranges[-1][0][:2] == where[:2] and ranges[-1][1] == where.row - 1:
            ranges[-1] = ranges[-1][0], where.row
        else:
            ranges.append((where, where.row))


def import_rosters(workspace: Workspace, run: RosterRun) -> Outcome:
    """Compare rosters with what is known of their programme, and do what they say where that is asked.

    Raises:
        BadSource: a file cannot be read, or none has columns of a roster.
        BadConfiguration: nobody says when the changes are, or too many would be gone at once.
        LogUnavailable, IdentityError: the log or the vault cannot be used.
    """
    check(run.files, "roster")
    pack = workspace.definitions.in_force(run.programme_id)
    with closing(workspace.vault(create=True)) as vault, closing(Ledger()) as ledger:
        return _Import(workspace, run, pack, vault, ledger).done()


class _Import:
    """One import: reads the files, compares, and reads them again to do what is to be done."""

    def __init__(self, workspace: Workspace, run: RosterRun, pack: Pack, vault: Vault, ledger: Ledger) -> None:
        self._workspace, self._run, self._ledger = workspace, run, ledger
        self._recogniser = Recogniser(vault, run.mapped.home_page)
        self._zone = ZoneInfo(pack.timezone)
        self._starts_on = pack.starts_on
        self._places = places_of(pack, run.mapped)
        self._outcome = Outcome()
        self._is_undated = False
        self._today = datetime.now(self._zone).date()
        if run.as_of is not None and run.as_of > self._today:
            raise BadConfiguration(f"--as-of {run.as_of} is yet to come")

    def done(self) -> Outcome:
        self._know()
        with progress() as bar:
            task = bar.add_task("Read the rosters", total=None)
            self._read(lambda rows: bar.advance(task, rows))
        self._outcome.unmatched = {table: Counter(texts) for table, texts in self._places.unmatched.items()}
        self._outcome.mapped = _mapped_more(self._run.mapped, self._outcome)
        self._ledger.compare()
        groups = self._judge()
        self._find_gone()
        self._outcome.warning = self._undated() or self._many_gone()
        if self._run.applies:
            if self._outcome.warning:
                raise BadConfiguration(self._outcome.warning)
            self._apply(groups)
        return self._outcome

    # What is known.

    def _know(self) -> None:
        log = self._workspace.log
        facts: list[Fact] = []
        for known in known_of(log, self._workspace.lake, self._run.programme_id):
            if isinstance(known, Void):
                self._ledger.void([known.event_id])
            elif isinstance(known, GroupName):
                if known.kind in ("school", "class"):
                    groups = self._places.schools if known.kind == "school" else self._places.classes
                    groups.add(known.group_id, known.county_id, *known.labels)
            else:
                facts.append(known)
                if len(facts) >= _WRITTEN:
                    self._ledger.know(facts)
                    facts.clear()
        self._ledger.know(facts)
        self._ledger.know_all()

    # What the rosters say.

    def _sheets(self) -> Iterator[tuple[int, Sheet]]:
        for number, file in enumerate(self._run.files):
            for sheet in [read_oneroster(file)] if file.is_dir() else read_sheets(file):
                yield number, sheet

    def _entries(self, sheet: Sheet, read: SheetRead) -> Iterator[list[Entry]]:
        entries = read_entries(sheet, self._run.mapped, self._places, read, self._run.as_of)
        while chunk := list(islice(entries, _CHUNK)):
            for entry in chunk:
                if entry.since is not None and entry.since > self._today:
                    entry.refuse(Why.FUTURE_DATE)
            yield chunk

    def _read(self, advance: Callable[[int], None]) -> None:
        for number, sheet in self._sheets():
            read = SheetRead(sheet.name)
            for chunk in self._entries(sheet, read):
                people = self._recogniser.recognise(chunk)
                self._ledger.say(number, sheet.name, zip(chunk, people, strict=True))
                advance(len(chunk))
            self._outcome.sheets.append((self._run.files[number], read))
        if all(read.header is None for _, read in self._outcome.sheets):
            names = ", ".join(file.name for file in self._run.files)
            raise BadSource(
                f"no sheet of {names} has the columns of a roster (a name, an id number, a phone or an account);"
                " say what its columns are in a mapping file (--map)"
            )

    # What that comes to.

    def _date(self) -> date:
        dated = [read.dated for _, read in self._outcome.sheets if read.dated is not None and read.dated <= self._today]
        if self._run.as_of is not None or dated:
            return self._run.as_of or max(dated)
        if self._ledger.has_standing:
            self._is_undated = True
            return self._today
        self._outcome.is_first_day = True
        return min(self._starts_on, self._today)

    def _midnight_us(self, day: date) -> int:
        return int(datetime.combine(day, time(), self._zone).astimezone(UTC).timestamp()) * 1_000_000

    def _verdicts(self) -> Iterator[tuple[Where, date, Verdict]]:
        assert self._outcome.dated is not None
        return self._ledger.verdicts(self._outcome.dated, self._midnight_us)

    def _judge(self) -> dict[tuple[str, str], tuple[Group, date]]:
        """Count the verdicts, write the copies for the senders; returns the groups that are named first, and from when on."""
        self._outcome.dated = self._date()
        groups: dict[tuple[str, str], tuple[Group, date]] = {}
        reasons: dict[int, dict[str, dict[int, str]]] = defaultdict(lambda: defaultdict(dict))
        names = [file.name for file in self._run.files]
        for where, day, verdict in self._verdicts():
            self._outcome.note(where, verdict)
            if why := why_text(verdict, names, where.file, self._run.language):
                reasons[where.file][where.sheet][where.row] = why
            if verdict.change in (Change.NEW, Change.BACK, Change.MOVED) and verdict.place is not None:
                for kind, group in self._named(verdict.place):
                    known = groups.get((kind, group.group_id))
                    if known is None or known[1] > day:
                        groups[kind, group.group_id] = group, day
        self._outcome.new_groups.update(kind for kind, _ in groups)
        for number, by_sheet in sorted(reasons.items()):
            file = self._run.files[number]
            sheets = [read for of, read in self._outcome.sheets if of == file]
            self._outcome.returned.append(
                write_returned(file, by_sheet, sheets, self._run.returned, self._outcome.returned, self._run.language)
            )
        return groups

    def _named(self, place: Place) -> Iterator[tuple[str, Group]]:
        """The groups of a place that have no name yet."""
        if place.school_id in self._places.schools.new:
            yield "school", self._places.schools.new[place.school_id]
        if place.class_id in self._places.classes.new:
            yield "class", self._places.classes.new[place.class_id]
        elif place.class_id == no_class(place.county_id) and not self._places.classes.has(place.class_id):
            yield "class", Group(place.class_id, str(place.county_id), "未分班")

    def _find_gone(self) -> None:
        assert self._outcome.dated is not None
        at_us = self._midnight_us(self._outcome.dated)
        self._outcome.known_later = self._ledger.counties_known_later(at_us)
        for gone in self._ledger.gone(at_us, by_school=bool(self._run.by_school)):
            try:
                is_known = self._recogniser.can_be_recognised(gone.learner_key)
                name = self._recogniser.name_of(gone.learner_key)
            except IdentityError:  # forgotten, or never in the vault
                is_known, name = False, None
            if not is_known:
                self._outcome.unreadable += 1
            elif name is not None and self._ledger.is_unread_name(name):
                self._outcome.unsure.append(gone)
            else:
                self._outcome.gone.append(gone)
        self._outcome.counts[Change.GONE] += len(self._outcome.gone)

    def _undated(self) -> str | None:
        """What is wrong where something changes and nobody says when; that nothing changes needs no date."""
        changes = (Change.NEW, Change.BACK, Change.MOVED, Change.GONE)
        if not self._is_undated or not any(self._outcome.counts[change] for change in changes):
            return None
        return "the rosters name no date; say from when on they hold: --as-of 2017-11-01"

    def _many_gone(self) -> str | None:
        """What is wrong where so many would be gone that the rosters seem to have a part of a county only."""
        if self._run.by_school is not None:
            return None
        going = Counter(gone.standing.place.county_id for gone in self._outcome.gone)
        for county, count in self._ledger.open_counts().items():
            if going[county] > max(10, _MOST_GONE * count):
                return (
                    f"{going[county]:,} of {count:,} in {county} would be withdrawn. If the rosters have only some of its schools,"
                    " say --scope school; if they have all of the county, --scope county"
                )
        return None

    # Doing it.

    def _apply(self, groups: Mapping[tuple[str, str], tuple[Group, date]]) -> None:
        events = RosterEvents(self._run.programme_id)
        self._append(
            [events.named(kind, group, self._midnight_us(day)) for (kind, _), (group, day) in sorted(groups.items())]
        )
        self._outcome.events["group.named"] += len(groups)
        if any(self._outcome.counts[change] for change in (*_KEPT, Change.GONE)):
            self._enrol_all(events)
        assert self._outcome.dated is not None
        at_us = self._midnight_us(self._outcome.dated)
        self._append([events.withdrawn(gone.learner_key, at_us, gone.standing) for gone in self._outcome.gone])
        self._outcome.events["enrolment.withdrawn"] += len(self._outcome.gone)
        self._outcome.events = +self._outcome.events

    def _enrol_all(self, events: RosterEvents) -> None:
        """Read the rosters again and do what each row comes to."""
        total = sum(self._outcome.counts[change] for change in Change if change is not Change.GONE)
        with progress() as bar:
            task = bar.add_task("Enrol", total=total)
            verdicts = self._verdicts()
            for number, sheet in self._sheets():
                for chunk in self._entries(sheet, SheetRead(sheet.name)):
                    self._enrol(number, sheet.name, chunk, list(islice(verdicts, len(chunk))), events)
                    bar.advance(task, len(chunk))

    def _enrol(
        self, number: int, sheet: str, chunk: Sequence[Entry], verdicts: Sequence[tuple[Where, date, Verdict]], events: RosterEvents
    ) -> None:  # fmt: skip
        kept: list[tuple[Entry, date, Verdict]] = []
        records: list[NewRecord] = []
        for entry, (where, day, verdict) in zip(chunk, verdicts, strict=True):
            if where != (number, sheet, entry.row):
                raise BadSource("a roster was changed while it was read; nothing more of it is done: run it again")
            entry.notes = list(verdict.notes)
            if verdict.change in _KEPT:
                kept.append((entry, day, verdict))
            elif verdict.change is Change.GONE and verdict.standing is not None and verdict.person_key is not None:
                records.append(events.withdrawn(verdict.person_key, self._midnight_us(day), verdict.standing))
                self._outcome.events["enrolment.withdrawn"] += 1
        # First the vault: whoever is in the log without it could not be recognised by the next roster.
        keys = self._recogniser.keep([(entry, verdict.person_key) for entry, _, verdict in kept])
        for key, (entry, day, verdict) in zip(keys, kept, strict=True):
            at_us = self._midnight_us(day)
            if verdict.place is None:
                continue
            if verdict.change in (Change.NEW, Change.BACK):
                records.append(events.opened(key, verdict.place, at_us, verdict.standing, entry.gender))
                self._outcome.events["enrolment.opened"] += 1
            elif verdict.change is Change.MOVED and verdict.standing is not None:
                records.append(events.transferred(key, verdict.place, at_us, verdict.standing))
                self._outcome.events["enrolment.transferred"] += 1
        self._append(records)

    def _append(self, records: Sequence[NewRecord]) -> None:
        for start in range(0, len(records), _WRITTEN):
            self._workspace.log.append(records[start : start + _WRITTEN])


def places_of(pack: Pack, mapped: Mapped) -> Places:
    """The counties, subjects, stages, schools and classes of a pack by what rosters call them."""
    counties = [(row.county_id, (row.label_zh, row.label_en)) for row in pack.rows(County)]
    subjects = [(row.subject_id, (row.label_zh, row.label_en)) for row in pack.rows(Subject)]
    stages = [(row.school_stage, (row.label_zh, row.label_en)) for row in pack.rows(SchoolStage)]
    called = dict(counties)
    places = Places(
        Labels(counties, plain_county, mapped.counties),
        Labels(subjects, plain_subject, mapped.subjects),
        Labels(stages, plain_stage, mapped.school_stages),
        Groups("school", called, mapped.schools),
        Groups("class", called, mapped.classes),
    )
    for table, column, groups in (("schools", "school_id", places.schools), ("classes", "class_id", places.classes)):
        for row in pack.table(table) if f"{table}.csv" in pack.files else ():
            groups.add(row[column], row.get("county_id") or None, row.get("label_zh", ""), row.get("label_en", ""))
    return places


def _mapped_more(mapped: Mapped, outcome: Outcome) -> Mapped:
    """The mapping with the columns as they were understood, and with what matches nothing."""
    columns: dict[str, str] = {}
    for _, read in outcome.sheets:
        if read.header is not None:
            meant = {place: name for name, place in read.columns.items()}
            columns |= {
                name: meant.get(n, "") for n, name in enumerate(read.header.names) if name and name not in columns
            }
    unknown = {
        table: {text: "" for text in sorted(texts) if not _TELLING.search(text)}
        for table, texts in outcome.unmatched.items()
    }
    return Mapped(
        mapped.with_more("columns", columns), mapped.with_more("counties", unknown.get("counties", {})),
        mapped.with_more("subjects", unknown.get("subjects", {})),
        mapped.with_more("school_stages", unknown.get("school_stages", {})), mapped.schools, mapped.classes, mapped.home_page,
    )  # fmt: skip
