"""What a backup, its check and its restoring cost: ``python -m benchmarks.backup [--fraction F] [--attachments N]``.

The home is a simulated one; the attachments are of 20 KB each. Once alone, and once while a writer appends to the log as fast as it can:
how long an append takes is measured in both, so that it can be seen what a backup costs who writes. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from benchmarks.machine import describe
from ingest.identity.sealing import Sealer
from ingest.log.port import NewRecord
from ingest.log.sqlite import SqliteLog
from ingest.lrs.attachments import Attachments
from pipelines.collect.simulation import run_simulation
from pipelines.keeping.backup import back_up
from pipelines.keeping.restore import check_backup, restore
from pipelines.private import keep_private
from pipelines.settings import Settings
from pipelines.workspace import Workspace

BATCH, ROUNDS = 100, 3
KEY = base64.b64encode(bytes(range(32))).decode()


def settings_of(home: Path) -> Settings:
    return Settings.from_environment({"XUEQING_HOME": str(home), "XUEQING_VAULT_KEY": KEY})


def timed(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


class Writer:
    """Appends batches until it is told to stop; how long each took, in seconds."""

    def __init__(self, file: Path) -> None:
        self._file, self._stop = file, threading.Event()
        self.took: list[float] = []
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with SqliteLog(self._file) as log:
            while not self._stop.is_set():
                batch = [NewRecord(uuid.uuid4().bytes, b"x" * 300) for _ in range(BATCH)]
                self.took.append(timed(lambda batch=batch: log.append(batch)))  # type: ignore[misc]

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def spread(took: list[float]) -> str:
    ordered = sorted(took)
    return f"{ordered[len(ordered) // 2] * 1000:.1f} / {ordered[int(len(ordered) * 0.99)] * 1000:.1f} / {ordered[-1] * 1000:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fraction", type=float, default=0.2)
    parser.add_argument("--attachments", type=int, default=2_000)
    options = parser.parse_args()
    keep_private()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = settings_of(folder / "home")
        events = run_simulation(
            Workspace(home), "tianshui-2017", seed=1, scale=1, faults=False, fraction=options.fraction
        )
        with closing(Workspace(home).vault(create=True)) as vault:
            attachments = Attachments(home.attachments, Sealer(vault))
            for _ in range(options.attachments):
                content = os.urandom(20_000)
                attachments.put("p", "Lattach3d", hashlib.sha256(content).hexdigest(), content)
        alone: list[float] = []
        for number in range(ROUNDS):
            alone.append(timed(lambda number=number: back_up(Workspace(home), folder / f"alone-{number}")))  # type: ignore[misc]
        copy = folder / "alone-0"
        size = sum(piece.size for piece in check_backup(copy).files.values())
        checked = min(timed(lambda: check_backup(copy)) for _ in range(ROUNDS))
        restored = min(
            timed(lambda number=number: restore(settings_of(folder / f"fresh-{number}"), copy))  # type: ignore[misc]
            for number in range(ROUNDS)
        )
        with Writer(home.home / "log.sqlite") as before:
            time.sleep(max(2.0, min(alone)))
        with Writer(home.home / "log.sqlite") as during:
            busy = timed(lambda: back_up(Workspace(home), folder / "busy"))
        check_backup(folder / "busy")
    print(
        f"\n{events:,} simulated events and {options.attachments:,} attachments of 20 KB, {size / 1e6:,.0f} MB in all; {describe()}\n"
    )
    print("| | |\n|---|---:|")
    print(f"| backup, nobody writing, best of {ROUNDS} | {min(alone):.1f} s ({size / 1e6 / min(alone):,.0f} MB/s) |")
    print(f"| backup while a writer appends | {busy:.1f} s |")
    print(f"| `restore --check`, best of {ROUNDS} | {checked:.1f} s |")
    print(f"| restore, best of {ROUNDS} | {restored:.1f} s |")
    print(f"| an append of {BATCH} records with no backup, p50 / p99 / longest | {spread(before.took)} ms |")
    print(f"| an append of {BATCH} records during the backup, p50 / p99 / longest | {spread(during.took)} ms |")


if __name__ == "__main__":
    main()
