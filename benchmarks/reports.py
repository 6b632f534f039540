"""Speed of reports: ``python -m benchmarks.reports [--published FILE] [--copies 101]``.

Issues all six bulletins of the simulated programme, each in eight editions (of the whole and of each county, public and restricted), two
languages and four formats, and writes one county's bulletin as HTML straight from the published file. Without ``--published``, simulates and
builds first. With ``--copies``, the county's bulletin again from a file in which every enrolment, class, school and county is there so many
times, and from one in which they are all in the same few counties.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from rich.console import Console
from rich.progress import track

from benchmarks.build import append, sink
from benchmarks.machine import describe
from ingest.log.sqlite import SqliteLog
from ingest.programmes.folders import find_packs
from ingest.programmes.reference import reference_tables
from ingest.sources.simulate import simulate
from pipelines.reading.bulletin import read_bulletin
from pipelines.reading.calendar import calendar
from pipelines.reports.bulletin.compose import compose
from pipelines.reports.bulletin.editions import county_edition
from pipelines.reports.bulletin.sealing import issue
from pipelines.reports.document.html import render_html
from warehouse.build import Warehouse
from warehouse.lake import Lake
from warehouse.publish import in_order
from warehouse.query import connect

PROGRAMME, ZONE = "tianshui-2017", "Asia/Shanghai"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=Path, help="a published warehouse with the simulated programme")
    parser.add_argument("--one", action="store_true", help="only the county's bulletin")
    parser.add_argument("--copies", type=int, default=0, help="also from so many copies of everybody (101: 705,283)")
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
        for spread in (True, False) if options.copies else ():
            many = multiplied(published, folder / "many.duckdb", options.copies, spread=spread)
            name = "qinzhou-0" if spread else "qinzhou"
            with connect(many) as con:
                copied = con.execute(
                    "select count(distinct enrolment_id), count(distinct county_id),"
                    f" count(distinct enrolment_id) filter (county_id = '{name}') from dim_enrolments"
                ).fetchone() or (0, 0, 0)
            print(
                f"| the same of {copied[0]:,} enrolments in {copied[1]} counties, {copied[2]:,} in this one | {county(many, name):.1f} s |"
            )
            many.unlink()
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


def multiplied(published: Path, target: Path, copies: int, *, spread: bool) -> Path:
    """A published file with every enrolment, class and school of ``published`` so many times; cells count so many more.

    ``spread``: every county, too.
    """
    own = ("enrolment_id", "class_id", "school_id", *(("county_id",) if spread else ()))
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'; set preserve_insertion_order = false; set memory_limit = '6GB'")
        con.execute(f"set temp_directory = '{target.parent / 'spill'}'")
        con.execute(f"attach '{published}' as one (read_only)")
        con.execute(f"attach '{target}' as many")
        con.execute("create schema many.marts; create schema many.reference")
        con.execute(f"create temp table copies as select i, '-' || i as copy from range({copies}) t(i)")
        tables = con.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'one' and schema_name in ('marts', 'reference')"
        ).fetchall()
        for schema, table in track(tables, "Copy everybody", console=Console(stderr=True)):
            source = f"one.{schema}.{table}"
            columns = [r[0] for r in con.execute(f"describe {source}").fetchall()]
            copied = [c for c in own if c in columns]
            if (
                (schema == "reference" and not (spread and table == "counties"))
                or table in ("rpt_daily_activity", "rpt_event_accounting")
                or not copied
            ):
                con.execute(f"create table many.{schema}.{table} as from {source}")
            elif table == "rpt_status":
                counts = ", ".join(f"{c} * {copies} as {c}" for c in columns if c.endswith("_count"))
                one = f"(breakdown in ('class', 'school') or {str(spread).lower()} and breakdown like '%county%')"
                con.execute(
                    f"create table many.marts.{table} as select * replace ({counts}) from {source} where not {one}"
                )
                named = ", ".join(f"{c} || copy as {c}" for c in copied)
                con.execute(
                    f"insert into many.marts.{table} select s.* replace ({named}) from {source} s, copies where {one}"
                )
            else:
                named = ", ".join(f"{c} || copy as {c}" for c in copied)
                con.execute(
                    f"create table many.{schema}.{table} as select s.* replace ({named}) from {source} s, copies"
                )
        con.execute("use many.marts")
        views = con.execute(
            "select view_name, sql from duckdb_views() where database_name = 'one' and schema_name = 'marts'"
        ).fetchall()
        for sql in in_order(dict(views)):
            con.execute(sql)
        con.execute("use memory; detach many")
    # Else its pages are still being written to the disk while it is read.
    os.sync()
    return target


def county(published: Path, county_id: str = "qinzhou") -> float:
    """Seconds for one county's bulletin, from opening the published file to the HTML."""
    started = time.perf_counter()
    with connect(published) as con:
        bulletin = read_bulletin(con, PROGRAMME, 4, county_id=county_id, only_printed=True)
    html = render_html(compose(county_edition(bulletin, county_id), "zh", ZONE))
    assert "秦州区" in html
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
