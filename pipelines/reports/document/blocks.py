"""What a report is made of. Values keep their numbers, so that a workbook gets numbers and a page gets text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal, overload

import msgspec

from pipelines.words import NO_VALUE, clean_text, count_text, percent

__all__ = [
    "Block",
    "Card",
    "Cards",
    "Chart",
    "Column",
    "Definitions",
    "Document",
    "Heading",
    "Items",
    "LazyRows",
    "Notice",
    "Paragraph",
    "Row",
    "Slot",
    "Table",
    "Value",
    "date_text",
]

Kind = Literal["text", "count", "percent", "points", "change", "date", "none", "hidden"]
#: What stands in the place of a figure that is not given, so that nobody can be made out.
HIDDEN = "*"
_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)


def date_text(day: date, language: str) -> str:
    """A date as it is written in Chinese or English."""
    if language == "zh":
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


class Value(msgspec.Struct, frozen=True, gc=False):
    """One cell: what kind it is, its number (a percentage's is 0–100, a change's percentage points), and its text."""

    kind: Kind
    text: str
    number: Decimal | int | None = None
    day: date | None = None
    #: 0…4: how dark the cell is.
    shade: int = 0
    #: The anchor of a row of the same document that it leads to.
    link: str = ""

    @classmethod
    def of_text(cls, text: str) -> Value:
        return cls("text", clean_text(text))

    @classmethod
    def of_count(cls, count: int | None) -> Value:
        return cls.missing() if count is None else cls("count", count_text(count), count)

    @classmethod
    def of_share(cls, numerator: int | None, denominator: int | None, *, shaded: bool = False) -> Value:
        """The share in percent with two decimals, half up; nothing for an empty denominator."""
        if not denominator or numerator is None:
            return cls.missing()
        text = percent(numerator, denominator)
        return cls("percent", text, Decimal(text), shade=min(4, 5 * numerator // denominator) if shaded else 0)

    @classmethod
    def of_change(cls, change: Decimal | None) -> Value:
        """Percentage points, with their sign."""
        if change is None:
            return cls.missing()
        rounded = change.quantize(Decimal("0.01"), ROUND_HALF_UP)
        return cls("change", f"{rounded:+.2f}".replace("-", "−") if rounded else "0.00", rounded)

    @classmethod
    def of_points(cls, points: Decimal | None, decimals: int = 2) -> Value:
        if points is None:
            return cls.missing()
        rounded = points.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
        return cls("points", f"{rounded:,}", rounded)

    @classmethod
    def of_date(cls, day: date | None, language: str) -> Value:
        return cls.missing() if day is None else cls("date", date_text(day, language), day=day)

    @classmethod
    def missing(cls) -> Value:
        return cls("none", NO_VALUE)

    @classmethod
    def hidden(cls) -> Value:
        return cls("hidden", HIDDEN)


@dataclass(frozen=True, slots=True)
class Column:
    """A column's label; ``group`` spans neighbours that have the same."""

    label: str
    group: str = ""
    is_number: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table; ``level`` says how many lines above it hold it, in a table of several levels.

    ``anchor`` is what a value's link leads to.
    """

    cells: Sequence[Value]
    is_total: bool = False
    level: int = 0
    anchor: str = ""


class LazyRows(Sequence[Row]):
    """Rows that are made when they are asked for: a page prints sixty of what may be hundreds of thousands."""

    def __init__(self, things: Sequence[Any], make: Callable[[Any], Row]) -> None:
        self._things, self._make = things, make

    def __len__(self) -> int:
        return len(self._things)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | Sequence[Row]:
        if isinstance(at, slice):
            return [self._make(thing) for thing in self._things[at]]
        return self._make(self._things[at])


@dataclass(frozen=True, slots=True)
class Table:
    """A table; ``name`` is its sheet's in a workbook. ``most`` rows are printed, a workbook has them all.

    ``count``: how many rows there are, where ``rows`` holds only the first of them, at least ``most``.
    """

    name: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    note: str = ""
    most: int | None = None
    more: str = ""
    count: int | None = None

    @property
    def is_cut(self) -> bool:
        """Whether a page prints fewer rows than there are, and says so by ``more``."""
        return bool(self.most) and (len(self.rows) if self.count is None else self.count) > (self.most or 0)


@dataclass(frozen=True, slots=True)
class Heading:
    """A section's title."""

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What a reader must not overlook."""

    text: str


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for what no event can tell, filled in by people: told apart from everything computed."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Card:
    """A headline figure with what stands under it."""

    label: str
    value: Value
    details: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Cards:
    """Headline figures side by side."""

    cards: Sequence[Card]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as SVG; ``described`` says in words what it shows."""

    svg: str
    caption: str
    described: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Definitions:
    """Terms and what they mean."""

    terms: Sequence[tuple[str, str]]


Block = Heading | Paragraph | Notice | Slot | Cards | Table | Chart | Items | Definitions


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report in one language."""

    language: str
    title: str
    subtitle: str
    on: date
    blocks: Sequence[Block]
    footer: Sequence[str] = field(default_factory=tuple)

    def is_said(self, table: Table) -> bool:
        """Whether a heading of the document says just what the table's caption does."""
        return any(isinstance(block, Heading) and block.text == table.caption for block in self.blocks)
