"""What must hold in a programme pack. Every problem is found, not only the first, and says where it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

__all__ = [
    "ACTIVITIES",
    "INDICATORS",
    "MEASURES",
    "SCORING",
    "WARNING_KINDS",
    "Problem",
    "Row",
    "check_settings",
    "check_tables",
]

#: What the warehouse counts; a rule or an indicator names some, joined by ``|``.
ACTIVITIES = frozenset(
    {
        "assignment_featured", "assignment_passed", "assignment_submitted", "award", "content", "course_selected", "diagnostic", "effective_post",
        "journal", "journal_featured", "outcome_points", "outcome_submitted", "peer_review", "post", "practice_awarded", "practice_points",
        "resource", "result_passed", "session", "text", "video", "weighted_grade",
    }
)  # fmt: skip
#: The indicators that the warehouse computes.
INDICATORS = frozenset(
    {
        "participation", "registration", "login", "study", "course_study", "diagnostic", "selection", "workshop",
        "assignment_submission", "assignment_pass", "resource_submission", "school_based", "pass", "pass_of_studied", "excellent",
    }
)  # fmt: skip
#: Where the latest decision counts; how many decisions there were means nothing.
_DECIDED = frozenset(
    {
        "assignment_passed", "course_selected", "effective_post", "outcome_points", "practice_points", "result_passed",
        "weighted_grade",
    }
)  # fmt: skip
SCORING = frozenset(
    {"linear", "all_or_nothing", "awarded", "awarded_if_approved", "external_result", "weighted_assessments"}
)
#: Indicators that follow from placement and score, not from an activity.
_DERIVED = frozenset({"participation", "pass", "pass_of_studied"})
_NEEDED = frozenset({"login", "study", "pass"})
_GROUPS = frozenset({"called_up", "participating"})
_MEASURES = frozenset({"quantity", "event_count"})
_OPERATORS = frozenset({">", ">="})
_POSITIVE = "greater than 0"
#: The columns that name a row, of each table.
_IDS: Mapping[str, tuple[str, ...]] = {
    "counties": ("county_id",),
    "subjects": ("subject_id",),
    "school_stages": ("school_stage",),
    "phases": ("phase",),
    "courses": ("course_id",),
    "assessment_rules": ("component",),
    "indicators": ("indicator",),
    "excellence": ("award",),
    "bulletins": ("number",),
    "targets": ("indicator",),
    "warnings": ("warning",),
    "actions": ("action",),
    "reminders": ("rule_id",),
    "survey_items": ("form_id", "item_id"),
    "survey_levels": ("form_id", "level"),
}
#: What a warning looks at, and what its threshold is.
WARNING_KINDS: Mapping[str, str] = {
    "no_session": "days without a session, of those who have not passed",
    "little_study": "minutes of study in the last seven days, below which",
    "few_effective": "posts, of which fewer than half are effective, from so many on",
}
_LEVELS = frozenset({"red", "orange", "yellow"})
#: What a cell that may be true holds.
_MAYBE = frozenset({"", "true", "false"})
_CHANNELS = frozenset({"sms", "wechat", "mail"})
#: What may order those who are proposed for an award: enrolments or tutors.
MEASURES: Mapping[str, frozenset[str]] = {
    "learner": frozenset({"points", "study_s", "effective_post", "journal", "peer_review", "featured", "resource"}),
    "tutor": frozenset(
        {
            "pass_ratio", "study_ratio", "grading", "post", "reply", "briefing", "announcement", "workshop_activity", "photo",
            "responded_post",
        }
    ),
}  # fmt: skip
_MOST_MEASURES = 4


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong and where: ``row`` is the line of the file, its header being line 1."""

    file: str
    message: str
    row: int | None = None
    column: str = ""

    def __str__(self) -> str:
        row = f" row {self.row}" if self.row else ""
        column = f", {self.column}" if self.column else ""
        return f"{self.file}{row}{column}: {self.message}"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a pack's CSV file and the line it stands on."""

    line: int
    values: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.values[column]


