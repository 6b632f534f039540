"""Small warehouses for tests."""

from __future__ import annotations

import sqlite3
from datetime import date
from pathlib import Path

import duckdb

from tests.oracle import Raw
from warehouse.query import connect

COUNTS = "called_up_count, participating_count, login_count, study_count, pass_count"


def raw_records(log_file: Path) -> list[Raw]:
    """Every record of an embedded log, straight from its file."""
    with sqlite3.connect(log_file) as con:
        rows = con.execute("select partition, offset, recorded_at_us, value from records").fetchall()
    con.close()
    return [Raw(*row) for row in rows]


def status_cells(
    published: Path, programme_id: str, day: date
) -> dict[tuple[str, str | None, str | None], tuple[int, ...]]:
    """The published status on a date, as the oracle gives it."""
    with connect(published) as con:
        return cells_of(con, programme_id, day)


def cells_of(
    con: duckdb.DuckDBPyConnection, programme_id: str, day: date
) -> dict[tuple[str, str | None, str | None], tuple[int, ...]]:
    rows = con.execute(
        f"""
        select breakdown, county_id, subject_id, class_id, school_stage, {COUNTS} from rpt_status
        where programme_id = ? and as_of_on = (
            select max(as_of_on) from rpt_status where programme_id = ? and as_of_on <= ?)
        """,
        [programme_id, programme_id, day],
    ).fetchall()
    found = {}
    for breakdown, county, subject, klass, stage, *counts in rows:
        first = {
            "county": county,
            "subject": subject,
            "class": klass,
            "school_stage": stage,
            "county_subject": county,
        }.get(breakdown)
        second = subject if breakdown == "county_subject" else None
        if any(counts):
            found[breakdown, first, second] = tuple(counts)
    return found


def marts(published: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every mart, ordered, without what names the build."""
    with connect(published) as con:
        names = [r[0] for r in con.execute(
            "select table_name from duckdb_tables() where database_name = 'warehouse' and schema_name = 'marts'"
            " and table_name <> 'build_info' order by 1"
        ).fetchall()]  # fmt: skip
        return {name: con.execute(f"from {name} order by all").fetchall() for name in names}
