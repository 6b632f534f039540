"""Speed of the build: ``python -m benchmarks.build [--scale 1 9 46] [--small 300] [--spark 1]`` (about 1.09 million events a cohort).

For each scale, in a process of its own: simulates into a lake, builds, checks and publishes, answers the same questions
with hand-written DuckDB SQL over the same files (and checks that the answers are equal), builds again after each of three
times 100,000 further events and of three times a few, in the process that has built before, as ``xueqing build --follow`` does, and
asks the published file. With ``--spark`` the same build on Spark in local mode, too, up to that scale.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import pyarrow as pa
from rich.console import Console
from rich.progress import track

from benchmarks.machine import describe
from ingest.log.port import NewRecord
from ingest.log.sqlite import SqliteLog
from ingest.programmes.folders import find_packs
from ingest.programmes.reference import reference_tables
from ingest.sink import Sink
from ingest.sources.simulate import simulate
from pipelines.quality import QualityGate
from pipelines.steps.surveys import survey_estimates
from warehouse.build import BuildOptions, BuildReport, SparkOptions, Warehouse
from warehouse.lake import Lake
from warehouse.query import connect

BY_HAND = (Path(__file__).parent / "by_hand.sql").read_text(encoding="utf-8")
#: The published cells, and how many of them the hand-written SQL counts otherwise.
COMPARED = f"""
select count(*), count(*) filter ({
    " or ".join(
        f"status.{name} is distinct from published.{name}"
        for name in (
            "participating", "login", "study", "pass", "course_study", "diagnostic", "selection", "workshop",
            "assignment_submission", "assignment_pass", "resource_submission", "school_based", "excellent",
        )
    )
})
from (
    pivot (
        select dates.programme_id, dates.as_of_on, cells.*, spells.indicator, spells.numerator_count
        from published.marts.dim_dates as dates
        inner join published.marts.dim_cells as cells on dates.programme_id = cells.programme_id
        inner join published.marts.fct_cell_spells as spells
            on cells.cell_number = spells.cell_number and dates.as_of_on >= spells.valid_from_on and dates.as_of_on < spells.valid_to_on
    ) on indicator using max(numerator_count)
) as published
left join status
    on status.on_day = published.as_of_on and status.breakdown = published.breakdown
        and status.county is not distinct from published.county_id
        and status.subject is not distinct from published.subject_id and status.class is not distinct from published.class_id
        and status.stage is not distinct from published.school_stage and status.school is not distinct from published.school_id
        and status.tier is not distinct from published.tier and status.gender is not distinct from published.gender
where published.programme_id = 'tianshui-2017'
    and published.breakdown not in ('city', 'province', 'city_subject')
"""  # fmt: skip
#: What the last records of the last cohort stand for: what came in after the first build, in so many updates.
FURTHER, UPDATES = 100_000, 3
#: Events of a small update, unless told otherwise; so many are held back for them in all.
FEW, MOST_FEW = 300, 30_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=int, nargs="+", default=[1, 9])
    parser.add_argument(
        "--small",
        type=int,
        default=FEW,
        help=f"events of a small update, at most {MOST_FEW // UPDATES:,}; 0: none is made",
    )
    parser.add_argument(
        "--spark", type=int, default=0, help="up to this scale also build on Spark, local[2] (the extra spark, Java 17)"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        help="for the files, which stay: a lake that was filled there is used once (else deleted)",
    )
    parser.add_argument("--step", choices=["fill", "measure"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not 0 <= options.small <= MOST_FEW // UPDATES:
        parser.error(f"--small: 0 to {MOST_FEW // UPDATES}")
    if options.step == "fill":
        fill(options.folder, options.scale[0])
        return
    if options.step == "measure":
        print(json.dumps(measure(options.folder, small=options.small, spark=options.scale[0] <= options.spark)))
        return
    with tempfile.TemporaryDirectory() as name:
        results = []
        for scale in options.scale:
            folder = (options.folder or Path(name)) / str(scale)
            folder.mkdir(parents=True, exist_ok=True)
            command = [sys.executable, "-m", "benchmarks.build", "--scale", str(scale), "--folder", str(folder)]
            # A process of its own: what filling needs is not the build's memory.
            subprocess.run([*command, "--step", "fill"], check=True)
            more = ["--small", str(options.small), "--spark", str(options.spark)]
            done = subprocess.run([*command, "--step", "measure", *more], stdout=subprocess.PIPE, check=True)
            results.append(json.loads(done.stdout))
    report(results)


def fill(folder: Path, scale: int) -> None:
    """All but the last records into the lake; those wait in the log's own file ``further``."""
    if (folder / "filled").exists():
        return
    held: list[NewRecord] = []
    with SqliteLog(folder / "log.sqlite") as log:
        parts = simulate(find_packs()["tianshui-2017"], scale=scale)
        for part in track(parts, "Simulate", total=scale, console=Console(stderr=True)):
            kept = FURTHER * UPDATES + MOST_FEW
            records, held = held + part.records[:-kept], part.records[-kept:]
            append(log, records)
        with SqliteLog(folder / "further.sqlite", partitions=1) as further:
            append(further, held)
        lake = Lake(str(folder / "lake"))
        sink(log, lake)
        lake.maintain(retain_hours=1)
    (folder / "filled").touch()


