"""How long a build takes by the number of programmes, each of one learner: ``python -m benchmarks.programmes``.

Nobody has defined them: a programme is whatever an accepted event names. The packs that ship are there as ever.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.machine import describe
from ingest.events import encode
from ingest.events.enrolment import EnrolmentOpened
from ingest.events.learning import SessionStarted, VideoWatched
from ingest.log.port import NewRecord
from ingest.log.sqlite import SqliteLog
from ingest.programmes.folders import find_packs
from ingest.programmes.reference import reference_tables
from ingest.sink import Sink
from ingest.sources.ids import stable_id
from pipelines.quality import QualityGate
from warehouse.build import BuildOptions, BuildReport, Warehouse
from warehouse.lake import Lake

START = datetime(2017, 10, 10, tzinfo=UTC)


def records(programmes: int) -> list[NewRecord]:
    """Three events of one learner in each programme."""
    found = []
    for n in range(programmes):
        enrolment = f"e{n}"
        payloads = (
            EnrolmentOpened(enrolment_id=enrolment, class_id="c", county_id="k", subject_id="s"),
            SessionStarted(enrolment_id=enrolment, device="web"),
            VideoWatched(enrolment_id=enrolment, course_id="v", watched_s=60.0),
        )
        kinds = ("enrolment.opened", "session.started", "video.watched")
        for day, (kind, payload) in enumerate(zip(kinds, payloads, strict=True)):
            at = START + timedelta(days=day)
            value = encode(
                payload, event_type=kind, event_id=stable_id(str(n), kind), occurred_at=at, programme_id=f"programme-{n}",
                source="benchmark", learner_key=f"Llearner{n:08}",
            )  # fmt: skip
            found.append(NewRecord(enrolment.encode(), value, int(at.timestamp() * 1e6)))
    return found


def build(programmes: int, folder: Path) -> BuildReport:
    """A full build, tested, checked and published."""
    with SqliteLog(folder / "log.sqlite") as log:
        log.append(records(programmes))
        lake = Lake(str(folder / "lake"))
        Sink(log, lake).run()
    gate = QualityGate(folder / "quality")
    return Warehouse(folder / "warehouse").build(
        lake, reference_tables(find_packs()), BuildOptions(full=True), gate=gate
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programmes", type=int, nargs="*", default=[1, 400, 10_000])
    options = parser.parse_args()
    print(f"{describe()}\n\n| programmes of one learner | full build, tested, checked and published |\n|---:|---:|")
    for programmes in options.programmes:
        with tempfile.TemporaryDirectory() as name:
            done = build(programmes, Path(name))
        slow = ", ".join(f"{n.name} {n.seconds:.1f} s" for n in sorted(done.nodes, key=lambda n: -n.seconds)[:4])
        print(f"| {programmes:,} | {done.seconds:.1f} s ({slow}) |", flush=True)


if __name__ == "__main__":
    main()
