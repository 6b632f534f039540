"""Compares tables of totals with what is known of their platform, and appends what they tell."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from ingest.identity import Vault
from ingest.log.port import NewRecord
from ingest.programmes.pack import Pack
from ingest.programmes.rows import County
from ingest.sources.roster import Ledger, Mapped, SheetRead, Where, Why
from ingest.sources.roster.recognising import Recogniser
from ingest.sources.tables import read_sheets
from ingest.sources.tables.reading import READ_ENDINGS
from ingest.sources.totals import Finding, Reason, Row, TotalsLedger, TotalsMap, Verdict, read_rows
from ingest.sources.totals.events import TotalsEvents
from ingest.sources.totals.reading import date_in_name, read_headers
from pipelines.collect.rosters.importing import places_of
from pipelines.collect.rosters.returned import write_returned
from pipelines.collect.totals.known import Enrolments, Whose, know
from pipelines.collect.totals.words import row_text
from pipelines.console import progress
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration, BadSource

__all__ = ["TotalsOutcome", "TotalsRun", "headers_of", "import_totals"]

_CHUNK = 2_000
_WRITTEN = 5_000
#: Files beside tables: those of an open workbook, and copies that go back to the senders.
_OURS = re.compile(r"^(?:\.|~\$)|-returned(?:-\d+)?\.\w+$")
#: Rows that are written.
_TELLING = (Finding.USED, Finding.CORRECTED)


@dataclass(frozen=True, slots=True)
class TotalsRun:
    """What is asked of an import.

    Attributes:
        files: tables, and folders of them.
        as_of: the date that the tables are of the end of; None: they, or the names of their files and folders, say so.
        returned: the folder of the copies for the senders; None where each table is.
        applies: do it; else only say what would be done.
    """

    files: Sequence[Path]
    programme_id: str
    totals_map: TotalsMap
    as_of: date | None
    returned: Path | None
    applies: bool
    language: str


@dataclass(slots=True)
class TotalsOutcome:
    """What an import did, or would do.

    Attributes:
        files: the tables, in the order in which they were read.
        dates: rows to be used by the date that they are of.
        rows: by finding, the rows as ranges of one sheet.
        lower: the rows that correct totals downward, with what they correct.
        written: events that were appended.
    """

    files: Sequence[Path] = ()
    sheets: list[tuple[Path, SheetRead]] = field(default_factory=list)
    counts: Counter[Finding] = field(default_factory=Counter)
    rows: dict[Finding, list[tuple[Where, int]]] = field(default_factory=lambda: defaultdict(list))
    reasons: Counter[Reason | Why] = field(default_factory=Counter)
    dates: Counter[date] = field(default_factory=Counter)
    lower: list[tuple[Where, Verdict]] = field(default_factory=list)
    returned: list[Path] = field(default_factory=list)
    written: int = 0

    def note(self, where: Where, verdict: Verdict) -> None:
        """Count a row's verdict."""
        self.counts[verdict.finding] += 1
        if verdict.why is not None:
            self.reasons[verdict.why] += 1
        if verdict.finding in _TELLING and verdict.as_of is not None:
            self.dates[verdict.as_of] += 1
        if verdict.lower:
            self.lower.append((where, verdict))
        ranges = self.rows[verdict.finding]
        if ranges and ranges[-1][0][:2] == where[:2] and ranges[-1][1] == where.row - 1:
            ranges[-1] = ranges[-1][0], where.row
        else:
            ranges.append((where, where.row))


def import_totals(workspace: Workspace, run: TotalsRun) -> TotalsOutcome:
    """Compare tables of totals with what is known of their platform, and append what they tell where that is asked.

    Raises:
        BadSource: a file cannot be read, or none has the columns of the map.
        BadConfiguration: there is no such programme, or nobody says of which date a table is.
        LogUnavailable, IdentityError: the log or the vault cannot be used.
    """
    pack = workspace.definitions.in_force(run.programme_id)
    with (
        closing(workspace.vault(create=True)) as vault,
        closing(Ledger()) as ledger,
        closing(TotalsLedger()) as totals,
    ):
        return _Import(workspace, run, pack, vault, ledger, totals).done()


def headers_of(files: Sequence[Path], is_known: Callable[[str], bool]) -> list[str]:
    """The names of the columns of all tables, each once."""
    found: dict[str, None] = {}
    for file, _ in _tables(files):
        for sheet in read_sheets(file):
            found |= dict.fromkeys(filter(None, read_headers(sheet, is_known)))
    return list(found)