def check_settings(settings: Mapping[str, object]) -> Iterator[Problem]:
    """Problems of ``programme.toml``, whose needed settings are all there."""

    def problem(name: str, message: str) -> Problem:
        return Problem("programme.toml", message, column=name)

    for name in ("programme_id", "label_zh", "label_en"):
        if not isinstance(settings[name], str) or not str(settings[name]).strip():
            yield problem(name, "expected some text")
    try:
        ZoneInfo(str(settings["timezone"]))
    except (KeyError, ValueError, OSError):
        yield problem("timezone", f"no time zone {settings['timezone']!r}; expected one such as Asia/Shanghai")
    days = {name: settings[name] for name in ("starts_on", "ends_on", "report_on")}
    wrong = [name for name, day in days.items() if type(day) is not date]
    for name in wrong:
        yield problem(name, f"{days[name]!r} is no date; expected one such as 2017-10-10, without quotes")
    if not wrong and not days["starts_on"] <= days["ends_on"]:  # type: ignore[operator]
        yield problem("ends_on", "before starts_on")
    grade = settings.get("assignment_pass_grade", 60)
    if not isinstance(grade, int | float) or not 0 < grade <= 100:
        yield problem("assignment_pass_grade", f"{grade!r}; expected a number above 0 and at most 100")


def check_tables(tables: Mapping[str, Sequence[Row]]) -> Iterator[Problem]:
    """Problems of the reference tables, whose columns are all there."""
    for name, rows in tables.items():
        yield from _check_ids(name, rows)
    yield from _check_phases(tables["phases"])
    yield from _check_rules(tables["assessment_rules"])
    yield from _check_indicators(tables["indicators"])
    yield from _check_excellence(tables["excellence"])
    yield from _check_calendar(tables)


def _check_ids(name: str, rows: Sequence[Row]) -> Iterator[Problem]:
    seen: dict[tuple[str, ...], int] = {}
    columns = _IDS[name]
    for row in rows:
        values = tuple(row[column] for column in columns)
        empty = [column for column in columns if not row[column].strip()]
        for column in empty:
            yield Problem(f"{name}.csv", "empty", row.line, column)
        if not empty and values in seen:
            told = ", ".join(map(repr, values))
            yield Problem(f"{name}.csv", f"{told} stands in row {seen[values]} already", row.line, columns[-1])
        seen.setdefault(values, row.line)


def _check_phases(rows: Sequence[Row]) -> Iterator[Problem]:
    for row in rows:
        days = []
        for column in ("starts_on", "ends_on"):
            try:
                days.append(date.fromisoformat(row[column]))
            except ValueError:
                yield Problem("phases.csv", f"{row[column]!r} is no date such as 2017-10-10", row.line, column)
        if len(days) == 2 and days[1] < days[0]:
            yield Problem("phases.csv", "before starts_on", row.line, "ends_on")


class _Cells:
    """Reads the cells of one row, collecting what is wrong with them."""

    def __init__(self, file: str, row: Row) -> None:
        self._file, self._row = file, row
        self.problems: list[Problem] = []

    def fail(self, column: str, message: str) -> None:
        self.problems.append(Problem(self._file, message, self._row.line, column))

    def number(self, column: str, expected: str, holds: Callable[[Decimal], bool]) -> Decimal | None:
        text = self._row[column]
        try:
            value = Decimal(text)
        except InvalidOperation:
            self.fail(column, f"{text!r} is no number")
            return None
        if not value.is_finite() or not holds(value):
            self.fail(column, f"{text}; expected {expected}")
            return None
        return value

    def day(self, column: str) -> date | None:
        try:
            return date.fromisoformat(self._row[column])
        except ValueError:
            self.fail(column, f"{self._row[column]!r} is no date such as 2017-10-10")
            return None

    def period(self) -> None:
        first, last = self.day("from_on"), self.day("to_on")
        if first and last and last <= first:
            self.fail("to_on", "not after from_on")

    def some_of(self, column: str, known: frozenset[str]) -> None:
        unknown = [name for name in self._row[column].split("|") if name not in known]
        if unknown:
            self.fail(
                column, f"{'|'.join(unknown)!r} is unknown; expected some of {', '.join(sorted(known))}, joined by |"
            )

    def one_of(self, column: str, known: frozenset[str]) -> None:
        if self._row[column] not in known:
            self.fail(column, f"{self._row[column]!r} is unknown; expected one of {', '.join(sorted(known))}")

    def activities(self, column: str = "activity") -> None:
        unknown = [a for a in self._row[column].split("|") if a not in ACTIVITIES]
        if unknown:
            self.fail(column, f"{'|'.join(unknown)!r} is unknown; expected some of {', '.join(sorted(ACTIVITIES))}")
        decided = [a for a in self._row[column].split("|") if a in _DECIDED]
        if decided and self._row["measure"] == "event_count":
            self.fail("measure", f"{'|'.join(decided)} is decided anew each time: use quantity")


