"""The programme's events: totals from the pack, behaviour from chance, all from one seed.

At ``scale`` k the cohort is drawn k times, one after the other, so memory does not grow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from ingest.log.port import NewRecord
from ingest.programmes.pack import Pack
from ingest.sources.simulate.activity import cohort_events
from ingest.sources.simulate.faults import with_faults
from ingest.sources.simulate.groups import naming_records
from ingest.sources.simulate.people import Cohort, make_cohort
from ingest.sources.simulate.rows import Rows

__all__ = ["SOURCE", "Simulation", "simulate"]

#: Whatever carries this source is invented; reports say so.
SOURCE = "simulator"


@dataclass(frozen=True, slots=True)
class Simulation:
    """One cohort's people and records, in the order in which the log takes them."""

    cohort: Cohort
    records: list[NewRecord]


def simulate(
    pack: Pack, *, seed: int = 1, scale: int = 1, faults: bool = False, fraction: float = 1.0
) -> Iterator[Simulation]:
    """The programme of ``pack``, one cohort at a time.

    Args:
        seed: the same seed gives the same records, byte for byte.
        scale: how many cohorts; every total is multiplied by it.
        faults: adds late arrivals, repeats and bad records.
        fraction: a smaller programme for tests, totals in proportion; 1 is the real one.
    """
    figures = {row["figure"]: int(row["value"]) for row in pack.table("simulation")}
    if fraction != 1.0:
        figures = _reduced(figures, fraction)
    places = pack.table("simulation_places")
    for replica in range(scale):
        rng = np.random.default_rng([seed, replica])
        prefix = "" if replica == 0 else f"r{replica + 1}-"
        cohort = make_cohort(rng, figures, places, prefix)
        rows = Rows(rng, pack.programme_id, SOURCE, prefix)
        cohort_events(rng, rows, cohort, figures, pack)
        records = rows.records()
        if faults:
            records = with_faults(rng, records, timedelta(days=3))
        yield Simulation(cohort, [*naming_records(pack, cohort, places, prefix, SOURCE), *records])


def _reduced(figures: dict[str, int], fraction: float) -> dict[str, int]:
    """Totals in proportion, still possible: every cell has its learners, every class its tutor."""
    kept = {"diagnostic_questions", "classes", "tutors", "experts"}
    small = {k: v if k in kept else max(1, round(v * fraction)) for k, v in figures.items()}
    small["classes"] = small["tutors"] = max(39, round(figures["classes"] * fraction))
    small["kindergarten_enrolments"] = max(6, small["kindergarten_enrolments"])
    small["enrolments"] = max(120, small["enrolments"])
    small["studied"] = small["enrolments"] - max(1, round(25 * fraction))
    small["passed"] = small["studied"] - max(2, round(70 * fraction))
    small["journals"] = max(small["journals"], 2 * small["passed"])
    small["assignments"] = max(small["assignments"], small["studied"])
    small["qa_sessions"] = max(small["qa_sessions"], small["expert_qa_sessions"])
    return small
