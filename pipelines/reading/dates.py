"""Which of the published dates a question is about."""

from __future__ import annotations

from datetime import date

import duckdb

from warehouse.errors import BadConfiguration

__all__ = ["day_of", "last_day", "programmes"]


def programmes(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Those of which something is known."""
    return [row[0] for row in con.execute("select distinct programme_id from dim_dates order by 1").fetchall()]


def last_day(
    con: duckdb.DuckDBPyConnection, programme_id: str, as_of: date | None, *, edition: str = "warehouse"
) -> date | None:
    """The last published date until ``as_of`` (default: the programme's report day, else its last); None where there is none."""
    found = con.execute(
        f"select max(as_of_on) from {edition}.marts.dim_dates where programme_id = $1 and as_of_on <= coalesce("
        f"$2, (select max(report_on) from {edition}.reference.programmes where programme_id = $1), date '9999-12-31')",
        [programme_id, as_of],
    ).fetchone()
    return found[0] if found else None


def day_of(con: duckdb.DuckDBPyConnection, programme_id: str, as_of: date | None) -> date:
    """As :func:`last_day`.

    Raises:
        BadConfiguration: nothing is known of the programme by then.
    """
    on = last_day(con, programme_id, as_of)
    if on is None:
        raise BadConfiguration(
            f"nothing is known of {programme_id!r}"
            + (f" by {as_of}" if as_of else "")
            + f"; the warehouse holds: {', '.join(programmes(con)) or 'no programme yet'}"
        )
    return on
