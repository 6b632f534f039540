"""An enrolment's score on a date: what each component has, and what a pass still needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import duckdb

from pipelines.reading.periods import holds_on

__all__ = ["ComponentScore", "Scorecard", "StageScore", "read_scorecard"]


@dataclass(frozen=True, slots=True)
class ComponentScore:
    """A component of the score; ``achieved`` and ``target`` are in its unit, and points beyond its most are clipped."""

    stage: str
    label: str
    achieved: Decimal
    target: Decimal
    unit: str
    points: Decimal
    max_points: Decimal
    todo_count: int | None
    is_clipped: bool


@dataclass(frozen=True, slots=True)
class StageScore:
    """A stage's points; ``needed`` are those of a pass, None where the stage has none."""

    stage: str
    points: Decimal
    needed: Decimal | None
    missing: Decimal
    has_passed: bool | None


@dataclass(frozen=True, slots=True)
class Scorecard:
    """An enrolment's score; without components where the programme has no such enrolment by ``on``."""

    on: date | None
    components: list[ComponentScore]
    stages: list[StageScore]


def read_scorecard(
    con: duckdb.DuckDBPyConnection, programme_id: str, enrolment_id: str, on: date | None, language: str
) -> Scorecard:
    """The score at the end of ``on`` (default: the programme's report day)."""
    if on is None:
        found = con.execute(
            "select max(report_on) from reference.programmes where programme_id = $1", [programme_id]
        ).fetchone()
        on = found[0] if found else None
    values = {"programme": programme_id, "enrolment": enrolment_id, "on": on}
    components = con.execute(
        f"""
        select c.stage, r.label_{language}, c.achieved / r.unit_size::decimal(18, 3), r.target, r.unit, c.points, c.max_points,
            c.todo_count, c.is_clipped
        from fct_score_components c
        join reference.assessment_rules r on c.programme_id = r.programme_id and c.definition_version = r.version
            and c.component = r.component
        where c.programme_id = $programme and c.enrolment_id = $enrolment and {holds_on("$on", "c")}
        order by c.stage, c.max_points desc, c.component
        """,
        values,
    ).fetchall()
    stages = con.execute(
        "select stage, points, pass_points, missing_points, has_passed from fct_stage_scores where programme_id = $programme"
        f" and enrolment_id = $enrolment and {holds_on('$on')} order by stage",
        values,
    ).fetchall()
    return Scorecard(on, [ComponentScore(*row) for row in components], [StageScore(*row) for row in stages])
