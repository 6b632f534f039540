"""A sink in a process of its own, which kills itself at a given step."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from ingest.log import kafka
from ingest.sink import Sink, SinkOptions
from pipelines.workspace import open_log
from warehouse import lake as lake_module
from warehouse.lake import Lake


def run(arguments: Sequence[str]) -> None:
    """``LOG LAKE STEP NTH``."""
    log_url, lake_uri, step, nth = *arguments[:3], int(arguments[3])
    seen = 0

    def probe(name: str) -> None:
        nonlocal seen
        if name == step:
            seen += 1
            if seen == nth:
                os.kill(os.getpid(), signal.SIGKILL)

    if step == "during-commit":
        # The data file is written, the commit is not: the instant at which rows could be lost or doubled.
        real = lake_module.write_deltalake

        def dying(table, rows, **options):  # type: ignore[no-untyped-def]
            if seen + 1 == nth:
                pq.write_table(rows, Path(lake_uri) / "records" / "part-orphan.parquet")
            probe(step)
            return real(table, rows, **options)

        lake_module.write_deltalake = dying  # type: ignore[assignment]

    if os.environ.get("XUEQING_TEST_SLOW_READER"):
        kafka.fast_reader_available = lambda: False

    with open_log(log_url, 4) as log:
        sink = Sink(
            log,
            Lake(lake_uri),
            SinkOptions(max_records=400, max_age_s=60, group=os.environ.get("SINK_GROUP", str(uuid.uuid4()))),
            probe=probe,
        )
        signal.signal(signal.SIGTERM, lambda *_: sink.stop.set())
        sink.run(follow=os.environ.get("SINK_FOLLOW") == "1")
