"""Read-only connections to what is published, with views over the lake."""

from __future__ import annotations

from pathlib import Path

import duckdb

from warehouse.errors import NotPublished
from warehouse.lake import Lake

__all__ = ["connect"]


def connect(published: Path, lake: Lake | None = None) -> duckdb.DuckDBPyConnection:
    """A connection on which the marts can be read and nothing of them written.

    The marts are found by their bare names (``rpt_status``). With ``lake``, also
    ``lake.records`` (every record), ``lake.accepted`` and ``lake.quarantined``.

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
        files = ", ".join("'" + f.removeprefix("file://").replace("'", "''") + "'" for f in lake.snapshot().files)
        if files:
            con.execute("create schema lake")
            con.execute(f"create view lake.records as from read_parquet([{files}])")
            con.execute(
                "create view lake.accepted as"
                " select * exclude (disposition, reason, field, detail, raw) from lake.records where disposition = 'accepted'"
            )
            con.execute(
                "create view lake.quarantined as"
                ' select "partition", "offset", recorded_at, reason, field, detail, raw from lake.records'
                " where disposition = 'quarantined'"
            )
    con.execute("set search_path = 'memory.main,warehouse.marts,warehouse.reference'")
    return con
