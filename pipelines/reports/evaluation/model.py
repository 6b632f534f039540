"""What the evaluation report says, in no language and no format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pipelines.audit.model import Audit, PrintedFigure
from pipelines.reports.bulletin.model import Bulletin, Issue
from pipelines.words import Label, Share

__all__ = ["RATES", "STAFF_ACTIVITIES", "Computed", "Evaluation"]

#: Indicators of the whole programme and of its counties that the report prints.
RATES = ("registration", "login", "study", "pass", "pass_of_studied")
STAFF_ACTIVITIES = (
    "announcement", "post", "reply", "briefing", "grading", "workshop_activity", "photo", "article", "qa_session",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Computed:
    """A figure: a count, an amount, or a share, and its trace (SQL, or what `xueqing explain` takes)."""

    name: str
    value: int | Decimal | Share | None
    trace: str

    @property
    def command(self) -> str:
        """The command that gives it again."""
        kind = "sql" if self.trace.startswith("select") else "explain"
        return f'xueqing {kind} "{self.trace}"'


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the report says, in no language; ``bulletin`` is the public edition of its date."""

    bulletin: Bulletin
    #: Without a value where :attr:`withheld` names them.
    figures: Mapping[str, Computed]
    withheld: frozenset[str]
    stages: Mapping[str, Label]
    phases: Sequence[tuple[Label, date, date]]
    categories: Sequence[tuple[str, Label]]
    rules: Sequence[tuple[str, Decimal, Decimal | None, Label, Decimal, str, Decimal, str]]
    calendar: Sequence[Issue]
    levels: Sequence[tuple[int, Label]]
    #: By item: its label and how many chose each level.
    survey: Sequence[tuple[str, Label, Mapping[int, int]]]
    narrative: Mapping[str, Label]
    #: What the programme's own report printed; the indicator is the computed figure's name.
    published: Sequence[PrintedFigure]
    audit: Audit
