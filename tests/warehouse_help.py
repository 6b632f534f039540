"""Small warehouses for tests."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import yaml

from tests.conftest import ROOT
from tests.oracle import BREAKDOWNS, Cell, Raw
from warehouse.query import connect


def raw_records(log_file: Path) -> list[Raw]:
    """Every record of an embedded log, straight from its file."""
    with sqlite3.connect(log_file) as con:
        rows = con.execute("select partition, offset, recorded_at_us, value from records").fetchall()
    con.close()
    return [Raw(*row) for row in rows]


def status_cells(published: Path, programme_id: str, day: date) -> dict[Cell, Counter[str]]:
    """The published status on a date, as the oracle gives it."""
    with connect(published) as con:
        return cells_of(con, programme_id, day)


def cells_of(con: duckdb.DuckDBPyConnection, programme_id: str, day: date) -> dict[Cell, Counter[str]]:
    places = sorted({part for parts in BREAKDOWNS.values() for part in parts})
    parts = BREAKDOWNS | {
        name: tuple(of.split("|"))
        for name, of in con.execute(
            "select breakdown, dimensions from reference.breakdowns where programme_id = ? and dimensions <> ''",
            [programme_id],
        ).fetchall()
    }
    day_of_it = """
        programme_id = $programme
        and as_of_on = (select max(as_of_on) from dim_dates where programme_id = $programme and as_of_on <= $day)"""
    rows = con.execute(
        f"""
        select breakdown, {", ".join(places)}, indicator, numerator_count from rpt_indicators where {day_of_it}
        union all
        select breakdown, {", ".join(places)}, unnest(['called_up', 'participating']), unnest([called_up_count, participating_count])
        from rpt_status join dim_cells using (programme_id, breakdown, cell_id) where {day_of_it}
        """,
        {"programme": programme_id, "day": day},
    ).fetchall()
    found: dict[Cell, Counter[str]] = defaultdict(Counter)
    for breakdown, *values, counted, count in rows:
        place = dict(zip(places, values, strict=True))
        cell = found[breakdown, *(place[part] for part in parts[breakdown])]
        assert counted not in cell
        cell[counted] = count
    return {cell: some for cell, counts in found.items() if (some := +counts)}


def scores_of(con: duckdb.DuckDBPyConnection, programme_id: str, day: date) -> dict[str, dict[str, Any]]:
    """The published score cards on a date, as the oracle gives them."""
    when = "programme_id = ? and valid_from_on <= ? and valid_to_on > ?"
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


def names_of(
    con: duckdb.DuckDBPyConnection, programme_id: str, day: date
) -> dict[tuple[str, str], tuple[str, str, str | None]]:
    """How the named schools, classes and workshops are called on a date, as the oracle gives it; the others go by their ids."""
    found = {}
    for kind, group, zh, en, county, is_named in con.execute(
        "select kind, group_id, label_zh, label_en, county_id, is_named from dim_groups"
        " where programme_id = ? and valid_from_on <= ? and valid_to_on > ?",
        [programme_id, day, day],
    ).fetchall():
        assert (kind, group) not in found
        assert is_named or (zh, en, county) == (group, group, None)
        if is_named:
            found[kind, group] = (zh, en, county)
    return found


def marts(published: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every mart, ordered, without what names the build."""
    with connect(published) as con:
        names = [r[0] for r in con.execute(
            "select table_name from duckdb_tables() where database_name = 'warehouse' and schema_name = 'marts'"
            " and table_name <> 'build_info' order by 1"
        ).fetchall()]  # fmt: skip
        # A cell's number is the file's own: its spells go by its id.
        read = dict.fromkeys(names, "from {}") | {
            "dim_cells": "select * exclude (cell_number) from {}",
            "fct_cell_spells": "select breakdown, cell_id, s.* exclude (cell_number) from {} s join dim_cells using (programme_id, cell_number)",
        }
        return {name: con.execute(f"{sql.format(name)} order by all").fetchall() for name, sql in read.items()}


def models() -> list[dict[str, Any]]:
    """What the dbt project says of each model."""
    files = sorted((ROOT / "dbt_project" / "models").rglob("*.yml"))
    return [model for file in files for model in yaml.safe_load(file.read_text(encoding="utf-8")).get("models", [])]


def broken_keys(private: Path, folder: Path) -> list[str]:
    """The keys that models declare and a private build breaks: rows that share a primary key or lack a part of it, and foreign keys
    that lead nowhere.

    Args:
        folder: where a copy of the file may be made, called as its views call it.
    """
    file = Path(shutil.copyfile(private, folder / "candidate.duckdb"))
    declared = models()
    broken = []
    with duckdb.connect(str(file), read_only=True) as con:
        con.execute("set timezone = 'UTC'")
        schemas = dict(
            con.execute(
                "select table_name, table_schema from information_schema.tables where table_schema <> 'reference'"
            ).fetchall()
        )
        for model in declared:
            meta, tests = model.get("config", {}).get("meta", {}), model.get("data_tests", [])
            name = f"{schemas[model['name']]}.{model['name']}"
            if key := meta.get("primary_key"):
                needed = [c for c in key if c not in meta.get("may_be_null", [])]
                lacks = " or ".join(f"{c} is null" for c in needed) or "false"
                columns = ", ".join(key)
                repeated = f"select count(*) from (select {columns} from {name} group by all having count(*) > 1)"
                lacking = f"select count(*) from {name} where {lacks}"
                broken += [f"{name} ({columns}): {n}" for q in (repeated, lacking) if (n := _one(con, q))]
            told = [k for t in tests for k in t.get("refers_to", {}).get("arguments", {}).get("keys", [])]
            for key in [*meta.get("foreign_keys", []), *told]:
                to, there = f"{schemas[key['to']]}.{key['to']}", key.get("to_columns", key["columns"])
                given = " and ".join(f"r.{c} is not null" for c in key["columns"])
                same = " and ".join(f"r.{a} = f.{b}" for a, b in zip(key["columns"], there, strict=True))
                lost = f"select count(*) from {name} r anti join {to} f on {same} where {given}"
                if n := _one(con, lost):
                    broken.append(f"{name} ({', '.join(key['columns'])}) → {to}: {n}")
    return broken


def _one(con: duckdb.DuckDBPyConnection, query: str) -> Any:
    row = con.execute(query).fetchone()
    assert row is not None
    return row[0]