class _Import:
    """One import: knows, reads the tables, compares and writes."""

    def __init__(
        self, workspace: Workspace, run: TotalsRun, pack: Pack, vault: Vault, ledger: Ledger, totals: TotalsLedger
    ) -> None:  # fmt: skip
        self._workspace, self._run, self._totals = workspace, run, totals
        self._recogniser = Recogniser(vault, run.totals_map.home_page)
        self._zone = ZoneInfo(pack.timezone)
        self._today = datetime.now(self._zone).date()
        if run.as_of is not None and run.as_of > self._today:
            raise BadConfiguration(f"--as-of {run.as_of} is yet to come")
        self._tables = _tables(run.files)
        self._outcome = TotalsOutcome([file for file, _ in self._tables])
        schools = places_of(pack, Mapped()).schools
        self._enrolments = Enrolments(ledger, vault, (row.county_id for row in pack.rows(County)), schools)
        know(workspace, run.programme_id, run.totals_map.platform, ledger, totals, self._enrolments, schools)

    def done(self) -> TotalsOutcome:
        with progress() as bar:
            task = bar.add_task("Read the tables", total=None)
            self._read(lambda rows: bar.advance(task, rows))
        self._totals.compare()
        self._judge()
        if self._run.applies:
            self._apply()
        return self._outcome

    def _read(self, advance: Callable[[int], None]) -> None:
        for number, (file, dated) in enumerate(self._tables):
            for sheet in read_sheets(file):
                read = SheetRead(sheet.name)
                rows = read_rows(sheet, self._run.totals_map, read, self._run.as_of or dated)
                while chunk := list(islice(rows, _CHUNK)):
                    self._totals.say(number, sheet.name, self._recognised(file, chunk))
                    advance(len(chunk))
                self._outcome.sheets.append((file, read))
        if all(read.header is None for _, read in self._outcome.sheets):
            names = ", ".join(file.name for file in self._outcome.files)
            raise BadSource(
                f"no sheet of {names} has a column that tells who and one of the totals of the map; see --guess"
            )

    def _recognised(self, file: Path, rows: Sequence[Row]) -> Iterator[tuple[Row, str, str]]:
        people = self._recogniser.recognise([row.entry for row in rows])
        for row, person in zip(rows, people, strict=True):
            if row.as_of is None and row.why is None:
                raise BadConfiguration(f"{file.name}: nothing says of which date its totals are: --as-of 2017-11-01")
            if row.as_of is not None and row.as_of > self._today:
                row.refuse(Reason.FUTURE_DATE)
            row.refuse(row.entry.why)
            key = person.person_key or ""
            if row.why is None and not key:
                is_told = person.id_number is not None or person.phone is not None or person.account is not None
                if is_told:
                    row.refuse(Reason.NOT_FOUND)
                elif person.name is not None and row.school:
                    key, why = self._enrolments.named(self._recogniser, person.name, row.school)
                    row.refuse(why)
                else:
                    row.refuse(Reason.NO_PERSON)
            whose = Whose("", "")
            if row.why is None:
                found = self._enrolments.of(key, row.course_id)
                if isinstance(found, Reason):
                    row.refuse(found)
                else:
                    whose = found
            yield row, whose.learner_key, whose.enrolment_id

    def _judge(self) -> None:
        """Count the verdicts, write the copies for the senders."""
        reasons: dict[int, dict[str, dict[int, str]]] = defaultdict(lambda: defaultdict(dict))
        names = [file.name for file in self._outcome.files]
        for where, verdict in self._totals.verdicts():
            self._outcome.note(where, verdict)
            if why := row_text(verdict, names, where.file, self._run.language):
                reasons[where.file][where.sheet][where.row] = why
        for number, by_sheet in sorted(reasons.items()):
            file = self._outcome.files[number]
            sheets = [read for of, read in self._outcome.sheets if of == file]
            self._outcome.returned.append(
                write_returned(file, by_sheet, sheets, self._run.returned, self._outcome.returned, self._run.language)
            )

    def _apply(self) -> None:
        events = TotalsEvents(self._run.programme_id, self._run.totals_map.platform, self._zone)
        digests = [_digest(file) for file in self._outcome.files]
        sheets = {
            (number, read.name): place
            for number, file in enumerate(self._outcome.files)
            for place, read in enumerate((read for of, read in self._outcome.sheets if of == file), 1)
        }
        records: list[NewRecord] = []
        with progress() as bar:
            task = bar.add_task("Append", total=sum(self._outcome.counts[finding] for finding in _TELLING))
            for where, verdict in self._totals.verdicts():
                if verdict.finding in _TELLING:
                    records.append(
                        events.reported(verdict, where, sheets[where.file, where.sheet], digests[where.file])
                    )
                if len(records) == _WRITTEN:
                    bar.advance(task, self._append(records))
            bar.advance(task, self._append(records))

    def _append(self, records: list[NewRecord]) -> int:
        count = len(records)
        if records:
            self._workspace.log.append(records)
            self._outcome.written += count
            records.clear()
        return count


def _tables(files: Sequence[Path]) -> list[tuple[Path, date | None]]:
    """The tables of files and folders, each once, with the date that its name, or else a folder's within the given one, says; oldest first."""
    found: dict[Path, date | None] = {}
    for given in files:
        inside = sorted(one for one in given.rglob("*") if one.is_file()) if given.is_dir() else [given]
        tables = [
            one for one in inside if one == given or (one.suffix.lower() in READ_ENDINGS and not _OURS.search(one.name))
        ]
        if not tables:
            raise BadSource(f"there is no table in {given}")
        for file in tables:
            within = file.parent.parts[len(given.parts) - 1 :] if given.is_dir() else ()
            names = [file.stem, *reversed(within)]
            found.setdefault(file, next((day for name in names if (day := date_in_name(name)) is not None), None))
    return sorted(found.items(), key=lambda one: (one[1] or date.max, str(one[0])))


def _digest(file: Path) -> str:
    """The first half of the SHA-256 of a file, by which its keeper finds it again; its name may be somebody's."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()[:32]
