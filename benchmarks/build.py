"""Speed of the build: ``python -m benchmarks.build [--scale 9]`` (about 1.09 million events a cohort).

Simulates into a lake, builds and publishes, answers the same questions with hand-written DuckDB
SQL over the same files (and checks that the answers are equal), builds again after 100,000
further events, and asks the published file.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import duckdb
from rich.progress import track

from benchmarks.machine import describe
from ingest.definitions import reference_tables
from ingest.log.port import NewRecord
from ingest.log.sqlite import SqliteLog
from ingest.packs import find_packs
from ingest.sink import Sink
from ingest.sources.simulate import simulate
from warehouse.build import BuildOptions, Warehouse
from warehouse.lake import Lake
from warehouse.query import connect

BY_HAND = (Path(__file__).parent / "by_hand.sql").read_text(encoding="utf-8")
#: The published cells, and how many of them the hand-written SQL counts otherwise.
COMPARED = f"""
select count(*), count(*) filter ({
    " or ".join(
        f"status.{name} is distinct from published.{name}_count"
        for name in (
            "participating", "login", "study", "pass", "course_study", "diagnostic", "selection", "workshop",
            "assignment_submission", "assignment_pass", "resource_submission", "school_based", "excellent",
        )
    )
})
from published.marts.rpt_status as published
left join status
    on status.on_day = published.as_of_on and status.breakdown = published.breakdown
        and status.county is not distinct from published.county_id
        and status.subject is not distinct from published.subject_id and status.class is not distinct from published.class_id
        and status.stage is not distinct from published.school_stage and status.school is not distinct from published.school_id
        and status.tier is not distinct from published.tier and status.gender is not distinct from published.gender
where published.programme_id = 'tianshui-2017'
    and published.breakdown not in ('city', 'province', 'city_subject')
"""  # fmt: skip
#: What the last records of the last cohort stand for: what came in after the first build.
FURTHER = 100_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=int, default=9)
    parser.add_argument("--folder", type=Path, help="an empty folder for the files, which stay; else they are deleted")
    options = parser.parse_args()
    if options.folder and options.folder.exists() and any(options.folder.iterdir()):
        parser.error(f"{options.folder} is not empty")
    with tempfile.TemporaryDirectory() as name:
        run(options.folder or Path(name), options.scale)


def fill(folder: Path, log: SqliteLog, lake: Lake, scale: int) -> None:
    """All but the last records into ``lake``; those wait in the log's own file ``further``."""
    held: list[NewRecord] = []
    for part in track(simulate(find_packs()["tianshui-2017"], scale=scale), "Simulate", total=scale):
        records, held = held + part.records[:-FURTHER], part.records[-FURTHER:]
        append(log, records)
    with SqliteLog(folder / "further.sqlite", partitions=1) as further:
        append(further, held)
    sink(log, lake)


def append(log: SqliteLog, records: list[NewRecord]) -> None:
    for start in range(0, len(records), 10_000):
        log.append(records[start : start + 10_000])


def sink(log: SqliteLog, lake: Lake) -> None:
    worker = Sink(log, lake)
    worker.run()
    worker.close()


def held_back(folder: Path) -> list[NewRecord]:
    with SqliteLog(folder / "further.sqlite") as further, further.reader(lambda partition: 0) as reader:
        (piece,) = reader.poll(FURTHER, 1 << 32, 0)
    return [  # the log does not tell keys; any will do, staging orders by recorded time
        NewRecord(str(offset).encode(), value or b"", recorded)
        for offset, recorded, value in zip(piece.offsets, piece.recorded_at_us, piece.values, strict=True)
    ]


def by_hand(files: list[str], published: Path) -> float:
    """Seconds of the hand-written SQL.

    Raises:
        AssertionError: its answers are not those that were published.
    """
    with duckdb.connect(config={"threads": 2, "memory_limit": "2500MB"}) as con:
        con.execute("set timezone = 'UTC'; set preserve_insertion_order = false")
        started = time.perf_counter()
        con.execute(BY_HAND.replace("$FILES", str(files)))
        seconds = time.perf_counter() - started
        con.execute(f"attach '{published}' as published (read_only)")
        (cells, different) = con.execute(COMPARED).fetchone() or (0, 1)
        assert cells, "nothing was published"
        assert not different, f"{different} of {cells} cells differ from those published"
    return seconds


def run(folder: Path, scale: int) -> None:
    reference = reference_tables(find_packs())
    lake = Lake(str(folder / "lake"))
    warehouse = Warehouse(folder / "warehouse")
    with SqliteLog(folder / "log.sqlite") as log:
        fill(folder, log, lake, scale)
        lake.maintain()
        events = sum(log.end_offsets().values())
        full = warehouse.build(lake, reference, BuildOptions(full=True))
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        files = [f.removeprefix("file://") for f in lake.snapshot().files]
        hand = min(by_hand(files, warehouse.published) for _ in range(2))
        append(log, held_back(folder))
        sink(log, lake)
    update = warehouse.build(lake, reference)
    queries, tidy = [], []
    for day in ("2017-10-15", "2017-11-11", "2017-12-25"):
        started = time.perf_counter()
        with connect(warehouse.published) as con:
            con.execute(
                "select * from rpt_status where programme_id = 'tianshui-2017' and as_of_on = ?", [day]
            ).fetchall()
        queries.append(time.perf_counter() - started)
        started = time.perf_counter()
        with connect(warehouse.published) as con:
            con.execute("select * from rpt_indicators where as_of_on = ?", [day]).fetchall()
        tidy.append(time.perf_counter() - started)
    print(f"\n{events:,} simulated events; {describe()}\n")
    print("| | |\n|---|---:|")
    print(f"| full build, tested and published | {full.seconds:.1f} s |")
    print(f"| its peak memory (the largest process) | {peak:,.0f} MB |")
    print(f"| the same answers by hand-written SQL (benchmarks/by_hand.sql) | {hand:.1f} s |")
    print(f"| build ÷ by hand | {full.seconds / hand:.1f} |")
    print(f"| build after 100,000 further events | {update.seconds:.1f} s |")
    print(f"| `rpt_status` for a date, from the published file | {1000 * max(queries):.0f} ms |")
    print(f"| `rpt_indicators` for a date: every indicator of every cell | {1000 * max(tidy):.0f} ms |")
    slow = sorted(full.nodes, key=lambda n: -n.seconds)[:6]
    print("\nSlowest nodes: " + ", ".join(f"{n.name} {n.seconds:.1f} s" for n in slow))
    print(
        "Of the update: "
        + ", ".join(f"{n.name} {n.seconds:.1f} s" for n in sorted(update.nodes, key=lambda n: -n.seconds)[:6])
    )


if __name__ == "__main__":
    main()
