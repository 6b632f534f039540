"""The questions of docs/for-analysts.md are run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from ingest.log.sqlite import SqliteLog
from ingest.programmes.pack import Pack
from ingest.programmes.reference import reference_tables
from ingest.sink import Sink
from ingest.sources.simulate import simulate
from tests.conftest import ROOT
from warehouse.build import Warehouse
from warehouse.lake import Lake
from warehouse.query import connect

QUESTIONS = re.findall(
    r"### (.+?)\n\n```sql\n(.+?)```", (ROOT / "docs" / "for-analysts.md").read_text(encoding="utf-8"), re.S
)


@pytest.fixture(scope="module")
def con(packs: dict[str, Pack], tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    folder: Path = tmp_path_factory.mktemp("questions")
    (simulation,) = simulate(packs["tianshui-2017"], fraction=0.05, faults=True)
    lake = Lake(str(folder / "lake"))
    with SqliteLog(folder / "log.sqlite") as log:
        log.append(simulation.records)
        Sink(log, lake).run()
    warehouse = Warehouse(folder / "warehouse")
    warehouse.build(lake, reference_tables(packs))
    return connect(warehouse.published, lake)


def test_there_are_a_dozen() -> None:
    assert len(QUESTIONS) >= 12


@pytest.mark.parametrize(("title", "query"), QUESTIONS, ids=[t for t, _ in QUESTIONS])
def test_the_question_has_an_answer(con: duckdb.DuckDBPyConnection, title: str, query: str) -> None:
    assert con.execute(query).fetchall(), title
