"""What a bulletin is asked about, and the connection that answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

__all__ = ["Question"]


@dataclass(frozen=True, slots=True)
class Question:
    """A programme and a date; learners, classes and schools may be limited to one county, or to those that are printed.

    Two temporary tables hand what one question found to the next: ``homes`` (and ``all_homes``) from :mod:`pipelines.reading.groups`,
    ``warned`` and ``behind`` from :mod:`pipelines.reading.learners`.
    """

    con: duckdb.DuckDBPyConnection
    programme_id: str
    on: date
    before: date | None
    county_id: str | None
    only_printed: bool

    def rows(self, sql: str, **more: object) -> list[tuple[Any, ...]]:
        """The rows of a query, whose parameters are $programme, $on, $county and those of ``more``."""
        values = {"programme": self.programme_id, "on": self.on, "county": self.county_id, **more}
        return self.con.execute(sql, {k: v for k, v in values.items() if f"${k}" in sql}).fetchall()
