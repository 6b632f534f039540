"""Read-only connections to what is published, with views over the lake."""

from __future__ import annotations

from pathlib import Path

import duckdb

from warehouse.errors import NotPublished
from warehouse.lake import RECORDS, Lake

__all__ = ["connect", "connect_lake", "has_mart"]


def connect(published: Path, lake: Lake | None = None) -> duckdb.DuckDBPyConnection:
    """A connection on which the marts can be read and nothing of them written.

    The marts are found by their bare names (``rpt_status``). With ``lake``, also
    ``lake.records`` (every record), ``lake.accepted``, ``lake.quarantined``, and ``lake.events``: what is accepted, statements as the
    events that they are counted as.

    Raises:
        NotPublished: no build has been published yet.
    """
    if not published.exists():
        raise NotPublished(f"nothing is published at {published} yet; run: xueqing build")
    con = duckdb.connect()
    con.execute("set timezone = 'UTC'")
    quoted = str(published).replace("'", "''")
    con.execute(f"attach '{quoted}' as warehouse (read_only)")
    if lake is not None and lake.exists:
        _add_lake_views(con, lake)
    con.execute("set search_path = 'memory.main,warehouse.marts,warehouse.reference'")
    if lake is not None and lake.exists:
        _add_events_view(con)
    return con


def has_mart(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether what is published has a mart: a build of an earlier version may not."""
    asked = "select 1 from duckdb_tables() where database_name = 'warehouse' and table_name = ?"
    return con.execute(asked, [name]).fetchone() is not None


def _add_events_view(con: duckdb.DuckDBPyConnection) -> None:
    voided = "case when a.event_type = 'event.voided' then a.payload ->> '$.voided_event_id' end"
    if not has_mart(con, "fct_counted_statements"):
        con.execute(f"create view lake.events as select a.*, {voided} as voided_event_id from lake.accepted a")
        return
    con.execute(
        "create view lake.events as select a.* replace ("
        " coalesce(s.event_type, a.event_type) as event_type, coalesce(s.event_id, a.event_id) as event_id),"
        f" coalesce(s.voided_event_id, {voided}) as voided_event_id from lake.accepted a"
        ' left join fct_counted_statements s on a."partition" = s.log_partition and a."offset" = s.log_offset'
    )


def connect_lake(lake: Lake) -> duckdb.DuckDBPyConnection:
    """A connection with the views over the lake only; it needs no published warehouse."""
    con = duckdb.connect()
    con.execute("set timezone = 'UTC'")
    _add_lake_views(con, lake)
    return con


def _add_lake_views(con: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    files = ", ".join("'" + f.removeprefix("file://").replace("'", "''") + "'" for f in lake.snapshot().files)
    con.execute("create schema lake")
    if files:
        con.execute(f"create view lake.records as from read_parquet([{files}])")
    else:
        empty = RECORDS.empty_table()  # noqa: F841 - DuckDB reads it by its name
        con.execute("create table lake.records as from empty")
    con.execute(
        "create view lake.accepted as"
        " select * exclude (disposition, reason, field, detail, raw) from lake.records where disposition = 'accepted'"
    )
    con.execute(
        "create view lake.quarantined as"
        ' select "partition", "offset", recorded_at, reason, field, detail, raw from lake.records'
        " where disposition = 'quarantined'"
    )
