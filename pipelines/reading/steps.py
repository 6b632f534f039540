"""The next steps of the pack that follow on a date, from the mart that decides it."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta

import duckdb

from pipelines.reading.periods import in_force
from pipelines.reports.bulletin.model import Action
from pipelines.words import Label

__all__ = ["PROGRAMME", "read_steps"]

#: The scope of a step for all of a programme.
PROGRAMME = ("programme", "")


def read_steps(
    con: duckdb.DuckDBPyConnection, programme_id: str, on: date, issued_on: date
) -> dict[tuple[str, str], list[Action]]:
    """The steps by their scope, as ``("class", id)``, in the pack's order; due so many days after ``issued_on``."""
    parameters = {"programme": programme_id, "on": on}
    rules = con.execute(
        f"""
        select a.action, cast(a.minimum_count as integer), a.owner_zh, a.owner_en, cast(a.days as integer), a.text_zh, a.text_en
        from reference.actions a join reference.definitions d using (programme_id, version)
        where a.programme_id = $programme and {in_force("$on", "d")}
        """,
        parameters,
    ).fetchall()
    follow: dict[str, list[tuple[str, str, str, int]]] = defaultdict(list)
    for action, *rest in con.execute(
        "select action, breakdown, group_id, cause, cause_count from rpt_next_steps where programme_id = $programme and as_of_on = $on",
        parameters,
    ).fetchall():
        follow[action].append(tuple(rest))
    found: dict[tuple[str, str], list[Action]] = defaultdict(list)
    for action, least, owner_zh, owner_en, days, text_zh, text_en in rules:
        for breakdown, group, cause, count in follow[action]:
            found[breakdown, group].append(
                Action(
                    action, Label(text_zh, text_en), Label(owner_zh, owner_en), issued_on + timedelta(days=days), cause, count, least
                )
            )  # fmt: skip
    return dict(found)
