"""The SQL shell."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Annotated, TextIO

import duckdb
import pyarrow.parquet as pq
import typer
from rich.table import Table

from pipelines.console import errors, output, plain
from pipelines.settings import Settings
from pipelines.workspace import Workspace
from warehouse.damage import damage_of
from warehouse.errors import BadConfiguration
from warehouse.query import checked, connect_locked, without_formulas

__all__ = ["register"]


class Format(StrEnum):
    """How results are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class Formulas(StrEnum):
    """What becomes of text that looks like a formula."""

    QUOTE = "quote"
    KEEP = "keep"


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(sql)


def sql(
    query: Annotated[
        str | None, typer.Argument(help="One statement; without it a prompt opens, or standard input is read.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="Form of the result.")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file (Parquet needs one).")] = None,
    formulas: Annotated[
        Formulas,
        typer.Option(help="CSV: text that a spreadsheet would take for a formula gets a ' before it, or is kept."),
    ] = Formulas.QUOTE,
) -> None:
    """Ask the published warehouse, read-only: no other file is opened, and none is written but what --output names.

    The marts go by their bare names (`rpt_status`, `fct_enrolment_days`, `dim_enrolments`, …);
    `lake.accepted` and `lake.quarantined` are the records behind them, `lake.events` the
    accepted ones with statements as the events that they are counted as. `show all tables` lists them.
    """
    workspace = Workspace(Settings.from_environment())
    with connect_locked(workspace.warehouse.published, workspace.lake) as con:
        if query is None and sys.stdin.isatty():
            _prompt(con)
            return
        _answer(con, query if query is not None else sys.stdin.read(), form, out, formulas)


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


#: Rows that are written at once.
_BATCH = 10_000


def _answer(
    con: duckdb.DuckDBPyConnection, query: str, form: Format, out: Path | None, formulas: Formulas = Formulas.QUOTE
) -> None:
    if form is Format.PARQUET and out is None:
        raise BadConfiguration("Parquet goes to a file; add --output FILE.parquet")
    try:
        result = con.sql(checked(con, query))
        if result is None:
            return  # type: ignore[unreachable] # a statement without rows; the stubs do not say so
        if form is Format.TABLE and out is None:
            _print_table(result)
        elif form is Format.PARQUET and out is not None:
            _write_parquet(result, out)
        else:
            with _opened(out) as file:
                if form is Format.JSON:
                    _write_json(result, file)
                else:
                    _write_csv(result, file, keep=formulas is Formulas.KEEP)
    except duckdb.Error as error:
        raise damage_of(error) or BadConfiguration(str(error)) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise BadConfiguration(f"{out or 'the answer'} cannot be written ({error.strerror})") from None


@contextmanager
def _opened(out: Path | None) -> Iterator[TextIO]:
    if out is None:
        # A program takes it as it is; a terminal is told nothing to do.
        yield _Terminal() if sys.stdout.isatty() else sys.stdout
        return
    with out.open("w", encoding="utf-8", newline="") as file:
        yield file


class _Terminal(StringIO):
    def write(self, text: str) -> int:
        return sys.stdout.write(plain(text))


def _write_csv(result: duckdb.DuckDBPyRelation, file: TextIO, *, keep: bool) -> None:
    texts = without_formulas(result, keep=keep)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([f"'{name}" if name[:1] in ("=", "+", "-", "@") and not keep else name for name in result.columns])
    while rows := texts.fetchmany(_BATCH):
        writer.writerows(rows)


def _write_json(result: duckdb.DuckDBPyRelation, file: TextIO) -> None:
    """One object a line."""
    lines = result.query("answer", "select cast(to_json(answer) as varchar) from answer")
    while rows := lines.fetchmany(_BATCH):
        file.writelines(f"{text}\n" for (text,) in rows)


def _write_parquet(result: duckdb.DuckDBPyRelation, out: Path) -> None:
    reader = result.to_arrow_reader(_BATCH)
    with pq.ParquetWriter(out, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)


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
