"""Opens what this room asks."""

from __future__ import annotations

from pathlib import Path

import duckdb

from warehouse.lake import Lake
from warehouse.query import connect

__all__ = ["open_marts"]


def open_marts(published: Path, lake: Lake | None = None) -> duckdb.DuckDBPyConnection:
    """A published file or a private build, to be read; with ``lake``, its records too.

    Raises:
        NotPublished: no build has been published yet.
    """
    return connect(published, lake)
