"""The published warehouse: one file with the tested marts, replaced by rename.

A reader keeps the file it opened until it closes it; it never waits for a build, never sees
half of one and never blocks one.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import zlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb
import pyarrow as pa

from warehouse.damage import warehouse_errors
from warehouse.errors import WarehouseDamaged

__all__ = [
    "QUALITY_CHECKS",
    "SURVEY_ESTIMATES",
    "BuildInfo",
    "copy_published",
    "in_order",
    "is_as_published",
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

#: What the published tables are that no model makes: of themselves under the empty name, and of their columns.
_TOLD = {
    "actions": {"": "What a report proposes to do next, when, and who is to do it, by version."},
    "bulletins": {"": "The dates of the bulletins, by their numbers."},
    "survey_items": {"": "Items of the forms with labels."},
    "survey_levels": {"": "Levels of the forms with labels and scores."},
    "build_info": {
        "": "One row: the build that this file holds.",
        "build_id": "Names the build.",
        "built_at": "When it began, UTC.",
        "lake_version": "Version of the lake's table that it read.",
        "next_offsets": "Partition of the log → the first offset that it has not read, as JSON.",
        "definitions": "Digest of the packs and models that it was built with.",
    },
    "quality_checks": {
        "": "One row an expectation and programme: what the checks of this build said.",
        "suite": "The suite that the expectation belongs to.",
        "programme_id": "The programme.",
        "claim_zh": "What is expected, in Chinese.",
        "claim_en": "What is expected, in English.",
        "severity": "error: publishes nothing; warning: is printed in reports.",
        "is_met": "Whether it is as expected.",
        "checked_count": "Rows that were looked at.",
        "unexpected_count": "Of those, not as expected.",
        "examples": "Some of them.",
    },
    "survey_estimates": {
        "": "One row a form, statistic and what it is of: what was inferred from the answers as of the last date.",
        "programme_id": "The programme.",
        "as_of_on": "The status at the end of this local date.",
        "form_id": "The form.",
        "statistic": "What was estimated; docs/surveys.md lists them.",
        "item_id": "The item that it is of; null where it is of the form.",
        "level": "The level of the item that it is of, if any.",
        "other_item_id": "The item that it is compared with, if any.",
        "breakdown": "What the group is of, if any.",
        "group_id": "The group, if any.",
        "measure": "What was measured, if anything.",
        "respondent_count": "Enrolments that it rests on.",
        "estimate": "The estimate.",
        "low": "Lower end of its interval.",
        "high": "Upper end of its interval.",
        "confidence": "Confidence of the interval, 0–1.",
        "p_value": "p value of the test, if it is one.",
        "adjusted_p_value": "p value adjusted for the number of tests.",
    },
}


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


def is_as_published(published: Path, seal: Path) -> bool:
    """Whether the published file has the bytes that it was published with, by what :func:`put_in_place` wrote into ``seal``.

    DuckDB looks at a block when it is asked for: what is damaged elsewhere would be copied on from build to build.
    """
    try:
        return seal.read_text(encoding="ascii") == _sum_of(published)
    except (FileNotFoundError, UnicodeDecodeError):
        return False


def _sum_of(path: Path) -> str:
    """The file's size and its CRC-32: against chance, and three times as fast as a digest."""
    total, size = 0, 0
    with path.open("rb") as file:
        while part := file.read(1 << 22):
            total, size = zlib.crc32(part, total), size + len(part)
    return f"{size} {total:08x}\n"


