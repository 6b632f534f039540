"""What is audited, and what an audit says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, Protocol

from pipelines.audit.printed import Printed
from pipelines.words import Label

__all__ = [
    "Audit",
    "Claim",
    "Correction",
    "PrintedFigure",
    "Relation",
    "Severity",
    "Statement",
    "Unread",
    "Values",
    "Verdict",
]

Severity = Literal["error", "warning", "notice"]
Values = Mapping[str, Printed]
_NOTHING = Label("", "")


@dataclass(frozen=True, slots=True)
class PrintedFigure:
    """A printed figure and what is known of it.

    Attributes:
        numerator, denominator: ids of figures, of a percentage.
        indicator, group: what it measures, of whom; figures alike in both must agree.
        part_of: what its shares make up, together with the others that name the same.
        sample, statistic, items, scale: of a mean or standard deviation ("mean", "sd"): which answers, the whole-number items
            that each is the mean of, and the ends of the scale.
        is_cumulative: counted from a beginning on, so that it never falls.
    """

    figure_id: str
    printed: Printed
    label: Label
    where: Label = _NOTHING
    unit: str = ""
    numerator: str | None = None
    denominator: str | None = None
    as_of: date | None = None
    indicator: str = ""
    group: str = ""
    source: str = ""
    part_of: str = ""
    sample: str = ""
    statistic: str = ""
    items: int = 1
    scale: tuple[int, int] | None = None
    is_cumulative: bool = False


@dataclass(frozen=True, slots=True)
class Relation:
    """What is said to hold between figures: ``left`` and ``right`` are sums and products of their ids and numbers."""

    relation_id: str
    left: str
    relation: str
    right: str
    why: Label


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a claim holds, None where that cannot be told, and how that was found."""

    holds: bool | None
    arithmetic: Label


class Claim(Protocol):
    """Something that must be true of some figures, by a rule."""

    @property
    def rule(self) -> str:
        """Its name, whose text is a key of ``audit.rules`` in the catalogue of texts."""

    @property
    def severity(self) -> Severity:
        """How bad it is where it does not hold."""

    @property
    def figures(self) -> tuple[str, ...]:
        """The figures that it is about."""

    def check(self, values: Values) -> Verdict:
        """Whether it is, for these values of all figures."""

    def nearest(self, values: Values) -> Sequence[tuple[str, str]]:
        """Where it does not hold: figures, each with a value near the printed one that would be possible, the others being right."""

    def power(self, values: Values) -> float | None:
        """The part of other values, printed with as many digits, in which it would be found not to hold."""


@dataclass(frozen=True, slots=True)
class Correction:
    """One change of one figure after which a claim holds.

    Attributes:
        resolves: how many findings it resolves.
        breaks: how many claims that hold would not any more.
    """

    figure: str
    text: str
    kind: Label
    resolves: int
    breaks: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A claim, what was found, and how much that says (:meth:`Claim.power`); of a finding what would be possible."""

    rule: str
    severity: Severity
    figures: tuple[str, ...]
    verdict: Verdict
    power: float | None
    nearest: Sequence[tuple[str, str]] = ()
    corrections: Sequence[Correction] = ()


@dataclass(frozen=True, slots=True)
class Unread:
    """A cell that could not be read: its file, row (the header is 1) and column, and why."""

    file: str
    row: int
    column: str
    why: str


@dataclass(frozen=True, slots=True)
class Audit:
    """Everything that was looked at: findings first, errors before warnings."""

    figures: Mapping[str, PrintedFigure]
    statements: Sequence[Statement]
    unread: Sequence[Unread] = field(default_factory=tuple)

    @property
    def findings(self) -> list[Statement]:
        """What does not hold."""
        return [s for s in self.statements if s.verdict.holds is False]

    @property
    def errors(self) -> list[Statement]:
        """What cannot be."""
        return [s for s in self.findings if s.severity == "error"]
