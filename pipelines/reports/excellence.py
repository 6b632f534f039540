"""Who is proposed for an award by the pack's rule, and the reason for each choice, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import duckdb

from pipelines.dates import day_of
from pipelines.reports.figures import count_text, percent
from warehouse.errors import BadConfiguration

__all__ = ["Proposal", "read_proposals"]

#: What each measure of a rule is called; those ending in a unit say it.
_MEASURES: Mapping[str, tuple[str, str]] = {
    "points": ("总分", "points"),
    "study_s": ("学习分钟", "minutes of study"),
    "effective_post": ("有效帖", "effective posts"),
    "journal": ("日志", "journals"),
    "peer_review": ("互评", "peer reviews"),
    "featured": ("被评优的日志与作业", "featured journals and assignments"),
    "resource": ("资源", "resources"),
    "pass_ratio": ("班级合格率", "pass rate of the class"),
    "study_ratio": ("班级学习率", "study rate of the class"),
    "grading": ("批改作业", "assignments graded"),
    "post": ("发帖", "posts"),
    "reply": ("回帖", "replies"),
    "briefing": ("简报", "briefings"),
    "announcement": ("公告", "announcements"),
    "workshop_activity": ("工作坊活动", "workshop activities"),
    "photo": ("照片", "photos"),
    "responded_post": ("回应的帖", "posts answered"),
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """One enrolment or tutor in the order of an award's rule, and why it stands there."""

    award: str
    label_zh: str
    label_en: str
    position: int
    who: str
    is_chosen: bool
    reason_zh: str
    reason_en: str


def read_proposals(
    con: duckdb.DuckDBPyConnection, programme_id: str, as_of: date | None, *, most: int
) -> list[Proposal]:
    """The first ``most`` of each award, at the end of ``as_of`` (default: the report's day).

    Raises:
        BadConfiguration: nothing is known of the programme by then, or its pack has no rule of an award.
    """
    on = day_of(con, programme_id, as_of)
    rows = con.execute(
        """
        with everybody as (
            select programme_id, as_of_on, award, position_number, enrolment_id as who, order_by, measure_1, measure_2, measure_3,
                measure_4, is_chosen
            from rpt_excellent_learners
            union all
            select programme_id, as_of_on, award, position_number, staff_key, order_by, measure_1, measure_2, measure_3, measure_4,
                is_chosen
            from rpt_excellent_tutors
        )
        select e.award, r.label_zh, r.label_en, e.position_number, e.who, e.is_chosen, e.order_by,
            [measure_1, measure_2, measure_3, measure_4]
        from everybody e
        join reference.excellence r using (programme_id, award) join reference.definitions d using (programme_id, version)
        where e.programme_id = $1 and e.as_of_on = $2 and e.position_number <= $3
            and d.applies_from_on <= $2 and (d.applies_to_on is null or d.applies_to_on > $2)
        order by e.award, e.position_number
        """,
        [programme_id, on, most],
    ).fetchall()
    if not rows:
        raise BadConfiguration(
            f"the pack of {programme_id} has no rule of an award (excellence.csv), or nobody to apply it to"
        )
    return [
        Proposal(
            award, zh, en, position, who, chosen,
            "，".join(f"{_MEASURES[name][0]}{_text(name, value)}" for name, value in zip(order.split("|"), values, strict=False)),
            ", ".join(f"{_text(name, value)} {_MEASURES[name][1]}" for name, value in zip(order.split("|"), values, strict=False)),
        )
        for award, zh, en, position, who, chosen, order, values in rows
    ]  # fmt: skip


def _text(name: str, value: Decimal | None) -> str:
    if value is None:
        return "–"
    if name.endswith("_ratio"):
        return percent(int(value * 10**8), 10**8) + "%"
    if name.endswith("_s"):
        return count_text(int(value) // 60)
    if name == "points":
        return f"{value:.2f}"
    return count_text(int(value))
