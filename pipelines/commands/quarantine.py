"""Commands for records that were kept aside."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ingest.identity.sealing import Sealer
from ingest.quarantine import read_quarantined, replay
from ingest.sealed_records import opened_record, sealed_event
from pipelines.collect.store import REJECTED
from pipelines.commands import forgetting
from pipelines.console import output
from pipelines.settings import Settings
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration
from warehouse.query import connect_lake

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Look at, export and replay the records that were kept aside.")


forgetting.register_of_quarantine(app)


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
    with workspace.sealing() as sealer:
        raw = _opened(sealer, row.raw)
    output.print(f"{row.place}  {row.reason}  {row.field}  {row.detail}", markup=False)
    output.print(
        "(its key is gone)" if raw is None else raw.decode("utf-8", "backslashreplace"), markup=False, soft_wrap=True
    )


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
    gone = 0
    with file.open("w", encoding="utf-8") as out, workspace.sealing() as sealer:
        for row in rows:
            raw = _opened(sealer, row.raw)
            if raw is None:
                gone += 1
                continue
            line = {"record": row.place, "reason": row.reason, "field": row.field, "expected": row.detail}
            try:
                line["value"] = raw.decode("utf-8")
            except UnicodeDecodeError:
                line["base64"] = base64.b64encode(raw).decode()
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
    output.print(f"{len(rows) - gone:,} records written to {file}" + (f"; of {gone:,} the key is gone" if gone else ""))


@app.command("replay")
def replay_(file: Annotated[Path, typer.Argument(help="NDJSON file from `export`, mended.")]) -> None:
    """Append mended records to the log, each with a link to the one it replaces.

    Lines that are still bad are left out and named; nothing is appended twice.
    """
    workspace = Workspace(Settings.from_environment())
    lines = file.read_text(encoding="utf-8").splitlines()
    with workspace.sealing(create=True) as sealer:
        done = replay(
            workspace.log, connect_lake(workspace.lake), lines, lambda value, event: sealed_event(sealer, value, event)
        )
    output.print(f"{done.appended:,} replayed, {len(done.refused):,} still bad, {done.repeated:,} replayed before")
    for number, why in done.refused:
        output.print(f"  line {number}: {why}", markup=False)
    if done.refused:
        raise typer.Exit(1)


@app.command()
def rejected(
    file: Annotated[Path, typer.Argument(help="A file of the home's folder `rejected`.", exists=True, dir_okay=False)],
) -> None:
    """Print the lines of an import that were no usable statement, one JSON object each: `reason` and `line`.

    They may hold personal data, so the file has them sealed. Lines whose key is gone are left out.
    """
    with Workspace(Settings.from_environment()).sealing() as sealer:
        for text in file.read_text(encoding="utf-8").splitlines():
            entry = json.loads(text)
            if "sealed" in entry:
                line = sealer().open(entry.pop("sealed"), REJECTED)
                if line is None:
                    continue
                entry["line"] = line.decode("utf-8", "backslashreplace")
            output.print(json.dumps(entry, ensure_ascii=False), markup=False, soft_wrap=True)


def _opened(sealer: Callable[[], Sealer], raw: bytes) -> bytes | None:
    """A record's bytes as they came; those that an earlier version kept are in the open."""
    return opened_record(sealer(), raw) if b'"sealed"' in raw else raw