def append(log: SqliteLog, records: list[NewRecord]) -> None:
    for start in range(0, len(records), 10_000):
        log.append(records[start : start + 10_000])


def sink(log: SqliteLog, lake: Lake) -> None:
    worker = Sink(log, lake)
    worker.run()
    worker.close()


def held_back(folder: Path) -> list[NewRecord]:
    with SqliteLog(folder / "further.sqlite") as further, further.reader(lambda partition: 0) as reader:
        (piece,) = reader.poll(FURTHER * UPDATES + MOST_FEW, 1 << 34, 0)
    return [  # the log does not tell keys; any will do, staging orders by recorded time
        NewRecord(str(offset).encode(), value or b"", recorded)
        for offset, recorded, value in zip(piece.offsets, piece.recorded_at_us, piece.values, strict=True)
    ]


def by_hand(files: list[str], published: Path, spill: Path) -> float:
    """Seconds of the hand-written SQL.

    Raises:
        AssertionError: its answers are not those that were published.
    """
    with duckdb.connect(config={"threads": 2, "memory_limit": "2500MB", "temp_directory": str(spill)}) as con:
        con.execute("set timezone = 'UTC'; set preserve_insertion_order = false")
        started = time.perf_counter()
        con.execute(BY_HAND.replace("$FILES", str(files)))
        seconds = time.perf_counter() - started
        con.execute(f"attach '{published}' as published (read_only)")
        (cells, different) = con.execute(COMPARED).fetchone() or (0, 1)
        assert cells, "nothing was published"
        assert not different, f"{different} of {cells} cells differ from those published"
    return seconds


def bytes_of(*paths: Path) -> int:
    return sum(f.stat().st_size for path in paths for f in ([path] if path.is_file() else path.rglob("*.parquet")))


def measure(folder: Path, *, small: int, spark: bool) -> dict[str, Any]:
    """Measure over a lake that was filled; seconds, megabytes and bytes by name."""
    (folder / "filled").unlink()  # the update adds to it
    reference = reference_tables(find_packs())
    lake = Lake(str(folder / "lake"))
    warehouse = Warehouse(folder / "warehouse")
    judge = QualityGate(folder / "quality")

    def estimate(marts: Path) -> pa.Table:
        return survey_estimates(marts, find_packs())

    found: dict[str, Any] = {}
    with SqliteLog(folder / "log.sqlite") as log:
        found["events"] = sum(log.end_offsets().values())
        full = warehouse.build(lake, reference, BuildOptions(full=True), gate=judge, estimate=estimate)
        whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        found["peak_mb"] = max(resource.getrusage(who).ru_maxrss for who in whose) / 1024
        found["full_s"], found["slow"] = full.seconds, slowest(full)
        found["lake_bytes"] = bytes_of(folder / "lake")
        found["published_bytes"] = bytes_of(warehouse.published)
        files = [f.removeprefix("file://") for f in lake.snapshot().files]
        found["hand_s"] = by_hand(files, warehouse.published, folder / "spill")
        held = iter(held_back(folder))

        def update(count: int) -> BuildReport:
            append(log, list(islice(held, count)))
            sink(log, lake)
            return warehouse.build(lake, reference, gate=judge, estimate=estimate)

        for name, count in (("update", FURTHER), ("small", small)):
            updates = [update(count) for _ in range(UPDATES if count else 0)]
            found[f"{name}_s"] = sorted(done.seconds for done in updates)
            found[f"{name}_slow"] = slowest(updates[-1]) if updates else ""
    found["small"] = small
    for name, query in (
        ("status_ms", "select * from rpt_status where programme_id = 'tianshui-2017' and as_of_on = ?"),
        ("indicators_ms", "select * from rpt_indicators where as_of_on = ?"),
    ):
        found[name] = max(asked(warehouse.published, query, day) for day in ("2017-10-15", "2017-11-11", "2017-12-25"))
    if spark:
        peer = Warehouse(folder / "spark")
        found["spark_s"] = peer.build(lake, reference, BuildOptions(spark=SparkOptions("local[2]", jars()))).seconds
    return found


