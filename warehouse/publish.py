"""The published warehouse: one file with the tested marts, replaced by rename.

A reader keeps the file it opened until it closes it; it never waits for a build, never sees
half of one and never blocks one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb
import pyarrow as pa

__all__ = [
    "QUALITY_CHECKS",
    "SURVEY_ESTIMATES",
    "BuildInfo",
    "copy_published",
    "in_order",
    "put_in_place",
    "read_info",
    "write_marts",
]


#: What the checks of a build said, one row an expectation and programme; a build without checks publishes none.
QUALITY_CHECKS = pa.schema(
    [
        pa.field("suite", pa.string()),
        pa.field("programme_id", pa.string()),
        pa.field("claim_zh", pa.string()),
        pa.field("claim_en", pa.string()),
        pa.field("severity", pa.string()),
        pa.field("is_met", pa.bool_()),
        pa.field("checked_count", pa.int64()),
        pa.field("unexpected_count", pa.int64()),
        pa.field("examples", pa.string()),
    ]
)

#: What was inferred from surveys' answers, one row a statistic and what it is of; the fields that do not apply are null.
SURVEY_ESTIMATES = pa.schema(
    [
        pa.field("programme_id", pa.string()),
        pa.field("as_of_on", pa.date32()),
        pa.field("form_id", pa.string()),
        pa.field("statistic", pa.string()),
        pa.field("item_id", pa.string()),
        pa.field("level", pa.int64()),
        pa.field("other_item_id", pa.string()),
        pa.field("breakdown", pa.string()),
        pa.field("group_id", pa.string()),
        pa.field("measure", pa.string()),
        pa.field("respondent_count", pa.int64()),
        pa.field("estimate", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("confidence", pa.float64()),
        pa.field("p_value", pa.float64()),
        pa.field("adjusted_p_value", pa.float64()),
    ]
)


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """What a published warehouse was built from."""

    build_id: str
    built_at: datetime
    lake_version: int
    next_offsets: dict[str, int]
    definitions: str


def _beside(published: Path) -> Path:
    return published.with_suffix(".publishing")


def copy_published(published: Path) -> None:
    """Copy the published file to where :func:`write_marts` goes on from it; that can be done while models run."""
    shutil.copyfile(published, _beside(published))
    # Written out now, beside the models, what is left to write at the end is what has changed.
    with _beside(published).open("rb") as file:
        os.fsync(file.fileno())


def write_marts(candidate: Path, published: Path, info: BuildInfo, *, grown: Collection[str] = ()) -> Path:
    """Copy the marts of ``candidate`` into a new file beside ``published``; :func:`put_in_place` publishes it.

    Args:
        grown: marts of which only the touched enrolments' rows differ from those of ``published``, which then is the
            build before this one and was copied by :func:`copy_published`: the others are not written again (30 s of
            2 at 50 million events).
    """
    fresh = _beside(published)
    if not grown:
        fresh.unlink(missing_ok=True)
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        con.execute("set preserve_insertion_order = false")
        con.execute(f"attach {_text(candidate)} as private (read_only)")
        con.execute(f"attach {_text(fresh)} as fresh")
        for schema in ("marts", "reference"):
            con.execute(f"create schema if not exists fresh.{schema}")
        for (view,) in con.execute(
            "select view_name from duckdb_views() where database_name = 'fresh' and schema_name = 'marts'"
        ).fetchall():
            con.execute(f"drop view fresh.marts.{view}")
        tables = con.execute(
            "select schema_name, table_name from duckdb_tables()"
            " where database_name = 'private' and schema_name in ('marts', 'reference') order by all"
        ).fetchall()
        for schema, table in tables:
            if schema == "marts" and table in grown:
                touched = f"{table}.programme_id = t.programme_id and {table}.enrolment_id = t.enrolment_id"
                source = "private.intermediate.int_enrolments_touched t"
                con.execute(f"delete from fresh.marts.{table} using {source} where {touched}")
                con.execute(
                    f"insert into fresh.marts.{table} by name select {table}.* from private.marts.{table} join {source} on {touched}"
                )
            else:
                con.execute(f"create or replace table fresh.{schema}.{table} as from private.{schema}.{table}")
        con.execute("use fresh.marts")
        found = con.execute(
            "select view_name, sql from duckdb_views() where database_name = 'private' and schema_name = 'marts'"
        ).fetchall()
        # A view names the file it was made in; here it reads its neighbours.
        for sql in in_order({name: sql.replace(f"{candidate.stem}.", "") for name, sql in found}):
            con.execute(sql)
        con.execute(
            "create or replace table fresh.marts.build_info as select ?::varchar as build_id, ?::timestamptz as built_at,"
            " ?::bigint as lake_version, ?::varchar as next_offsets, ?::varchar as definitions",
            [info.build_id, info.built_at, info.lake_version, json.dumps(info.next_offsets), info.definitions],
        )
        con.execute("use memory")
        con.execute("checkpoint fresh")
        con.execute("detach fresh")
    return fresh


def put_in_place(fresh: Path, published: Path, checks: pa.Table, estimates: pa.Table) -> None:
    """Publish what :func:`write_marts` wrote.

    Args:
        checks: what it has passed, columns as in QUALITY_CHECKS.
        estimates: what was inferred from it, columns as in SURVEY_ESTIMATES.
    """
    with duckdb.connect(str(fresh)) as con:
        con.execute("create or replace table marts.quality_checks as from checks")
        con.execute("create or replace table marts.survey_estimates as from estimates")
        con.execute("checkpoint")
    with fresh.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(fresh, published)


def in_order(views: dict[str, str]) -> list[str]:
    """The views' SQL, each after those that it reads."""
    reads = {name: {n for n in views if n != name and re.search(rf"\b{n}\b", sql)} for name, sql in views.items()}
    return [views[name] for name in TopologicalSorter(reads).static_order()]


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def read_info(published: Path) -> BuildInfo | None:
    """What the published file was built from; ``None`` where there is none."""
    if not published.exists():
        return None
    with duckdb.connect(str(published), read_only=True) as con:
        con.execute("set timezone = 'UTC'")
        row = con.execute(
            "select build_id, built_at, lake_version, next_offsets, definitions from marts.build_info"
        ).fetchone()
    assert row is not None
    return BuildInfo(row[0], row[1], row[2], json.loads(row[3]), row[4])
