"""Speed of reports: ``python -m benchmarks.reports [--published FILE]``.

Issues all six bulletins of the simulated programme, each in five editions, two languages and four formats, and writes one
county's bulletin as HTML straight from the published file. Without ``--published``, simulates and builds first.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.build import append, sink
from benchmarks.machine import describe
from ingest.definitions import reference_tables
from ingest.log.sqlite import SqliteLog
from ingest.packs import find_packs
from ingest.sources.simulate import simulate
from pipelines.reports.bulletin.compose import compose
from pipelines.reports.bulletin.editions import county_edition
from pipelines.reports.bulletin.read import calendar, read_bulletin
from pipelines.reports.bulletin.sealing import issue
from pipelines.reports.document.html import render_html
from warehouse.build import Warehouse
from warehouse.lake import Lake
from warehouse.query import connect

PROGRAMME, ZONE = "tianshui-2017", "Asia/Shanghai"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=Path, help="a published warehouse with the simulated programme")
    parser.add_argument("--one", action="store_true", help="only the county's bulletin")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        published = options.published or build(folder)
        with connect(published) as con:
            enrolments = con.execute("select count(distinct enrolment_id) from dim_enrolments").fetchone() or (0,)
            numbers = [one.number for one in calendar(con, PROGRAMME)]
        seconds = county(published)
        print(f"\n{enrolments[0]:,} simulated enrolments; {describe()}\n\n| | |\n|---|---:|")
        print(f"| one county's bulletin as HTML, from the published file | {seconds:.1f} s |")
        if options.one:
            return
        started, files = time.perf_counter(), 0
        for number in numbers:
            with connect(published) as con:
                bulletin = read_bulletin(con, PROGRAMME, number)
            done = issue(folder / "issued", bulletin, time_zone=ZONE, smallest=10, sealed_at=datetime.now(UTC))
            files += len(done.seal.files_sha256)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"| {len(numbers)} bulletins, {files} files, sealed | {time.perf_counter() - started:.0f} s |")
        print(f"| peak memory | {peak:,.0f} MB |")


def build(folder: Path) -> Path:
    packs = find_packs()
    lake, warehouse = Lake(str(folder / "lake")), Warehouse(folder / "warehouse")
    with SqliteLog(folder / "log.sqlite") as log:
        for part in simulate(packs[PROGRAMME]):
            append(log, part.records)
        sink(log, lake)
    warehouse.build(lake, reference_tables(packs))
    return warehouse.published


def county(published: Path) -> float:
    """Seconds for one county's bulletin, from opening the published file to the HTML."""
    started = time.perf_counter()
    with connect(published) as con:
        bulletin = read_bulletin(con, PROGRAMME, 4)
    html = render_html(compose(county_edition(bulletin, "qinzhou"), "zh", ZONE))
    assert "秦州区" in html
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
