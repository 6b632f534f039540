"""The words that packs may use. They stand as ``vars`` in ``dbt_project/dbt_project.yml``; dbt and Python both read them there.

The file is read when a word is first asked for, once a process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

__all__ = [
    "activities",
    "award_measures",
    "breakdowns",
    "decided_activities",
    "dimension_columns",
    "dimensions",
    "platform_events",
    "scoring_rules",
    "statement_events",
    "total_activities",
    "warning_kinds",
    "whole_groups",
]


@cache
def _vocabulary() -> Mapping[str, Any]:
    # The project lies beside the packages, in a checkout and in a wheel.
    file = Path(str(resources.files("ingest"))).parent / "dbt_project" / "dbt_project.yml"
    found: Mapping[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))["vars"]
    return found


def decided_activities() -> frozenset[str]:
    """The activities in which the latest decision counts; the number of decisions means nothing."""
    return frozenset(_vocabulary()["decided_activities"])


def activities() -> frozenset[str]:
    """The activities that the warehouse counts; a rule or an indicator names some, joined by ``|``."""
    return frozenset(_vocabulary()["plain_activities"].values()) | decided_activities()


def statement_events() -> frozenset[str]:
    """The event types that a verb of statements may count as."""
    return frozenset(_vocabulary()["statement_events"])


def platform_events() -> frozenset[str]:
    """The event types that what a platform recorded may count as."""
    return frozenset(_vocabulary()["platform_events"])


def total_activities() -> Mapping[str, str]:
    """The activities of which a platform may tell a total, and what it is a total of: events, things, clicks, seconds, points or percent."""
    found: Mapping[str, str] = _vocabulary()["total_activities"]
    return found


def whole_groups() -> frozenset[str]:
    """The groups that an indicator may be a share of."""
    return frozenset(_vocabulary()["whole_groups"])


def dimensions() -> Mapping[str, str]:
    """The name of each place of a cell, and the column that holds it."""
    return {column.removesuffix("_id"): column for column in _vocabulary()["dimensions"]}


def dimension_columns() -> frozenset[str]:
    """The columns that may make a cell."""
    return frozenset(_vocabulary()["dimensions"])


def breakdowns() -> Mapping[str, Sequence[str]]:
    """Each breakdown, and the columns that make its cells."""
    found: Mapping[str, Sequence[str]] = _vocabulary()["breakdowns"]
    return found


def scoring_rules() -> frozenset[str]:
    """The ways in which a component gives points."""
    return frozenset(_vocabulary()["scoring"])


def warning_kinds() -> Mapping[str, str]:
    """The kinds of warnings, and the meaning of each kind's threshold."""
    found: Mapping[str, str] = _vocabulary()["warning_kinds"]
    return found


def award_measures() -> Mapping[str, frozenset[str]]:
    """The measures that may order the candidates for an award, by who they are: learner or tutor."""
    return {who: frozenset(measures) for who, measures in _vocabulary()["award_measures"].items()}
