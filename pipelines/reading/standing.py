"""How a programme stands on any date: what the bulletins say, and what each learner and member of staff had done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date, timedelta

import duckdb

from pipelines.reading.bulletin import read_at
from pipelines.reading.calendar import calendar
from pipelines.reading.dates import day_of
from pipelines.reading.periods import holds_on, in_force
from pipelines.reading.steps import read_steps
from pipelines.reports.briefing.model import Component, LearnerRow, Reminders, StaffRow, Standing
from pipelines.reports.bulletin.model import Issue, TrendPoint
from pipelines.words import Label, Share

__all__ = ["read_standing"]


def read_standing(
    con: duckdb.DuckDBPyConnection, programme_id: str, as_of: date | None, *, since_days: int = 7
) -> Standing:
    """Everything that briefings and packs can say as of a date (default: the programme's report day), with the change of a week.

    Raises:
        BadConfiguration: nothing is known of the programme by then.
    """
    on = day_of(con, programme_id, as_of)
    # The programme's focus by then is that of its newest bulletin.
    focus = next((i.focus for i in reversed(calendar(con, programme_id)) if i.as_of <= on), ())
    issue = Issue(0, on, on, focus, Label("", ""))
    bulletin = read_at(con, programme_id, issue, on - timedelta(days=since_days))
    asked: dict[str, object] = {"programme": programme_id, "on": on}

    def rows(table: str, columns: Sequence[str], order: str) -> list[tuple[object, ...]]:
        return con.execute(
            f"select {', '.join(columns)} from {table} where programme_id = $programme and as_of_on = $on order by {order}",
            asked,
        ).fetchall()

    learners = rows(
        "rpt_learners", [f.name for f in fields(LearnerRow)], "county_id, school_id, class_id, enrolment_id"
    )
    staff = rows("rpt_staff", [f.name for f in fields(StaffRow)], "role desc, scope_id, staff_key")
    reminders = rows(
        "rpt_reminders", ["rule_id", "channel", "sent_count", "enrolment_count", "over_count", "came_back_count"], "all"
    )
    return Standing(
        bulletin,
        [LearnerRow(*row) for row in learners],  # type: ignore[arg-type]
        [StaffRow(*row) for row in staff],  # type: ignore[arg-type]
        _weeks(con, asked),
        _components(con, asked),
        [Reminders(*row) for row in reminders],  # type: ignore[arg-type]
        read_steps(con, programme_id, on, issue.issued_on),
    )


def _weeks(con: duckdb.DuckDBPyConnection, asked: Mapping[str, object]) -> dict[tuple[str, str], list[TrendPoint]]:
    """The three rates at each week's end, and on the date itself, by group."""
    found: dict[tuple[str, str], list[TrendPoint]] = defaultdict(list)
    for kind, group, on, indicator, n, of in con.execute(
        """
        select breakdown, coalesce(class_id, subject_id), as_of_on, indicator, numerator_count, denominator_count
        from rpt_indicators i
        where programme_id = $programme and breakdown in ('class', 'subject') and coalesce(class_id, subject_id) is not null
            and indicator in ('login', 'study', 'pass') and denominator_count > 0
            and (as_of_on = $on or as_of_on in (
                select as_of_on from dim_dates where programme_id = $programme and is_week_end and as_of_on < $on))
        order by all
        """,
        asked,
    ).fetchall():
        found[kind, group].append(TrendPoint(on, indicator, None, Share(n, of)))
    return found


def _components(con: duckdb.DuckDBPyConnection, asked: Mapping[str, object]) -> dict[tuple[str, str], list[Component]]:
    found: dict[tuple[str, str], list[Component]] = defaultdict(list)
    for kind in ("class", "subject"):
        for group, zh, en, most, points, full, of in con.execute(
            f"""
            with rules as (
                select r.component, r.label_zh, r.label_en, row_number() over () as position
                from reference.assessment_rules r join reference.definitions d using (programme_id, version)
                where r.programme_id = $programme and {in_force("$on", "d")}
            )
            select l.{kind}_id, r.label_zh, r.label_en, c.max_points, sum(c.points), count(*) filter (c.missing_points = 0), count(*)
            from rpt_learners l
            join fct_score_components c on c.programme_id = l.programme_id and c.enrolment_id = l.enrolment_id
                and {holds_on("$on", "c")}
            join rules r using (component)
            where l.programme_id = $programme and l.as_of_on = $on and l.{kind}_id is not null
            group by l.{kind}_id, r.label_zh, r.label_en, c.max_points, r.position order by l.{kind}_id, r.position
            """,
            asked,
        ).fetchall():
            found[kind, group].append(Component(Label(zh, en), most, points, full, of))
    return found
