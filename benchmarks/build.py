"""Speed of the build: ``python -m benchmarks.build [--scale 9]`` (about 1.09 million events a cohort).

Simulates into a lake, builds and publishes, builds again after 100,000 further events, asks the
published file, and answers the same questions with hand-written DuckDB SQL over the same files.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import duckdb

from benchmarks.machine import describe
from ingest.log.sqlite import SqliteLog
from ingest.packs import find_packs, reference_tables
from ingest.sink import Sink
from ingest.sources.simulate import simulate
from warehouse.build import BuildOptions, Warehouse
from warehouse.lake import Lake
from warehouse.query import connect

#: The rates by county and subject on the last day, straight from the lake: what an analyst would write.
BY_HAND = """
with events as materialized (
    select event_id::uuid as event_id, event_type, enrolment_id, occurred_at,
        from_json(payload, '{"county_id":"VARCHAR","subject_id":"VARCHAR","watched_s":"DOUBLE","read_s":"DOUBLE","post_id":"VARCHAR",
            "is_effective":"BOOLEAN","grade":"DOUBLE","is_final":"BOOLEAN","points":"DOUBLE","assignment_id":"VARCHAR"}') as p
    from read_parquet(FILES) where disposition = 'accepted' and enrolment_id is not null
),
firsts as (select event_id from events group by event_id having count(*) = 1),
counted as (select events.* from events semi join firsts using (event_id)),
days as materialized (
    select enrolment_id, cast(timezone('Asia/Shanghai', occurred_at) as date) as local_on, event_type,
        count(*) as n, sum(coalesce(p.watched_s, p.read_s)) as seconds
    from counted group by all
),
sums as (
    select enrolment_id,
        sum(n) filter (event_type = 'session.started') as sessions, coalesce(sum(seconds), 0) as seconds,
        coalesce(sum(n) filter (event_type = 'journal.published'), 0) as journals,
        coalesce(sum(n) filter (event_type = 'peer_review.submitted'), 0) as reviews
    from days group by enrolment_id
),
judged as (
    select enrolment_id, post_id, bool_and(coalesce(ok, true)) as ok from (
        select enrolment_id, p.post_id as post_id, p.is_effective as ok from counted where event_type in ('post.published', 'post.judged'))
    group by all
),
posts as (select enrolment_id, count(*) filter (ok) as posts from judged group by enrolment_id),
latest as (
    select enrolment_id,
        max(p.grade) filter (event_type = 'assignment.graded' and p.is_final) as grade,
        arg_max(p.points, occurred_at) filter (event_type = 'practice.awarded') as practice,
        arg_max(case when event_type = 'outcome.approved' then p.points else 0 end, occurred_at)
            filter (event_type like 'outcome.%d' and event_type <> 'outcome.submitted') as outcome
    from counted where event_type in ('assignment.graded', 'practice.awarded', 'outcome.approved', 'outcome.rejected') group by 1
),
enrolments as (select enrolment_id, p.county_id as county, p.subject_id as subject from counted where event_type = 'enrolment.opened')
select county, subject, count(*) as participating, count(*) filter (sessions > 0) as login, count(*) filter (seconds > 0) as study,
    count(*) filter (
        20 * least(1, coalesce(seconds, 0) / 97200) + least(15, coalesce(posts, 0)) + 5 * least(2, coalesce(journals, 0))
            + case when grade >= 60 then 10 else 0 end + least(10, coalesce(reviews, 0)) / 2 >= 36
        and coalesce(practice, 0) + coalesce(outcome, 0) >= 24) as pass
from enrolments left join sums using (enrolment_id) left join posts using (enrolment_id) left join latest using (enrolment_id)
group by grouping sets ((), (county), (subject), (county, subject)) order by all
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=int, default=9)
    parser.add_argument("--folder", type=Path, help="keep and reuse the lake here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run(options.folder or Path(name), options.scale)


def run(folder: Path, scale: int) -> None:
    packs = find_packs()
    reference = reference_tables(packs)
    lake = Lake(str(folder / "lake"))
    log = SqliteLog(folder / "log.sqlite")
    pack, more = packs["tianshui-2017"], None
    if not any(log.end_offsets().values()):
        for part in simulate(pack, scale=scale):
            for start in range(0, len(part.records), 10_000):
                log.append(part.records[start : start + 10_000])
        Sink(log, lake).run()
    lake.maintain()
    events = sum(log.end_offsets().values())
    warehouse = Warehouse(folder / "warehouse")
    full = warehouse.build(lake, reference, BuildOptions(full=True))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    for part in simulate(pack, seed=99):
        more = part.records[400_000:500_000]
    log.append(more or [])
    Sink(log, lake).run()
    update = warehouse.build(lake, reference)
    queries = []
    for day in ("2017-10-15", "2017-11-11", "2017-12-25"):
        started = time.perf_counter()
        with connect(warehouse.published) as con:
            con.execute(
                "select * from rpt_status where programme_id = 'tianshui-2017' and as_of_on = ?", [day]
            ).fetchall()
        queries.append(time.perf_counter() - started)
    files = [f.removeprefix("file://") for f in lake.snapshot().files]
    by_hand = []
    for _ in range(2):
        with duckdb.connect(config={"threads": 2, "memory_limit": "2500MB"}) as con:
            con.execute("set timezone = 'UTC'")
            started = time.perf_counter()
            con.execute(BY_HAND.replace("FILES", str(files))).fetchall()
            by_hand.append(time.perf_counter() - started)
    print(f"\n{events:,} simulated events; {describe()}\n")
    print("| | |\n|---|---:|")
    print(f"| full build, tested and published | {full.seconds:.1f} s |")
    print(f"| its peak memory (the largest process) | {peak:,.0f} MB |")
    print(f"| the same answers for one day by hand-written SQL | {min(by_hand):.1f} s |")
    print(f"| build ÷ by hand | {full.seconds / min(by_hand):.1f} |")
    print(f"| build after 100,000 further events | {update.seconds:.1f} s |")
    print(f"| `rpt_status` for a date, from the published file | {1000 * max(queries):.0f} ms |")
    slow = sorted(full.nodes, key=lambda n: -n.seconds)[:6]
    print("\nSlowest nodes: " + ", ".join(f"{n.name} {n.seconds:.1f} s" for n in slow))
    print(
        "Of the update: "
        + ", ".join(f"{n.name} {n.seconds:.1f} s" for n in sorted(update.nodes, key=lambda n: -n.seconds)[:6])
    )


if __name__ == "__main__":
    main()
