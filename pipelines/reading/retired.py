"""Which words of a programme were ended because they had been kept long enough: figures stand, and lead to events without them."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from warehouse.lake import Lake
from warehouse.query import connect_lake

__all__ = ["Retired", "read_retired"]


class Retired(NamedTuple):
    """Keys of periods that were destroyed: as of which day, and how many."""

    until_on: date
    periods: int


def read_retired(lake: Lake, programme_id: str) -> list[Retired]:
    """What was retired of a programme, by day."""
    if not lake.exists:
        return []
    with connect_lake(lake) as con:
        rows = con.execute(
            "select cast(payload ->> '$.until_on' as date), sum(json_array_length(payload -> '$.periods')) from lake.accepted"
            " where event_type = 'programme.texts_retired' and programme_id = ? group by 1 order by 1",
            [programme_id],
        ).fetchall()
    return [Retired(until_on, int(periods)) for until_on, periods in rows]
