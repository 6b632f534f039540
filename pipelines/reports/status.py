"""The status of a programme on a date: what the terminal's table and the page show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

__all__ = ["Cell", "DayPoint", "StatusReport"]


@dataclass(frozen=True, slots=True)
class Cell:
    """Counts of one cell of a breakdown, all of enrolments."""

    called_up: int
    participating: int
    login: int
    study: int
    passed: int


@dataclass(frozen=True, slots=True)
class DayPoint:
    """The programme at the end of one date."""

    on: date
    cell: Cell


@dataclass(frozen=True, slots=True)
class StatusReport:
    """Everything that the status table and page show."""

    programme_id: str
    label_zh: str
    label_en: str
    as_of: date
    build_id: str
    is_simulated: bool
    total: Cell
    counties: Mapping[str, str]
    subjects: Mapping[str, str]
    by_county: Mapping[str, Cell]
    by_subject: Mapping[str, Cell]
    grid: Mapping[tuple[str, str], Cell]
    trend: list[DayPoint]
    definitions: list[tuple[str, str, str]]
    #: What the quality checks found, each with examples.
    notes: list[tuple[str, str]]
