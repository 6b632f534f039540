"""The SQL shell."""

from __future__ import annotations

import sys
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import duckdb
import typer
from rich.table import Table

from pipelines.console import errors, output
from pipelines.settings import Settings
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration
from warehouse.query import connect

__all__ = ["register"]


class Format(StrEnum):
    """How results are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(sql)


def sql(
    query: Annotated[
        str | None, typer.Argument(help="One statement; without it a prompt opens, or standard input is read.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="Form of the result.")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file (Parquet needs one).")] = None,
) -> None:
    """Ask the published warehouse, read-only.

    The marts go by their bare names (`rpt_status`, `fct_enrolment_days`, `dim_enrolments`, …);
    `lake.accepted` and `lake.quarantined` are the records behind them, `lake.events` the
    accepted ones with statements as the events that they are counted as. `show all tables` lists them.
    """
    workspace = Workspace(Settings.from_environment())
    with connect(workspace.warehouse.published, workspace.lake) as con:
        if query is None and sys.stdin.isatty():
            _prompt(con)
            return
        _answer(con, query if query is not None else sys.stdin.read(), form, out)


def _prompt(con: duckdb.DuckDBPyConnection) -> None:
    with suppress(ImportError):
        import readline  # noqa: F401 - gives input() its history
    errors.print("End a statement with ; and the session with Ctrl-D. show all tables; lists what there is.")
    lines: list[str] = []
    while True:
        try:
            lines.append(input("xueqing> " if not lines else "     ... "))
        except EOFError:
            return
        except KeyboardInterrupt:
            lines = []
            errors.print()
            continue
        if lines[-1].rstrip().endswith(";"):
            statement, lines = "\n".join(lines), []
            try:
                _answer(con, statement, Format.TABLE, None)
            except BadConfiguration as error:
                errors.print(str(error), markup=False)


def _answer(con: duckdb.DuckDBPyConnection, query: str, form: Format, out: Path | None) -> None:
    if form is Format.PARQUET and out is None:
        raise BadConfiguration("Parquet goes to a file; add --output FILE.parquet")
    try:
        result = con.sql(query)
        if result is None:
            return  # type: ignore[unreachable] # a statement without rows; the stubs do not say so
        if form is Format.TABLE and out is None:
            _print_table(result)
        elif form is Format.CSV or (form is Format.TABLE and out is not None):
            result.to_csv(str(out) if out else "/dev/stdout", header=True)
        elif form is Format.PARQUET:
            result.to_parquet(str(out))
        else:
            rows = result.to_arrow_table()
            con.register("answer", rows)
            con.execute(
                f"copy (from answer) to '{str(out or '/dev/stdout').replace(chr(39), chr(39) * 2)}' (format json)"
            )
    except duckdb.Error as error:
        raise BadConfiguration(str(error)) from None


#: More rows than anyone reads on a screen.
_SHOWN = 1000


def _print_table(result: duckdb.DuckDBPyRelation) -> None:
    table = Table(header_style="bold")
    numeric = {"BIGINT", "INTEGER", "HUGEINT", "DOUBLE", "UBIGINT"}
    for name, kind in zip(result.columns, result.types, strict=True):
        table.add_column(name, justify="right" if str(kind) in numeric or str(kind).startswith("DECIMAL") else "left")
    rows = result.fetchmany(_SHOWN + 1)
    for row in rows[:_SHOWN]:
        table.add_row(*("" if v is None else str(v) for v in row))
    output.print(table)
    if len(rows) > _SHOWN:
        errors.print(f"only the first {_SHOWN:,} rows are shown; --format csv gives them all")