def _check_calendar(tables: Mapping[str, Sequence[Row]]) -> Iterator[Problem]:
    """Bulletins, targets, warnings, actions, reminders and forms, and what they refer to."""
    indicators = frozenset(row["indicator"] for row in tables["indicators"])
    last: date | None = None
    for row in tables["bulletins"]:
        cells = _Cells("bulletins.csv", row)
        cells.number("number", "a whole number above 0", lambda v: v > 0 and v == v.to_integral_value())
        as_of, issued = cells.day("as_of_on"), cells.day("issued_on")
        if as_of and issued and issued < as_of:
            cells.fail("issued_on", "before as_of_on: nobody knows a day before it ends")
        if as_of and last and as_of <= last:
            cells.fail("as_of_on", "not after the bulletin before it")
        last = as_of or last
        cells.some_of("focus", indicators)
        yield from cells.problems
    for row in tables["targets"]:
        cells = _Cells("targets.csv", row)
        cells.one_of("indicator", indicators)
        cells.period()
        cells.number("target_pct", "above 0 and at most 100", lambda v: 0 < v <= 100)
        yield from cells.problems
    for row in tables["warnings"]:
        cells = _Cells("warnings.csv", row)
        cells.one_of("kind", frozenset(WARNING_KINDS))
        cells.one_of("level", _LEVELS)
        cells.period()
        cells.number("threshold", "a whole number above 0", lambda v: v > 0 and v == v.to_integral_value())
        yield from cells.problems
    warnings = frozenset(row["warning"] for row in tables["warnings"])
    for row in tables["reminders"]:
        cells = _Cells("reminders.csv", row)
        cells.one_of("warning", warnings)
        cells.one_of("channel", _CHANNELS)
        cells.number("quiet_days", "a whole number, 0 or more", lambda v: v >= 0 and v == v.to_integral_value())
        for column in ("quota_count", "daily_quota_count"):
            cells.number(column, "a whole number above 0", lambda v: v > 0 and v == v.to_integral_value())
        yield from cells.problems
    for row in tables["survey_levels"]:
        cells = _Cells("survey_levels.csv", row)
        cells.number("level", "a whole number", lambda v: v == v.to_integral_value())
        if row["score"]:
            cells.number("score", "a whole number, or empty", lambda v: v == v.to_integral_value())
        cells.one_of("is_neutral", _MAYBE)
        yield from cells.problems
    yield from _check_scores(tables["survey_levels"])
    for row in tables["survey_items"]:
        cells = _Cells("survey_items.csv", row)
        cells.one_of("is_reversed", _MAYBE)
        yield from cells.problems
    causes = warnings | {f"pace:{row['indicator']}" for row in tables["targets"]}
    for row in tables["actions"]:
        cells = _Cells("actions.csv", row)
        cells.one_of("when", causes)
        cells.number("minimum_count", "a whole number above 0", lambda v: v > 0 and v == v.to_integral_value())
        cells.number("days", "a whole number above 0", lambda v: v > 0 and v == v.to_integral_value())
        yield from cells.problems


def _check_scores(rows: Sequence[Row]) -> Iterator[Problem]:
    """The order of a form's levels: all have a score of their own, or none has; at most one is neutral."""
    forms: dict[str, list[Row]] = {}
    for row in rows:
        forms.setdefault(row["form_id"], []).append(row)
    for levels in forms.values():
        scores = [row["score"] for row in levels]
        if any(scores) and (not all(scores) or len(set(scores)) < len(scores)):
            yield Problem(
                "survey_levels.csv", "each level of the form needs a score of its own", levels[0].line, "score"
            )
        neutral = [row for row in levels if row["is_neutral"] == "true"]
        if len(neutral) > 1:
            yield Problem("survey_levels.csv", "a form has one neutral level at most", neutral[1].line, "is_neutral")


