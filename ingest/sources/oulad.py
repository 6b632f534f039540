"""The Open University Learning Analytics Dataset, as released (CSV, plain or gzipped).

Day offsets become dates from the presentation's start: ``B`` presentations start in
February, ``J`` ones in October (Kuzilek, Hlosta, Zdrahal, Scientific Data 4:170171); the
release does not give the day, so the first of the month stands. Only days are known, so
everything happens at noon. Rows that repeat another exactly are real clicks: each has an id
made of its place in the file, and all count.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from ingest.events import Envelope, encode_raw, format_time, latest_version
from ingest.events import assessment as a
from ingest.events import enrolment as e
from ingest.events.learning import ContentAccessed
from ingest.log.port import NewRecord
from ingest.sources.ids import stable_id
from ingest.sources.packed import unpacking
from ingest.sources.report import ImportReport
from warehouse.errors import BadSource

__all__ = ["PROGRAMME", "RELEASED_VLE_ROWS", "SOURCE", "read_oulad"]

PROGRAMME = "open-university"
SOURCE = "oulad"
#: Rows of the whole release's studentVle, without its header.
RELEASED_VLE_ROWS = 10_655_280
_MONTH = {"B": 2, "J": 10}
_COLUMNS = {
    "courses": ("code_module", "code_presentation", "module_presentation_length"),
    "assessments": ("code_module", "code_presentation", "id_assessment", "assessment_type", "date", "weight"),
    "vle": ("id_site", "code_module", "code_presentation", "activity_type"),
    "studentInfo": ("code_module", "code_presentation", "id_student", "gender", "region", "final_result"),
    "studentRegistration": (
        "code_module",
        "code_presentation",
        "id_student",
        "date_registration",
        "date_unregistration",
    ),
    "studentAssessment": ("id_assessment", "id_student", "date_submitted", "is_banked", "score"),
    "studentVle": ("code_module", "code_presentation", "id_student", "id_site", "date", "sum_click"),
}


class _Rows:
    """One table of the release: rows as tuples of the wanted columns, counted as they are read."""

    def __init__(self, folder: Path, table: str, report: ImportReport) -> None:
        self._table, self._report = table, report
        names = [folder / f"{table}.csv", folder / f"{table}.csv.gz"]
        found = [p for p in names if p.is_file()]
        if not found:
            raise BadSource(f"{folder} has no {table}.csv or {table}.csv.gz; is it the OULAD release's folder?")
        self._path = found[0]

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        columns = _COLUMNS[self._table]
        opened = gzip.open(self._path, "rb") if self._path.suffix == ".gz" else self._path.open("rb")  # noqa: SIM115
        with unpacking(self._path.name), io.TextIOWrapper(opened, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            missing = [c for c in columns if c not in header]
            if missing:
                raise BadSource(f"{self._path.name} has no column {', '.join(missing)}")
            places = [header.index(c) for c in columns]
            number = 0
            try:
                for number, row in enumerate(reader, 1):
                    self._report.rows[self._table] += 1
                    if len(row) != len(header):
                        self._report.set_aside[self._table, "line cut short"] += 1
                        continue
                    self._report.used[self._table] += 1
                    yield number, [row[i] for i in places]
            except EOFError:
                self._report.warnings.append(f"{self._path.name} is cut off after {number:,} rows; those were imported")

    def refuse(self, why: str) -> None:
        """The row just given cannot be used after all."""
        self._report.used[self._table] -= 1
        self._report.set_aside[self._table, why] += 1


def read_oulad(
    folder: Path,
    resolve: Callable[[Iterable[str]], dict[str, str]],
    report: ImportReport,
) -> Iterator[NewRecord]:
    """Every event of the release in ``folder``.

    Args:
        resolve: accounts (student ids) → learner keys; the ids themselves go no further.
        report: filled as rows are read.

    Raises:
        BadSource: a table or column is missing.
    """
    for table in _COLUMNS:
        _Rows(folder, table, report)  # every file is there, before the first event is given out
    lengths = {(m, p): int(n) for _, (m, p, n) in _Rows(folder, "courses", report) if n.isdigit()}
    starts = {presentation: _start(presentation) for _, presentation in lengths}
    info = list(_Rows(folder, "studentInfo", report))
    keys = resolve(dict.fromkeys(row[2] for _, row in info))
    emit = _Emitter(keys, resolve, report)
    yield from _enrolments(folder, report, emit, info, starts)
    yield from _results(report, emit, info, starts, lengths)
    yield from _assessments(folder, report, emit, starts)
    yield from _clicks(folder, report, emit, starts)


def _start(presentation: str) -> datetime:
    try:
        return datetime(int(presentation[:4]), _MONTH[presentation[4:]], 1, 12, tzinfo=UTC)
    except (KeyError, ValueError) as error:
        raise BadSource(f"{presentation!r} is no presentation such as 2013J or 2014B") from error


class _Emitter:
    def __init__(
        self, keys: dict[str, str], resolve: Callable[[Iterable[str]], dict[str, str]], report: ImportReport
    ) -> None:
        self._keys, self._resolve, self._report = keys, resolve, report

    def key(self, student: str) -> str:
        found = self._keys.get(student)
        if found is None:
            self._keys |= self._resolve([student])
            found = self._keys[student]
        return found

    def enrolment(self, module: str, presentation: str, student: str) -> str:
        return f"{module}-{presentation}-{self.key(student)}"

    def event(self, event_type: str, event_id: str, at: str, student: str, payload: msgspec.Struct) -> NewRecord:
        self._report.events[event_type] += 1
        key = self.key(student)
        value = encode_raw(
            Envelope(
                event_id=event_id,
                event_type=event_type,
                event_version=latest_version(event_type),
                occurred_at=at,
                programme_id=PROGRAMME,
                learner_key=key,
                source=SOURCE,
                payload=payload,
            )
        )
        return NewRecord(key.encode(), value)


def _day(start: datetime, offset: str) -> str:
    # "12" and, in some copies, "12.0"
    return format_time(start + timedelta(days=int(float(offset))))


def _enrolments(
    folder: Path,
    report: ImportReport,
    emit: _Emitter,
    info: list[tuple[int, list[str]]],
    starts: dict[str, datetime],
) -> Iterator[NewRecord]:
    registered: dict[tuple[str, str, str], tuple[str, str]] = {}
    undated = 0
    for _, (module, presentation, student, opened, left) in _Rows(folder, "studentRegistration", report):
        registered[module, presentation, student] = (opened, left)
    for _, (module, presentation, student, gender, region, _result) in info:
        opened, left = registered.pop((module, presentation, student), ("", ""))
        start = starts[presentation]
        undated += opened == ""
        opened_at = _day(start, opened) if opened else format_time(start)
        left_at = _day(start, left) if left else None
        # Nobody leaves before they come: whoever did was enrolled by the day they left.
        if left_at is not None and left_at < opened_at:
            opened_at = left_at
        enrolment = emit.enrolment(module, presentation, student)
        yield emit.event(
            "enrolment.opened",
            stable_id(SOURCE, "opened", module, presentation, student),
            opened_at,
            student,
            e.EnrolmentOpened(
                enrolment_id=enrolment, class_id=f"{module}-{presentation}", county_id=region or None, subject_id=module,
                is_called_up=True, gender=gender or None,
            ),
        )  # fmt: skip
        if left_at is not None:
            yield emit.event(
                "enrolment.withdrawn",
                stable_id(SOURCE, "withdrawn", module, presentation, student),
                left_at,
                student,
                e.EnrolmentWithdrawn(enrolment_id=enrolment),
            )
    if undated:
        report.warnings.append(
            f"{undated} registrations have no date; they are dated to their presentation's start or, if earlier, to the day of leaving"
        )
    if registered:
        report.used["studentRegistration"] -= len(registered)
        report.set_aside["studentRegistration", "no such student in studentInfo"] += len(registered)


def _results(
    report: ImportReport,
    emit: _Emitter,
    info: list[tuple[int, list[str]]],
    starts: dict[str, datetime],
    lengths: dict[tuple[str, str], int],
) -> Iterator[NewRecord]:
    for _, (module, presentation, student, _gender, _region, result) in info:
        if not result:
            continue
        end = starts[presentation] + timedelta(days=lengths[module, presentation])
        yield emit.event(
            "result.recorded",
            stable_id(SOURCE, "result", module, presentation, student),
            format_time(end),
            student,
            a.ResultRecorded(enrolment_id=emit.enrolment(module, presentation, student), result=result),
        )


def _assessments(
    folder: Path, report: ImportReport, emit: _Emitter, starts: dict[str, datetime]
) -> Iterator[NewRecord]:
    known = {row[2]: row for _, row in _Rows(folder, "assessments", report)}
    rows = _Rows(folder, "studentAssessment", report)
    unscored = 0
    for number, (assessment, student, day, _banked, score) in rows:
        found = known.get(assessment)
        if found is None:
            rows.refuse("no such assessment in assessments.csv")
            continue
        module, presentation, _id, _kind, _due, weight = found
        enrolment = emit.enrolment(module, presentation, student)
        at, name = _day(starts[presentation], day), f"assessment-{assessment}"
        yield emit.event(
            "assignment.submitted",
            stable_id(SOURCE, "submitted", str(number), assessment, student),
            at,
            student,
            a.AssignmentSubmitted(enrolment_id=enrolment, assignment_id=name),
        )
        if score in ("", "?"):
            unscored += 1
            continue
        yield emit.event(
            "assignment.graded",
            stable_id(SOURCE, "graded", str(number), assessment, student),
            at,
            student,
            a.AssignmentGraded(
                enrolment_id=enrolment, assignment_id=name, grade=float(score), is_final=True,
                weight_pct=float(weight) if weight else None,
            ),
        )  # fmt: skip
    if unscored:
        report.warnings.append(f"{unscored} submissions have no score; they count as submitted and not graded")


def _clicks(folder: Path, report: ImportReport, emit: _Emitter, starts: dict[str, datetime]) -> Iterator[NewRecord]:
    kinds = {row[0]: row[3] for _, row in _Rows(folder, "vle", report)}
    rows = _Rows(folder, "studentVle", report)
    days: dict[tuple[str, str], str] = {}
    count = 0
    for number, (module, presentation, student, site, offset, clicks) in rows:
        count = number
        at = days.get((presentation, offset))
        if at is None:
            try:
                at = days[presentation, offset] = _day(starts[presentation], offset)
            except (KeyError, ValueError):
                rows.refuse("no such presentation or day")
                continue
        if not clicks.isdigit():
            rows.refuse("no whole number of clicks")
            continue
        yield emit.event(
            "content.accessed",
            stable_id(SOURCE, "vle", str(number), module, presentation, student, site, offset, clicks),
            at,
            student,
            ContentAccessed(
                enrolment_id=emit.enrolment(module, presentation, student), content_id=f"site-{site}",
                content_kind=kinds.get(site), click_count=int(clicks),
            ),
        )  # fmt: skip
    if count < RELEASED_VLE_ROWS:
        short = RELEASED_VLE_ROWS - count
        report.warnings.append(
            f"studentVle has {count:,} rows of the release's {RELEASED_VLE_ROWS:,}: {short:,} are missing "
            f"({short / RELEASED_VLE_ROWS:.1%}). Clicks, login and study rates of what is missing are too low."
        )