def jars() -> str:
    return os.environ.get("XUEQING_SPARK_JARS", "")


def asked(published: Path, query: str, day: str) -> float:
    """Milliseconds of a question, the opening of the file included."""
    started = time.perf_counter()
    with connect(published) as con:
        con.execute(query, [day]).fetchall()
    return 1000 * (time.perf_counter() - started)


def slowest(done: BuildReport) -> str:
    return ", ".join(f"{n.name} {n.seconds:.1f} s" for n in sorted(done.nodes, key=lambda n: -n.seconds)[:6])


def report(results: list[dict[str, Any]]) -> None:
    rows: list[tuple[str, Callable[[dict[str, Any]], str]]] = [
        ("full build, tested, checked and published", lambda r: f"{r['full_s']:.1f} s"),
        ("its time for a million events", lambda r: f"{r['full_s'] / r['events'] * 1e6:.2f} s"),
        ("its peak memory (the largest process)", lambda r: f"{r['peak_mb']:,.0f} MB"),
        ("the lake", lambda r: f"{r['lake_bytes'] / 1e6:,.0f} MB"),
        ("the published file", lambda r: f"{r['published_bytes'] / 1e6:,.0f} MB"),
        ("the same answers by hand-written SQL (benchmarks/by_hand.sql)", lambda r: f"{r['hand_s']:.1f} s"),
        ("build ÷ by hand", lambda r: f"{r['full_s'] / r['hand_s']:.1f}"),
        (
            f"build after 100,000 further events: median (and all) of {UPDATES}",
            lambda r: f"{median(r['update_s']):.1f} s ({', '.join(f'{s:.1f}' for s in r['update_s'])})",
        ),
        ("that ÷ by hand", lambda r: f"{median(r['update_s']) / r['hand_s']:.2f}"),
        ("`rpt_status` for a date, from the published file", lambda r: f"{r['status_ms']:.0f} ms"),
        ("`rpt_indicators` for a date: every indicator of every cell", lambda r: f"{r['indicators_ms']:.0f} ms"),
    ]
    if few := results[0]["small"]:
        rows += [
            (
                f"build after {few:,} further events: median (and all) of {UPDATES}",
                lambda r: f"{median(r['small_s']):.1f} s ({', '.join(f'{s:.1f}' for s in r['small_s'])})",
            ),
            ("that ÷ by hand", lambda r: f"{median(r['small_s']) / r['hand_s']:.2f}"),
        ]
    if "spark_s" in results[0]:
        rows.append(
            ("the same build on Spark, `local[2]`", lambda r: f"{r['spark_s']:.0f} s" if "spark_s" in r else "")
        )
    print(f"\n{describe()}\n")
    print("| simulated events | " + " | ".join(f"{r['events']:,}" for r in results) + " |")
    print("|---|" + "---:|" * len(results))
    for label, cell in rows:
        print(f"| {label} | " + " | ".join(cell(r) for r in results) + " |")
    for r in results:
        print(f"\n{r['events']:,} events, slowest: {r['slow']}\nOf the update: {r['update_slow']}")
        if r["small"]:
            print(f"Of the small update: {r['small_slow']}")


if __name__ == "__main__":
    main()
