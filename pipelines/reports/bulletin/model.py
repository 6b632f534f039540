"""What a bulletin says, in no language and no format: this is what is sealed.

What there may be hundreds of thousands of is kept from the garbage collector, which took more time than all the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

import msgspec

from pipelines.words import Label, Share

__all__ = [
    "HEADLINE",
    "PRINTED_GROUPS",
    "PRINTED_LEARNERS",
    "Action",
    "Bulletin",
    "Featured",
    "Group",
    "Indicator",
    "Issue",
    "Learner",
    "Listed",
    "Note",
    "TrendPoint",
    "WarningCount",
]

#: The rates that every programme has: each report begins with them.
HEADLINE = ("login", "study", "pass")
#: Lines of a class or school table, and of a learner table, that are printed; a workbook has them all.
PRINTED_GROUPS = 20
PRINTED_LEARNERS = 60


@dataclass(frozen=True, slots=True)
class Issue:
    """One line of the pack's calendar of bulletins."""

    number: int
    issued_on: date
    as_of: date
    focus: tuple[str, ...]
    title: Label


@dataclass(frozen=True, slots=True)
class Indicator:
    """An indicator as it was defined on the bulletin's date; ``needed_ratio`` is what the pace asks by then."""

    indicator: str
    label: Label
    definition: Label
    denominator: str
    is_focus: bool
    needed_ratio: Decimal | None
    target_ratio: Decimal | None


@dataclass(frozen=True, slots=True)
class Group:
    """A county, a subject, a county's subject, a class or a school: its shares by indicator, now and at the last issue.

    Without ``participating`` everything about it is withheld. Ranks are by pass, then study, then login rate.
    """

    group_id: str
    label: Label
    county_id: str | None
    subject_id: str | None
    participating: int | None
    shares: dict[str, Share]
    shares_before: dict[str, Share]
    rank: int | None = None
    rank_before: int | None = None
    ranked: int | None = None


class TrendPoint(msgspec.Struct, frozen=True, gc=False):
    """A share at the end of a date; of the whole or of one county."""

    on: date
    indicator: str
    county_id: str | None
    share: Share


@dataclass(frozen=True, slots=True)
class WarningCount:
    """How many enrolments a warning is about, in each county."""

    warning: str
    level: str
    label: Label
    definition: Label
    count: int | None
    by_county: dict[str, int | None]


class Learner(msgspec.Struct, frozen=True, gc=False):
    """One enrolment of a restricted edition: what it still lacks, and the warnings about it."""

    enrolment_id: str
    learner_key: str
    class_id: str | None
    school_id: str | None
    county_id: str | None
    subject_id: str | None
    has_logged_in: bool
    has_studied: bool
    has_passed: bool
    points: Decimal | None
    missing_points: Decimal | None
    warnings: list[str]


class Listed(msgspec.Struct, frozen=True):
    """How many classes, schools and learners who are behind there are; how many of these have not logged in, studied, passed."""

    classes: int
    schools: int
    learners: int
    not_logged_in: int
    not_studied: int
    not_passed: int


class Featured(msgspec.Struct, frozen=True, gc=False):
    """Journals and assignments that were featured by the date; of one enrolment in a restricted edition."""

    kind: str
    county_id: str | None
    subject_id: str | None
    enrolment_id: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Action:
    """A next step, chosen by a rule of the pack: who does what by when, and because of how many (``{count}`` in its text)."""

    action: str
    text: Label
    owner: Label
    due_on: date
    when: str
    count: int
    #: From how many on the rule asks for it.
    minimum: int = 1


@dataclass(frozen=True, slots=True)
class Note:
    """Something about the data that is not as expected."""

    claim: Label
    examples: str


@dataclass(frozen=True, slots=True)
class Bulletin:
    """One edition: of the whole programme or of one county (``county_id``), public or restricted."""

    programme_id: str
    programme: Label
    county_name: Label
    subject_name: Label
    number: int
    title: Label
    county_id: str | None
    audience: str
    issued_on: date
    as_of: date
    previous_as_of: date | None
    known_by: datetime
    last_recorded_at: datetime | None
    build_id: str
    definitions_digest: str
    is_simulated: bool
    smallest_group: int
    #: Whether the build was judged by the quality checks, whose findings are the notes.
    is_checked: bool
    notes: list[Note]
    indicators: list[Indicator]
    whole: Group
    called_up: int
    called_up_by_county: dict[str, int]
    counties: list[Group]
    subjects: list[Group]
    grid: list[Group]
    classes: list[Group]
    schools: list[Group]
    trend: list[TrendPoint]
    pace: dict[str, list[tuple[date, Decimal]]]
    warnings: list[WarningCount]
    learners: list[Learner]
    featured: list[Featured]
    actions: list[Action]
    #: Of all there are, where ``classes``, ``schools`` and ``learners`` hold only those that a page prints.
    listed: Listed | None = None
    #: Names of the classes and schools of ``learners``, by id; what was sealed before there were names has none.
    class_names: dict[str, Label] = field(default_factory=dict)
    school_names: dict[str, Label] = field(default_factory=dict)
