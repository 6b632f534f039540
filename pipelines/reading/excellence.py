"""Who is proposed for an award by the pack's rule, and the reason for each choice, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import duckdb

from pipelines.reading.dates import day_of
from pipelines.reading.periods import in_force
from pipelines.words import LANGUAGES, count_text, percent, words_of
from warehouse.errors import BadConfiguration

__all__ = ["Proposal", "read_proposals"]


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
        f"""
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
            and {in_force("$2", "d")}
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
            *(_reason(language, dict(zip(order.split("|"), values, strict=False))) for language in LANGUAGES),
        )
        for award, zh, en, position, who, chosen, order, values in rows
    ]  # fmt: skip


def _reason(language: str, measures: Mapping[str, Decimal | None]) -> str:
    w, names = words_of("awards", language), words_of("awards.measures", language)
    return w["joiner"].join(
        w["measure"].format(name=names[name], value=_text(name, value)) for name, value in measures.items()
    )


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
