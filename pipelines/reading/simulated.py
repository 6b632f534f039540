"""Whether a programme's learners are invented: whatever is shown of them says so."""

from __future__ import annotations

import duckdb

__all__ = ["is_simulated"]


def is_simulated(con: duckdb.DuckDBPyConnection, programme_id: str) -> bool:
    """Whether any of its records came from the simulator."""
    found = con.execute(
        "select bool_or(source = 'simulator') from rpt_event_accounting where programme_id = ?", [programme_id]
    ).fetchone()
    return bool(found and found[0])