def write_marts(
    candidate: Path,
    published: Path,
    info: BuildInfo,
    told: Mapping[str, Mapping[str, str]],
    *,
    grown: Collection[str] = (),
) -> Path:
    """Copy the marts of ``candidate`` into a new file beside ``published``; :func:`put_in_place` publishes it.

    Args:
        told: the comments of each table and view, and of its columns (as in :func:`warehouse.dbt.told`).
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
        for schema, view in con.execute(
            "select schema_name, view_name from duckdb_views()"
            " where database_name = 'fresh' and schema_name in ('main', 'marts') and not internal"
        ).fetchall():
            con.execute(f"drop view fresh.{schema}.{view}")
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
        views = {name: sql.replace(f"{candidate.stem}.", "") for name, sql in found}
        for sql in in_order(views):
            con.execute(sql)
        con.execute(
            "create or replace table fresh.marts.build_info as select ?::varchar as build_id, ?::timestamptz as built_at,"
            " ?::bigint as lake_version, ?::varchar as next_offsets, ?::varchar as definitions",
            [info.build_id, info.built_at, info.lake_version, json.dumps(info.next_offsets), info.definitions],
        )
        _show(con, [*tables, *(("marts", view) for view in views), ("marts", "build_info")], told)
        con.execute("use memory")
        con.execute("checkpoint fresh")
        con.execute("detach fresh")
    return fresh


def _show(
    con: duckdb.DuckDBPyConnection, names: Iterable[tuple[str, str]], told: Mapping[str, Mapping[str, str]]
) -> None:
    """Make tables and views that stand in a schema of the file in use known by their bare names, and say in comments what they are.

    Any client finds what is in ``main``.
    """
    kinds = dict(
        con.execute(
            "select table_schema || '.' || table_name, case table_type when 'VIEW' then 'view' else 'table' end"
            " from information_schema.tables where table_catalog = current_database()"
        ).fetchall()
    )
    made, said = [], []
    for schema, name in names:
        made.append(f"create or replace view main.{name} as from {schema}.{name}")
        for kind, place in ((kinds[f"{schema}.{name}"], f"{schema}.{name}"), ("view", f"main.{name}")):
            for column, text in (told.get(name) or _TOLD.get(name, {})).items():
                said.append(
                    f"comment on {f'column {place}.{column}' if column else f'{kind} {place}'} is {_quoted(text)}"
                )
    # In one transaction: each by itself would be written by itself.
    con.execute("begin; " + "; ".join(made + said) + "; commit")


def put_in_place(fresh: Path, published: Path, checks: pa.Table, estimates: pa.Table, seal: Path) -> None:
    """Publish what :func:`write_marts` wrote.

    Args:
        seal: where to write what :func:`is_as_published` looks at.
        checks: what it has passed, columns as in QUALITY_CHECKS.
        estimates: what was inferred from it, columns as in SURVEY_ESTIMATES.
    """
    with duckdb.connect(str(fresh)) as con:
        con.execute("create or replace table marts.quality_checks as from checks")
        con.execute("create or replace table marts.survey_estimates as from estimates")
        _show(con, [("marts", "quality_checks"), ("marts", "survey_estimates")], {})
        con.execute("checkpoint")
    with fresh.open("rb") as file:
        os.fsync(file.fileno())
    # First: killed in between, the older file does not match, and the next build publishes anew.
    seal.write_text(_sum_of(fresh), encoding="ascii")
    if published.exists():
        # Whoever may read the one may read the other, from the first moment.
        before = published.stat()
        with contextlib.suppress(PermissionError):
            os.chown(fresh, -1, before.st_gid)
            fresh.chmod(before.st_mode & 0o740)
    os.replace(fresh, published)


def in_order(views: dict[str, str]) -> list[str]:
    """The views' SQL, each after those that it reads."""
    reads = {name: {n for n in views if n != name and re.search(rf"\b{n}\b", sql)} for name, sql in views.items()}
    return [views[name] for name in TopologicalSorter(reads).static_order()]


def _text(path: Path) -> str:
    return _quoted(str(path))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def read_info(published: Path) -> BuildInfo | None:
    """What the published file was built from; ``None`` where there is none.

    Raises:
        WarehouseDamaged: it cannot be read.
    """
    if not published.exists():
        return None
    row = None
    with warehouse_errors(), duckdb.connect(str(published), read_only=True) as con:
        con.execute("set timezone = 'UTC'")
        row = con.execute(
            "select build_id, built_at, lake_version, next_offsets, definitions from marts.build_info"
        ).fetchone()
    if row is None:
        raise WarehouseDamaged(
            "the published file is damaged (it does not say what it was built from); run: xueqing build"
        )
    return BuildInfo(row[0], row[1], row[2], json.loads(row[3]), row[4])
