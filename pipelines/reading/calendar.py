"""A programme's calendar of bulletins."""

from __future__ import annotations

import duckdb

from pipelines.reports.bulletin.model import Issue
from pipelines.words import Label

__all__ = ["calendar", "has_learners"]


def calendar(con: duckdb.DuckDBPyConnection, programme_id: str) -> list[Issue]:
    """The programme's bulletins, in their order."""
    rows = con.execute(
        "select cast(number as integer), cast(issued_on as date), cast(as_of_on as date), focus, label_zh, label_en"
        " from reference.bulletins where programme_id = ? order by 1",
        [programme_id],
    ).fetchall()
    return [Issue(n, issued, as_of, tuple(focus.split("|")), Label(zh, en)) for n, issued, as_of, focus, zh, en in rows]


def has_learners(con: duckdb.DuckDBPyConnection, programme_id: str) -> bool:
    """Whether anybody was ever enrolled."""
    return bool(con.execute("select 1 from dim_enrolments where programme_id = ? limit 1", [programme_id]).fetchone())
