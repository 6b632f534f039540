"""Relations that must hold between a pack's settings and rows. Every problem is found, not only the first, and says where it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from ingest.programmes import vocabulary
from ingest.programmes.cells import Problem, Table
from ingest.programmes.indicators import MOST_SHARES, USUAL_MEASURES
from ingest.programmes.platform_rows import ANY, STATEMENTS
from ingest.programmes.rows import STANDING, AssessmentRule, Breakdown, Indicator, SourceEvent, SurveyLevel

__all__ = ["check_settings", "check_tables"]

_NEEDED = frozenset({"login", "study", "pass"})
_MOST_MEASURES = 4


def check_settings(settings: Mapping[str, object]) -> Iterator[Problem]:
    """Problems of ``programme.toml``, whose needed settings are all there."""

    def problem(name: str, message: str) -> Problem:
        return Problem("programme.toml", message, column=name, is_vital=True)

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
    mastery = settings.get("unit_mastery", False)
    if not isinstance(mastery, bool):
        yield problem("unit_mastery", f"{mastery!r}; expected true or false")


def check_tables(tables: Mapping[str, Table[Any]]) -> Iterator[Problem]:
    """Problems of the rows beside one another; cells that do not fit their columns are told before."""
    yield from _check_group_names(tables)
    yield from _check_phases(tables["phases"])
    yield from _check_rules(tables["assessment_rules"])
    yield from _check_indicators(tables["indicators"])
    yield from _check_breakdowns(tables["breakdowns"])
    yield from _check_excellence(tables["excellence"])
    yield from _check_calendar(tables)
    yield from _check_warnings(tables)
    yield from _check_scores(tables["survey_levels"])
    yield from _check_actions(tables)
    yield from _check_verbs(tables["sources"])


def _known(table: Table[Any], row: Any, column: str, known: frozenset[str]) -> Iterator[Problem]:
    value = getattr(row, column)
    if value not in known:
        expected = f"expected one of {', '.join(sorted(known))}"
        yield Problem(table.file, f"{value!r} is unknown; {expected}", row.line, column)


def _some_known(table: Table[Any], row: Any, column: str, known: frozenset[str]) -> Iterator[Problem]:
    unknown = [name for name in getattr(row, column).split("|") if name not in known]
    if unknown:
        expected = f"expected some of {', '.join(sorted(known))}, joined by |"
        yield Problem(table.file, f"{'|'.join(unknown)!r} is unknown; {expected}", row.line, column)


def _check_group_names(tables: Mapping[str, Table[Any]]) -> Iterator[Problem]:
    """Names of schools, classes and workshops: one of each date, in a county of the pack."""
    counties = tables["counties"].texts("county_id") | {""}
    for name, column in (("schools", "school_id"), ("classes", "class_id"), ("workshops", "workshop_id")):
        table = tables[name]
        seen: dict[tuple[str, date | None], int] = {}
        for row in table.rows:
            yield from _known(table, row, "county_id", counties)
            named = (getattr(row, column), row.valid_from_on)
            if named in seen:
                message = f"{named[0]!r} has a name of that date in row {seen[named]} already"
                yield Problem(table.file, message, row.line, column, is_vital=True)
            seen.setdefault(named, row.line)


def _check_phases(table: Table[Any]) -> Iterator[Problem]:
    for row in table.rows:
        if row.ends_on < row.starts_on:
            yield Problem(table.file, "before starts_on", row.line, "ends_on")


def _check_measure(table: Table[Any], row: AssessmentRule | Indicator) -> Iterator[Problem]:
    decided = [a for a in (row.activity or "").split("|") if a in vocabulary.decided_activities()]
    if decided and row.measure == "event_count":
        yield Problem(table.file, f"{'|'.join(decided)} is decided anew each time: use quantity", row.line, "measure")


def _check_rules(table: Table[AssessmentRule]) -> Iterator[Problem]:
    stages: dict[str, list[AssessmentRule]] = {}
    for row in table.rows:
        yield from _check_measure(table, row)
        needed = row.stage_pass_points
        if needed is not None and needed > row.stage_max_points:
            message = f"{needed:g} of {row.stage_max_points:g} points: nobody could pass"
            yield Problem(table.file, message, row.line, "stage_pass_points")
        stages.setdefault(row.stage, []).append(row)
    if table.cells and table.texts("stage_pass_points") <= {""}:
        yield Problem(table.file, "no stage has points to pass at: nobody could pass", column="stage_pass_points")
    if not table.is_whole:
        return
    cells = dict(table.cells)
    for stage, rows in stages.items():
        first = rows[0]
        for row in rows[1:]:
            for column in ("stage_max_points", "stage_pass_points"):
                its, other = cells[row.line][column], cells[first.line][column]
                if its != other:
                    message = f"{its!r}, and {other!r} in row {first.line}: one stage, one value"
                    yield Problem(table.file, message, row.line, column, is_vital=True)
        total = sum(Decimal(cells[row.line]["max_points"]) for row in rows)
        whole = Decimal(cells[first.line]["stage_max_points"])
        if total != whole:
            message = f"the components of {stage} add up to {total}, not to {whole}"
            yield Problem(table.file, message, first.line, "stage_max_points", is_vital=True)


def _check_denominator(table: Table[Indicator], row: Indicator, denominators: Mapping[str, str]) -> Iterator[Problem]:
    of, way = row.denominator, [row.indicator]
    while of in denominators and of not in way:
        way.append(of)
        of = denominators[of]
    message = ""
    if _measure_of(row) == "is_participating" and row.denominator != "called_up":
        message = f"{row.denominator!r}; participation is a share of called_up"
    elif len(way) - 1 > MOST_SHARES:
        message = f"{len(way) - 1} indicators lie between it and {of}; at most {MOST_SHARES}"
    elif of in way:
        message = f"{' of '.join([*way, of])}: no indicator is a share of itself"
    elif of not in vocabulary.whole_groups():
        message = f"{of!r} is unknown; expected called_up, participating or an indicator of this file"
    if message:
        yield Problem(table.file, message, row.line, "denominator")


def _measure_of(row: Indicator) -> str:
    return row.measure or USUAL_MEASURES.get(row.indicator, "")


def _check_indicators(table: Table[Indicator]) -> Iterator[Problem]:
    denominators = {cells["indicator"]: cells["denominator"] for _, cells in table.cells}
    for row in table.rows:
        yield from _check_denominator(table, row, denominators)
        yield from _check_measure(table, row)
        if row.indicator in vocabulary.whole_groups():
            message = f"{row.indicator} is a whole group; name it otherwise"
            yield Problem(table.file, message, row.line, "indicator", is_vital=True)
        if not _measure_of(row):
            yield Problem(
                table.file, "empty; expected quantity, event_count, is_participating or has_passed", row.line, "measure"
            )
        elif _measure_of(row) in STANDING:
            if row.activity:
                message = f"{row.indicator} follows from placement and score; leave it empty"
                yield Problem(table.file, message, row.line, "activity")
        elif not row.activity:
            yield Problem(table.file, "empty; expected some activities, joined by |", row.line, "activity")
        elif row.operator == ">=" and row.threshold == 0:
            message = "0; expected greater than 0: 0 would be met by doing nothing"
            yield Problem(table.file, message, row.line, "threshold")
    for missing in sorted(_NEEDED - table.texts("indicator")):
        yield Problem(table.file, f"no row for {missing}", is_vital=True)


def _check_breakdowns(table: Table[Breakdown]) -> Iterator[Problem]:
    usual = vocabulary.breakdowns()
    for row in table.rows:
        if row.breakdown in usual:
            message = f"{row.breakdown} is there in any case; leave the row out"
            yield Problem(table.file, message, row.line, "breakdown", is_vital=True)
        names = row.dimensions.split("|")
        if len(set(names)) < len(names):
            yield Problem(table.file, f"{row.dimensions!r} names one twice", row.line, "dimensions")


def _check_excellence(table: Table[Any]) -> Iterator[Problem]:
    for row in table.rows:
        if (row.quota_count is None) == (row.quota_pct is None):
            yield Problem(table.file, "expected either quota_count or quota_pct", row.line, "quota_count")
        measures = row.order_by.split("|")
        known = vocabulary.award_measures().get(row.who, frozenset())
        if known and (unknown := [m for m in measures if m not in known]):
            message = f"{'|'.join(unknown)!r} is unknown; expected some of {', '.join(sorted(known))}"
            yield Problem(table.file, message, row.line, "order_by")
        if len(measures) > _MOST_MEASURES:
            yield Problem(table.file, f"{len(measures)} measures; at most {_MOST_MEASURES}", row.line, "order_by")


def _check_calendar(tables: Mapping[str, Table[Any]]) -> Iterator[Problem]:
    """Bulletins and targets, and the indicators that they name."""
    indicators = tables["indicators"].texts("indicator")
    table, last = tables["bulletins"], None
    for row in table.rows:
        if row.issued_on < row.as_of_on:
            yield Problem(table.file, "before as_of_on: nobody knows a day before it ends", row.line, "issued_on")
        if last is not None and row.as_of_on <= last:
            yield Problem(table.file, "not after the bulletin before it", row.line, "as_of_on")
        last = row.as_of_on
        yield from _some_known(table, row, "focus", indicators)
    table = tables["targets"]
    for row in table.rows:
        yield from _known(table, row, "indicator", indicators)
        yield from _check_period(table, row)


def _check_period(table: Table[Any], row: Any) -> Iterator[Problem]:
    if row.to_on <= row.from_on:
        yield Problem(table.file, "not after from_on", row.line, "to_on")


def _check_warnings(tables: Mapping[str, Table[Any]]) -> Iterator[Problem]:
    """Warnings, and the reminders that rest on them."""
    table = tables["warnings"]
    for row in table.rows:
        yield from _check_period(table, row)
    for row in tables["reminders"].rows:
        yield from _known(tables["reminders"], row, "warning", table.texts("warning"))


def _check_scores(table: Table[SurveyLevel]) -> Iterator[Problem]:
    """The order of a form's levels: all have a score of their own, or none has; at most one is neutral."""
    forms: dict[str, list[tuple[int, dict[str, str]]]] = {}
    for line, cells in table.cells:
        forms.setdefault(cells["form_id"], []).append((line, cells))
    for levels in forms.values():
        scores = [cells["score"] for _, cells in levels]
        if any(scores) and (not all(scores) or len(set(scores)) < len(scores)):
            yield Problem(table.file, "each level of the form needs a score of its own", levels[0][0], "score")
        neutral: Sequence[int] = [line for line, cells in levels if cells["is_neutral"] == "true"]
        if len(neutral) > 1:
            yield Problem(table.file, "a form has one neutral level at most", neutral[1], "is_neutral")


def _check_actions(tables: Mapping[str, Table[Any]]) -> Iterator[Problem]:
    """Next steps, and the warnings and targets that cause them."""
    targets = {f"pace:{indicator}" for indicator in tables["targets"].texts("indicator")}
    for row in tables["actions"].rows:
        yield from _known(tables["actions"], row, "when", tables["warnings"].texts("warning") | targets)


def _check_verbs(table: Table[SourceEvent]) -> Iterator[Problem]:
    """Rows about statements: staging knows the actor, the verb and the activity's type, and makes fewer kinds of events."""
    for row in table.rows:
        if row.platform != STATEMENTS:
            continue
        if row.counts_as:
            yield from _known(table, row, "counts_as", vocabulary.statement_events())
        if row.learner:
            yield Problem(table.file, "the learner of a statement is its actor: leave it empty", row.line, "learner")
        if row.condition != ANY and {part.partition("=")[0] for part in row.condition.split(";")} != {"kind"}:
            message = "of statements only kind=… can be asked, the type of the activity"
            yield Problem(table.file, message, row.line, "condition")
