"""Small warehouses for tests."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from tests.oracle import BREAKDOWNS, COUNTS, Cell, Raw
from warehouse.query import connect


def raw_records(log_file: Path) -> list[Raw]:
    """Every record of an embedded log, straight from its file."""
    with sqlite3.connect(log_file) as con:
        rows = con.execute("select partition, offset, recorded_at_us, value from records").fetchall()
    con.close()
    return [Raw(*row) for row in rows]


def status_cells(published: Path, programme_id: str, day: date) -> dict[Cell, tuple[int, ...]]:
    """The published status on a date, as the oracle gives it."""
    with connect(published) as con:
        return cells_of(con, programme_id, day)


def cells_of(con: duckdb.DuckDBPyConnection, programme_id: str, day: date) -> dict[Cell, tuple[int, ...]]:
    places = sorted({part for parts in BREAKDOWNS.values() for part in parts})
    rows = con.execute(
        f"""
        select breakdown, {", ".join(places)}, {", ".join(f"{name}_count" for name in COUNTS)} from rpt_status
        where programme_id = ? and as_of_on = (
            select max(as_of_on) from rpt_status where programme_id = ? and as_of_on <= ?)
        """,
        [programme_id, programme_id, day],
    ).fetchall()
    found: dict[Cell, tuple[int, ...]] = {}
    for breakdown, *values in rows:
        place = dict(zip(places, values[: len(places)], strict=True))
        counts = tuple(values[len(places) :])
        if any(counts):
            cell = (breakdown, *(place[part] for part in BREAKDOWNS[breakdown]))
            assert cell not in found
            found[cell] = counts
    return found


def scores_of(con: duckdb.DuckDBPyConnection, programme_id: str, day: date) -> dict[str, dict[str, Any]]:
    """The published score cards on a date, as the oracle gives them."""
    when = "programme_id = ? and valid_from_on <= ? and (valid_to_on is null or valid_to_on > ?)"
    found: dict[str, dict[str, Any]] = defaultdict(lambda: {"components": {}, "stages": {}})
    for table, columns in (
        ("fct_score_components", "component, achieved, points, todo_count, is_clipped"),
        ("fct_stage_scores", "stage, points, missing_points, has_passed"),
    ):
        kind = "components" if "component" in table else "stages"
        for enrolment, name, *values in con.execute(
            f"select enrolment_id, {columns} from {table} where {when}", [programme_id, day, day]
        ).fetchall():
            assert name not in found[enrolment][kind]
            found[enrolment][kind][name] = tuple(values)
    for enrolment, *values in con.execute(
        f"select enrolment_id, points, missing_points, passed_stage_count, has_passed from fct_scorecards where {when}",
        [programme_id, day, day],
    ).fetchall():
        assert "card" not in found[enrolment]
        found[enrolment]["card"] = tuple(values)
    return dict(found)


def marts(published: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every mart, ordered, without what names the build."""
    with connect(published) as con:
        names = [r[0] for r in con.execute(
            "select table_name from duckdb_tables() where database_name = 'warehouse' and schema_name = 'marts'"
            " and table_name <> 'build_info' order by 1"
        ).fetchall()]  # fmt: skip
        return {name: con.execute(f"from {name} order by all").fetchall() for name in names}
