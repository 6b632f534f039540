"""A build that has to spill to disk ends as well as any."""

from __future__ import annotations

from pathlib import Path

from ingest.log.sqlite import SqliteLog
from ingest.programmes.pack import Pack
from ingest.programmes.reference import reference_tables
from ingest.sink import Sink
from ingest.sources.simulate import simulate
from tests.warehouse_help import marts
from warehouse.build import BuildOptions, Warehouse
from warehouse.lake import Lake


def test_a_build_that_spills_gives_the_same_marts(packs: dict[str, Pack], tmp_path: Path) -> None:
    (simulation,) = simulate(packs["tianshui-2017"], fraction=0.3)
    lake = Lake(str(tmp_path / "lake"))
    with SqliteLog(tmp_path / "log.sqlite") as log:
        log.append(simulation.records)
        Sink(log, lake).run()
    roomy, tight = Warehouse(tmp_path / "roomy"), Warehouse(tmp_path / "tight")
    reference = reference_tables(packs)
    roomy.build(lake, reference)
    tight.build(lake, reference, BuildOptions(memory="260MB"))
    assert marts(tight.published) == marts(roomy.published)
