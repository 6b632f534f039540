"""Whom a programme's reminders are for on a date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from pipelines.reading.dates import day_of
from pipelines.reading.periods import holds_on, in_force

__all__ = ["Reminder", "due"]


@dataclass(frozen=True, slots=True)
class Reminder:
    """One learner to be reminded by a rule of the pack; ``text`` has its ``{count}`` filled in."""

    programme_id: str
    rule_id: str
    channel: str
    as_of: date
    enrolment_id: str
    learner_key: str
    text: str


def due(
    con: duckdb.DuckDBPyConnection, programme_id: str, as_of: date | None, language: str, rule: str | None = None
) -> list[Reminder]:
    """Whom the pack's reminders are for on a date (default: the last published one), quotas and quiet days respected.

    Raises:
        BadConfiguration: nothing is known of the programme by then.
    """
    on = day_of(con, programme_id, as_of)
    text = "text_zh" if language == "zh" else "text_en"
    rows = con.execute(
        f"""
        select d.rule_id, d.channel, d.enrolment_id, e.learner_key, r.{text}, d.measured_count
        from rpt_reminders_due d
        join dim_enrolments e on e.programme_id = d.programme_id and e.enrolment_id = d.enrolment_id
            and {holds_on("d.as_of_on", "e")}
        join reference.definitions v on v.programme_id = d.programme_id and {in_force("d.as_of_on", "v")}
        join reference.reminders r on r.programme_id = d.programme_id and r.version = v.version and r.rule_id = d.rule_id
        where d.programme_id = $programme and d.as_of_on = $on and coalesce($rule, d.rule_id) = d.rule_id
        order by d.rule_id, d.position_number
        """,
        {"programme": programme_id, "on": on, "rule": rule},
    ).fetchall()
    return [
        Reminder(programme_id, rule_id, channel, on, enrolment, key, words.replace("{count}", f"{count:,}"))
        for rule_id, channel, enrolment, key, words, count in rows
    ]