def _check_rules(rows: Sequence[Row]) -> Iterator[Problem]:
    stages: dict[str, list[tuple[Row, Decimal | None, Decimal | None, Decimal | None]]] = {}
    for row in rows:
        cells = _Cells("assessment_rules.csv", row)
        whole = cells.number("stage_max_points", _POSITIVE, lambda v: v > 0)
        # Somebody without any activity starts at "not met" in the warehouse, so 0 may not pass.
        # Empty: the stage is shown, and nobody needs to pass it.
        needed = None
        if row["stage_pass_points"]:
            needed = cells.number("stage_pass_points", f"{_POSITIVE}: 0 would be met by doing nothing", lambda v: v > 0)
        points = cells.number("max_points", "0 or more", lambda v: v >= 0)
        cells.number("unit_size", _POSITIVE, lambda v: v > 0)
        cells.number("target", _POSITIVE, lambda v: v > 0)
        cells.one_of("scoring", SCORING)
        cells.one_of("measure", _MEASURES)
        cells.activities()
        if whole is not None and needed is not None and needed > whole:
            cells.fail("stage_pass_points", f"{needed} of {whole} points: nobody could pass")
        yield from cells.problems
        stages.setdefault(row["stage"], []).append((row, whole, needed, points))
    if rows and not any(row["stage_pass_points"] for row in rows):
        yield Problem(
            "assessment_rules.csv", "no stage has points to pass at: nobody could pass", column="stage_pass_points"
        )
    for stage, parts in stages.items():
        first = parts[0][0]
        for row, *_ in parts[1:]:
            for column in ("stage_max_points", "stage_pass_points"):
                if row[column] != first[column]:
                    message = f"{row[column]!r}, and {first[column]!r} in row {first.line}: one stage, one value"
                    yield Problem("assessment_rules.csv", message, row.line, column)
        total = [points for *_, points in parts]
        whole = parts[0][1]
        if whole is not None and None not in total and sum(p for p in total if p is not None) != whole:
            message = f"the components of {stage} add up to {sum(p for p in total if p is not None)}, not to {whole}"
            yield Problem("assessment_rules.csv", message, first.line, "stage_max_points")


def _check_denominator(cells: _Cells, row: Row, denominators: Mapping[str, str]) -> None:
    of = row["denominator"]
    if row["indicator"] == "participation" and of != "called_up":
        cells.fail("denominator", f"{of!r}; participation is a share of called_up")
    elif of not in _GROUPS and of not in denominators:
        cells.fail("denominator", f"{of!r} is unknown; expected called_up, participating or an indicator of this file")
    elif of not in _GROUPS and (denominators[of] not in _GROUPS or of == "participation"):
        cells.fail("denominator", f"{of!r} is itself a share of another; name one of called_up or participating")


def _check_indicators(rows: Sequence[Row]) -> Iterator[Problem]:
    denominators = {row["indicator"]: row["denominator"] for row in rows}
    for row in rows:
        cells = _Cells("indicators.csv", row)
        cells.one_of("indicator", INDICATORS)
        _check_denominator(cells, row, denominators)
        if row["indicator"] in _DERIVED:
            if row["activity"]:
                cells.fail("activity", f"{row['indicator']} follows from placement and score; leave it empty")
        elif row["indicator"] in INDICATORS:
            cells.activities()
            cells.one_of("measure", _MEASURES)
            cells.one_of("operator", _OPERATORS)
            least = "0 or more" if row["operator"] == ">" else f"{_POSITIVE}: 0 would be met by doing nothing"
            cells.number("threshold", least, lambda v, row=row: v > 0 or (v == 0 and row["operator"] == ">"))  # type: ignore[misc]
        yield from cells.problems
    for missing in sorted(_NEEDED - {row["indicator"] for row in rows}):
        yield Problem("indicators.csv", f"no row for {missing}")


def _check_excellence(rows: Sequence[Row]) -> Iterator[Problem]:
    for row in rows:
        cells = _Cells("excellence.csv", row)
        cells.one_of("who", frozenset(MEASURES))
        cells.one_of("requires", frozenset({"", "pass"}))
        if bool(row["quota_count"]) == bool(row["quota_pct"]):
            cells.fail("quota_count", "expected either quota_count or quota_pct")
        elif row["quota_count"]:
            cells.number("quota_count", "a whole number above 0", lambda v: v > 0 and v == v.to_integral_value())
        else:
            cells.number("quota_pct", "above 0 and at most 100", lambda v: 0 < v <= 100)
        measures = row["order_by"].split("|")
        known = MEASURES.get(row["who"], frozenset())
        if known and (unknown := [m for m in measures if m not in known]):
            cells.fail("order_by", f"{'|'.join(unknown)!r} is unknown; expected some of {', '.join(sorted(known))}")
        if len(measures) > _MOST_MEASURES:
            cells.fail("order_by", f"{len(measures)} measures; at most {_MOST_MEASURES}")
        yield from cells.problems
