"""Commands for records that were kept aside."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ingest.quarantine import read_quarantined, replay
from pipelines.console import output
from pipelines.settings import Settings
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration
from warehouse.query import connect_lake

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Look at, export and replay the records that were kept aside.")


@app.command("list")
def list_(
    reason: Annotated[str | None, typer.Option(help="Only this reason.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many lines.")] = 50,
) -> None:
    """List quarantined records: where they are, why, which field, and what has replaced them."""
    workspace = Workspace(Settings.from_environment())
    table = Table(header_style="bold")
    for name in ("Record", "Recorded at (UTC)", "Reason", "Field", "Expected", "Bytes", "Replaced by"):
        table.add_column(name)
    rows = read_quarantined(connect_lake(workspace.lake), reason=reason)
    for row in rows[:limit]:
        table.add_row(
            row.place, f"{row.recorded_at:%Y-%m-%d %H:%M:%S}", row.reason, row.field, row.detail, str(len(row.raw)),
            row.replaced_by or "",
        )  # fmt: skip
    output.print(table)
    output.print(f"{len(rows):,} in all" + (f"; the first {limit} are shown" if len(rows) > limit else ""))


@app.command()
def show(record: Annotated[str, typer.Argument(help="PARTITION:OFFSET as `list` prints it.")]) -> None:
    """Print one quarantined record with its bytes (they may hold personal data)."""
    workspace = Workspace(Settings.from_environment())
    rows = read_quarantined(connect_lake(workspace.lake), place=record)
    if not rows:
        raise BadConfiguration(f"there is no quarantined record {record}; see: xueqing quarantine list")
    row = rows[0]
    output.print(f"{row.place}  {row.reason}  {row.field}  {row.detail}", markup=False)
    output.print(row.raw.decode("utf-8", "backslashreplace"), markup=False, soft_wrap=True)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="NDJSON file to write.")],
    reason: Annotated[str | None, typer.Option(help="Only this reason.")] = None,
) -> None:
    """Write quarantined records to a file to be mended: one line a record, `record` and `value`.

    Mend `value` (text) and give the file to `replay`. Bytes that are no text are in `base64`.
    """
    workspace = Workspace(Settings.from_environment())
    rows = [r for r in read_quarantined(connect_lake(workspace.lake), reason=reason) if r.replaced_by is None]
    with file.open("w", encoding="utf-8") as out:
        for row in rows:
            line = {"record": row.place, "reason": row.reason, "field": row.field, "expected": row.detail}
            try:
                line["value"] = row.raw.decode("utf-8")
            except UnicodeDecodeError:
                line["base64"] = base64.b64encode(row.raw).decode()
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
    output.print(f"{len(rows):,} records written to {file}")


@app.command("replay")
def replay_(file: Annotated[Path, typer.Argument(help="NDJSON file from `export`, mended.")]) -> None:
    """Append mended records to the log, each with a link to the one it replaces.

    Lines that are still bad are left out and named; nothing is appended twice.
    """
    workspace = Workspace(Settings.from_environment())
    lines = file.read_text(encoding="utf-8").splitlines()
    done = replay(workspace.log, connect_lake(workspace.lake), lines)
    output.print(f"{done.appended:,} replayed, {len(done.refused):,} still bad, {done.repeated:,} replayed before")
    for number, why in done.refused:
        output.print(f"  line {number}: {why}", markup=False)
    if done.refused:
        raise typer.Exit(1)
