from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.lrs.index.postgres import PostgresIndex
from tests.lrs_help import Lrs


@pytest.fixture(params=["sqlite", "postgres"])
def lrs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lrs]:
    """A learning-record store, once on each index."""
    index = PostgresIndex(request.getfixturevalue("postgres")()) if request.param == "postgres" else None
    made = Lrs(tmp_path, index=index)
    yield made
    made.close()
