"""Read-only connections to what is published, with views over the lake."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
from duckdb import StatementType

from warehouse.errors import BadConfiguration, NotPublished
from warehouse.lake import RECORDS, Lake

__all__ = ["checked", "connect", "connect_lake", "connect_locked", "has_mart", "without_formulas"]


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


def connect_locked(published: Path, lake: Lake | None = None) -> duckdb.DuckDBPyConnection:
    """As :func:`connect`, for questions of anybody: it opens no other file, writes none, loads nothing, and cannot be changed back.

    What is asked goes through :func:`checked`, since a file that may be read may be written, too, for all that DuckDB can be told.

    Raises:
        NotPublished: no build has been published yet.
    """
    con = connect(published, lake)
    files = _paths(lake) if lake is not None and lake.exists else []
    con.execute(f"set allowed_paths = [{', '.join(map(_text, files))}]")
    for setting in _LOCKED:
        con.execute(f"set {setting}")
    return con


_LOCKED = (
    "python_enable_replacements = false", "autoinstall_known_extensions = false", "autoload_known_extensions = false",
    "allow_community_extensions = false", "allow_persistent_secrets = false", "enable_external_access = false", "lock_configuration = true",
)  # fmt: skip
#: What a question may be: it reads, or makes something in memory.
_ASKED = {
    StatementType.SELECT, StatementType.EXPLAIN, StatementType.CREATE, StatementType.CREATE_FUNC, StatementType.INSERT, StatementType.UPDATE,
    StatementType.DELETE, StatementType.DROP, StatementType.ALTER, StatementType.SET, StatementType.VARIABLE_SET, StatementType.PRAGMA,
    StatementType.TRANSACTION,
}  # fmt: skip
#: Text that a spreadsheet would calculate.
_FORMULA = r"^\s*[=+\-@＝＋－＠]"


def checked(con: duckdb.DuckDBPyConnection, query: str) -> str:
    """A question, one statement or several, none of which writes a file.

    Raises:
        BadConfiguration: one does, or loads or attaches something.
        duckdb.Error: it is no SQL.
    """
    for statement in con.extract_statements(query):
        words = set(re.findall(r"\w+", statement.query.lower()))
        # What explains a statement may run it.
        writes = statement.type == StatementType.EXPLAIN and "copy" in words
        if statement.type not in _ASKED or writes or "enable_logging" in words:
            kind = statement.type.name.lower().replace("_", " ")
            raise BadConfiguration(f"xueqing sql only reads ({kind} does more); --output writes what a question gives")
    return query


def without_formulas(relation: duckdb.DuckDBPyRelation, *, keep: bool = False) -> duckdb.DuckDBPyRelation:
    """All columns as text, none of which a spreadsheet takes for a formula: a ``'`` stands before what begins like one and is no number.

    Args:
        keep: leave such text as it is.
    """
    columns = []
    for name, kind in zip(relation.columns, relation.types, strict=True):
        quoted = '"' + name.replace('"', '""') + '"'
        text = f"cast({quoted} as varchar)"
        if not keep and (kind.id in ("varchar", "enum") or str(kind) == "JSON"):
            begins = f"regexp_matches({text}, '{_FORMULA}') and try_cast({text} as double) is null"
            text = f"case when {begins} then chr(39) || {text} else {text} end"
        columns.append(f"{text} as {quoted}")
    return relation.project(", ".join(columns))


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


def _paths(lake: Lake) -> list[str]:
    return [f.removeprefix("file://") for f in lake.snapshot().files]


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _add_lake_views(con: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    files = ", ".join(map(_text, _paths(lake)))
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
