"""The rows of a pack's CSV files as types: a struct a file, a field a column, in the order of the file's columns.

A field with a default is a column that the file may lack. Numbers and dates are typed here; the warehouse gets the cells' texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from ingest.programmes import vocabulary
from ingest.programmes.indicators import USUAL_MEASURES

__all__ = [
    "REFERENCE_COLUMNS",
    "STANDING",
    "TABLES",
    "Action",
    "AssessmentRule",
    "Award",
    "Breakdown",
    "Bulletin",
    "Class",
    "County",
    "Course",
    "Indicator",
    "Phase",
    "Reminder",
    "Retention",
    "Row",
    "School",
    "SchoolStage",
    "SourceEvent",
    "Subject",
    "SurveyItem",
    "SurveyLevel",
    "Target",
    "WarningRule",
    "Workshop",
]

#: ``description`` goes into the message of a cell that does not fit; ``words`` are those of the vocabulary, joined by ``|`` in a list.
Positive = Annotated[float, Meta(gt=0, description="greater than 0")]
#: Somebody without any activity starts at "not met" in the warehouse, so 0 may not pass.
Passing = Annotated[float, Meta(gt=0, description="greater than 0: 0 would be met by doing nothing")]
NotNegative = Annotated[float, Meta(ge=0, description="0 or more")]
Percent = Annotated[float, Meta(gt=0, le=100, description="above 0 and at most 100")]
Whole = Annotated[int, Meta(description="a whole number")]
Counted = Annotated[int, Meta(gt=0, description="a whole number above 0")]
Days = Annotated[int, Meta(ge=0, description="a whole number, 0 or more")]
#: A cell that may be true.
Maybe = Literal["", "true", "false"]
#: What a row of sources.csv asks of an event: a field and the values of which it has one; several are joined by ``;``.
CONDITION = r"^(?:\*|(?:origin|course|object|kind)=[^;=]+(?:;(?:origin|course|object|kind)=[^;=]+)*)$"
Measure = Literal["quantity", "event_count"]
#: What satisfies a unit, in the words of cmi5.
MoveOn = Literal["Passed", "Completed", "CompletedAndPassed", "CompletedOrPassed", "NotApplicable"]
#: An identifier in reports, SQL and on the command line.
Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="a name of small letters, digits and _")]
NotEmpty = Annotated[str, Meta(min_length=1, max_length=200, description="an id of 1 to 200 characters")]
Called = Annotated[str, Meta(min_length=1, max_length=200, description="a name of 1 to 200 characters")]
#: Columns of a cell, joined by ``|``.
Dimensions = Annotated[str, Meta(extra={"words": vocabulary.dimension_columns, "is_list": True})]
Activities = Annotated[str, Meta(extra={"words": vocabulary.activities, "is_list": True})]


#: Measures that follow from placement and score, not from an activity.
STANDING = frozenset({"is_participating", "has_passed"})


class Row(Struct, kw_only=True, frozen=True):
    """A row; ``line`` is where it stands in its file, whose header is line 1."""

    #: The columns that name a row; none where a cell that names it may be empty: then a check of its own says what stands twice.
    key: ClassVar[tuple[str, ...]] = ()
    #: A pack may lack the file; there are no rows then. Packs that were loaded before there were such files have none.
    is_optional: ClassVar[bool] = False
    line: int = 0

    @classmethod
    def unused(cls, cells: Mapping[str, str]) -> frozenset[str]:
        """The columns that mean nothing in a row of these cells; nothing is asked of them."""
        return frozenset()


class County(Row, frozen=True):
    """counties.csv."""

    key = ("county_id",)
    county_id: str
    label_zh: str
    label_en: str
    city_id: str
    province_id: str


class Subject(Row, frozen=True):
    """subjects.csv."""

    key = ("subject_id",)
    subject_id: str
    label_zh: str
    label_en: str


class School(Row, frozen=True):
    """schools.csv: how a school is called from a local date on (empty: always); a class and a workshop are named likewise.

    Without an English label the Chinese one stands in English texts, too.
    """

    is_optional = True
    school_id: NotEmpty
    county_id: str
    label_zh: Called
    label_en: str
    valid_from_on: date | None = None


class Class(Row, frozen=True):
    """classes.csv."""

    is_optional = True
    class_id: NotEmpty
    county_id: str
    label_zh: Called
    label_en: str
    valid_from_on: date | None = None


class Workshop(Row, frozen=True):
    """workshops.csv."""

    is_optional = True
    workshop_id: NotEmpty
    county_id: str
    label_zh: Called
    label_en: str
    valid_from_on: date | None = None


class SchoolStage(Row, frozen=True):
    """school_stages.csv."""

    key = ("school_stage",)
    school_stage: str
    label_zh: str
    label_en: str


class Phase(Row, frozen=True):
    """phases.csv."""

    key = ("phase",)
    phase: str
    label_zh: str
    label_en: str
    starts_on: date
    ends_on: date


class Course(Row, frozen=True):
    """courses.csv."""

    key = ("course_id",)
    course_id: str
    label_zh: str
    label_en: str
    category_id: str
    category_zh: str
    category_en: str
    hours: NotNegative


class Unit(Row, frozen=True):
    """units.csv: the units of cmi5 courses (assignable units) and what satisfies each, as their packages say (`xueqing programme units`)."""

    key = ("unit_id",)
    is_optional = True
    unit_id: str
    course_id: str
    label_zh: str
    label_en: str
    move_on: MoveOn


class AssessmentRule(Row, frozen=True):
    """assessment_rules.csv. A stage without ``stage_pass_points`` is shown, and nobody needs to pass it."""

    key = ("component",)
    stage: str
    stage_max_points: Positive
    stage_pass_points: Passing | None
    component: str
    label_zh: str
    label_en: str
    max_points: NotNegative
    activity: Activities
    measure: Measure
    unit: str
    unit_size: Positive
    target: Positive
    scoring: Annotated[str, Meta(extra={"words": vocabulary.scoring_rules})]


class Indicator(Row, frozen=True):
    """indicators.csv."""

    key = ("indicator",)
    indicator: Name
    label_zh: str
    label_en: str
    denominator: str
    activity: Activities | None
    measure: Literal["quantity", "event_count", "is_participating", "has_passed"] | None
    operator: Literal[">", ">="]
    threshold: NotNegative
    definition_zh: str
    definition_en: str

    @classmethod
    def unused(cls, cells: Mapping[str, str]) -> frozenset[str]:
        measure = cells["measure"] or USUAL_MEASURES.get(cells["indicator"], "")
        if measure not in STANDING:
            return frozenset()
        return frozenset({"operator", "threshold"} if cells["measure"] else {"measure", "operator", "threshold"})


class Award(Row, frozen=True):
    """excellence.csv."""

    key = ("award",)
    award: str
    label_zh: str
    label_en: str
    who: Annotated[str, Meta(extra={"words": vocabulary.award_measures})]
    requires: Literal["", "pass"]
    quota_count: Counted | None
    quota_pct: Percent | None
    order_by: str
    definition_zh: str
    definition_en: str


class Breakdown(Row, frozen=True):
    """breakdowns.csv: those beside the usual ones (docs/for-analysts.md)."""

    key = ("breakdown",)
    is_optional = True
    breakdown: Name
    dimensions: Dimensions
    label_zh: str
    label_en: str


class Bulletin(Row, frozen=True):
    """bulletins.csv: the calendar."""

    key = ("number",)
    is_optional = True
    number: Counted
    issued_on: date
    as_of_on: date
    focus: str
    label_zh: str
    label_en: str


class Target(Row, frozen=True):
    """targets.csv."""

    key = ("indicator",)
    is_optional = True
    indicator: str
    from_on: date
    to_on: date
    target_pct: Percent


class WarningRule(Row, frozen=True):
    """warnings.csv."""

    key = ("warning",)
    is_optional = True
    warning: str
    level: Literal["red", "orange", "yellow"]
    kind: Annotated[str, Meta(extra={"words": vocabulary.warning_kinds})]
    threshold: Counted
    from_on: date
    to_on: date
    label_zh: str
    label_en: str
    definition_zh: str
    definition_en: str


class Action(Row, frozen=True):
    """actions.csv: next steps. ``when`` is a warning, or ``pace:`` and an indicator that has a target."""

    key = ("action",)
    is_optional = True
    action: str
    when: str
    minimum_count: Counted
    owner_zh: str
    owner_en: str
    days: Counted
    text_zh: str
    text_en: str


class Reminder(Row, frozen=True):
    """reminders.csv."""

    key = ("rule_id",)
    is_optional = True
    rule_id: str
    warning: str
    channel: Literal["sms", "wechat", "mail"]
    quiet_days: Days
    quota_count: Counted
    daily_quota_count: Counted
    text_zh: str
    text_en: str


class Retention(Row, frozen=True):
    """retention.csv: how long words are kept after the month in which they were sealed; a kind without a row is kept."""

    key = ("kind",)
    is_optional = True
    kind: Literal["statement", "document", "attachment", "event", "quarantine"]
    months: Days


class SurveyItem(Row, frozen=True):
    """survey_items.csv."""

    key = ("form_id", "item_id")
    is_optional = True
    form_id: str
    item_id: str
    label_zh: str
    label_en: str
    is_reversed: Maybe = ""


class SurveyLevel(Row, frozen=True):
    """survey_levels.csv."""

    key = ("form_id", "level")
    is_optional = True
    form_id: str
    level: Whole
    label_zh: str
    label_en: str
    score: Annotated[int, Meta(description="a whole number, or empty")] | None = None
    is_neutral: Maybe = ""


class SourceEvent(Row, frozen=True):
    """sources.csv: what the events and verbs of platforms count as, beside and before the rows that ship (docs/sources.md)."""

    key = ("platform", "event", "condition")
    is_optional = True
    platform: Name
    event: str
    condition: Annotated[str, Meta(pattern=CONDITION, description="* or FIELD=VALUE|VALUE;FIELD=VALUE")]
    learner: Literal["", "affected"]
    counts_as: Annotated[str, Meta(extra={"words": vocabulary.platform_events})] | None


#: The tables of a pack, in the order in which their problems are told.
TABLES: Mapping[str, type[Row]] = {
    "counties": County,
    "subjects": Subject,
    "schools": School,
    "classes": Class,
    "workshops": Workshop,
    "school_stages": SchoolStage,
    "phases": Phase,
    "courses": Course,
    "units": Unit,
    "assessment_rules": AssessmentRule,
    "indicators": Indicator,
    "breakdowns": Breakdown,
    "excellence": Award,
    "bulletins": Bulletin,
    "targets": Target,
    "warnings": WarningRule,
    "actions": Action,
    "reminders": Reminder,
    "survey_items": SurveyItem,
    "survey_levels": SurveyLevel,
    "retention": Retention,
    "sources": SourceEvent,
}
#: Columns of each table; the warehouse gets exactly these, as text.
REFERENCE_COLUMNS: Mapping[str, tuple[str, ...]] = {
    name: tuple(column for column in kind.__struct_fields__ if column != "line") for name, kind in TABLES.items()
}
