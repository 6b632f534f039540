"""Simulates a programme into the log."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from itertools import groupby

from ingest.identity import Vault
from ingest.log.port import NewRecord
from ingest.sources.simulate import Simulation, simulate
from ingest.sources.simulate.names import invented_people
from pipelines.console import errors, progress, until_interrupted
from pipelines.workspace import Workspace

__all__ = ["APPEND_BATCH", "is_simulation_unfinished", "run_simulation", "unfold_simulation"]

#: Events in one commit of the embedded log.
APPEND_BATCH = 10_000
_UNFINISHED = "simulation-unfinished"


def run_simulation(
    workspace: Workspace, programme_id: str, *, seed: int, scale: int, faults: bool, fraction: float = 1.0
) -> int:
    """Simulate a programme into the log; what an earlier run of the same kind wrote is not written again.

    Until all of it is written, a file in the home says so: see :func:`is_simulation_unfinished`.
    """
    pack = workspace.definitions.in_force(programme_id)
    log = workspace.log
    name = f"simulate/{programme_id}/{pack.digest[:12]}/{seed}/{fraction}/{'faults' if faults else 'clean'}"
    written = 0
    unfinished = workspace.settings.home / _UNFINISHED
    unfinished.write_text(f"{name}\n", encoding="utf-8")
    simulations = simulate(pack, seed=seed, scale=scale, faults=faults, fraction=fraction)
    with closing(workspace.vault(create=True)) as vault, progress() as bar:
        for replica, records in enumerate(_records_of(simulations, vault, seed)):
            task = bar.add_task(f"Append simulated events {replica + 1}/{scale}", total=len(records))
            for start in range(0, len(records), APPEND_BATCH):
                batch = records[start : start + APPEND_BATCH]
                written += len(log.append(batch, batch_id=f"{name}/{replica}/{start}"))
                bar.advance(task, len(batch))
    unfinished.unlink()
    return written


def unfold_simulation(
    workspace: Workspace, programme_id: str, *, seed: int, scale: int, faults: bool, day_s: float, fraction: float = 1.0
) -> int:
    """Simulate a programme into the log as if it ran now: a day's records (UTC) at once, then a wait of ``day_s`` seconds.

    Interrupted, it goes on with the first day that the log does not have. Returns how many records were written.
    """
    pack = workspace.definitions.in_force(programme_id)
    log, stopping, written = workspace.log, threading.Event(), 0
    name = f"unfold/{programme_id}/{pack.digest[:12]}/{seed}/{fraction}/{'faults' if faults else 'clean'}"
    simulations = simulate(pack, seed=seed, scale=scale, faults=faults, fraction=fraction)
    with closing(workspace.vault(create=True)) as vault, until_interrupted(stopping.set):
        for replica, simulated in enumerate(_records_of(simulations, vault, seed)):
            # Records that come late follow those of another day: a day may come in several pieces.
            for number, (day, records) in enumerate(groupby(simulated, key=_day_of)):
                fresh = len(log.append([*records], batch_id=f"{name}/{replica}/{number}"))
                written += fresh
                if fresh:
                    errors.print(f"{day}: {fresh:,} records")
                if stopping.wait(day_s if fresh else 0):
                    return written
    return written


def _records_of(simulations: Iterable[Simulation], vault: Vault, seed: int) -> Iterator[list[NewRecord]]:
    """The records of each simulation, whose people are in the vault by then, marked as invented."""
    for simulation in simulations:
        cohort = simulation.cohort
        keys = [*cohort.learner_keys, *cohort.tutor_keys, *cohort.expert_keys]
        vault.put(invented_people(seed, keys), are_invented=True)
        yield simulation.records


def _day_of(record: NewRecord) -> date:
    return datetime.fromtimestamp((record.recorded_at_us or 0) / 1_000_000, UTC).date()


def is_simulation_unfinished(workspace: Workspace) -> bool:
    """Whether a simulation was interrupted before it had written everything."""
    return (workspace.settings.home / _UNFINISHED).exists()
