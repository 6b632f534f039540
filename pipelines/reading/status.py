"""The status of a programme on a date: query → model."""

from __future__ import annotations

from datetime import date

import duckdb

from pipelines.quality import notes
from pipelines.reading.dates import day_of
from pipelines.reading.periods import in_force
from pipelines.reading.simulated import is_simulated
from pipelines.reports.status import Cell, DayPoint, StatusReport

__all__ = ["read_status"]

_COUNTS = "called_up_count, participating_count, login_count, study_count, pass_count"


def read_status(
    con: duckdb.DuckDBPyConnection, programme_id: str, as_of: date | None = None, *, language: str = "zh"
) -> StatusReport:
    """The status of ``programme_id`` at the end of the local date ``as_of`` (default: the report's day).

    Raises:
        BadConfiguration: the warehouse knows no such programme, or nothing of it by that date.
    """
    label = "label_zh" if language == "zh" else "label_en"
    known = con.execute(
        "select label_zh, label_en from reference.programmes where programme_id = ?", [programme_id]
    ).fetchone()
    label_zh, label_en = known or (programme_id, programme_id)
    on = day_of(con, programme_id, as_of)
    rows = con.execute(
        f"select breakdown, county_id, subject_id, {_COUNTS} from rpt_status join dim_cells using (programme_id, breakdown, cell_id)"
        " where programme_id = ? and as_of_on = ? and breakdown in ('programme', 'county', 'subject', 'county_subject')",
        [programme_id, on],
    ).fetchall()
    cells = {(b, c, s): Cell(*counts) for b, c, s, *counts in rows}
    trend = con.execute(
        f"select as_of_on, {_COUNTS} from rpt_status where programme_id = ? and breakdown = 'programme' order by 1",
        [programme_id],
    ).fetchall()
    build = con.execute("select build_id from build_info").fetchone()
    definition = "definition_zh" if language == "zh" else "definition_en"
    return StatusReport(
        programme_id=programme_id,
        label_zh=label_zh,
        label_en=label_en,
        as_of=as_of or on,
        build_id=build[0] if build else "",
        is_simulated=is_simulated(con, programme_id),
        total=cells[("programme", None, None)],
        counties=_labels(con, "county", label, programme_id),
        subjects=_labels(con, "subject", label, programme_id),
        by_county={c: cell for (b, c, _), cell in cells.items() if b == "county" and c},
        by_subject={s: cell for (b, _, s), cell in cells.items() if b == "subject" and s},
        grid={(c, s): cell for (b, c, s), cell in cells.items() if b == "county_subject" and c and s},
        trend=[DayPoint(d, Cell(*counts)) for d, *counts in trend],
        definitions=con.execute(
            f"select indicator, {label}, {definition} from reference.indicators join reference.definitions using (programme_id, version)"
            f" where programme_id = $1 and {in_force('$2')}",
            [programme_id, on],
        ).fetchall(),
        notes=[(zh if language == "zh" else en, examples) for zh, en, examples in notes(con, programme_id)],
    )


def _labels(con: duckdb.DuckDBPyConnection, kind: str, label: str, programme_id: str) -> dict[str, str]:
    """Labels by id, in the order of the pack (what the pack does not name comes last)."""
    table = {"county": "counties", "subject": "subjects"}[kind]
    ordered = con.execute(f"select {kind}_id from reference.{table} where programme_id = ?", [programme_id]).fetchall()
    places = {row[0]: i for i, row in enumerate(ordered)}
    rows = con.execute(f"select {kind}_id, {label} from dim_{table} where programme_id = ?", [programme_id]).fetchall()
    return dict(sorted(rows, key=lambda r: (places.get(r[0], len(places)), r[0])))
