"""Who an enrolment is by key, and who is where on a date: keys only; names are in the vault."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from pipelines.reading.dates import day_of
from pipelines.reading.periods import holds_on
from pipelines.words import Label
from warehouse.errors import BadConfiguration

__all__ = ["Member", "keys_of", "keys_of_enrolment", "read_derived", "read_members", "staff_keys"]


@dataclass(frozen=True, slots=True)
class Member:
    """An enrolment of a scope on a date, with the names of its places."""

    enrolment_id: str
    learner_key: str
    county: Label
    school: Label
    class_: Label
    subject: Label
    has_passed: bool


def keys_of(
    con: duckdb.DuckDBPyConnection, programme_id: str, enrolment_ids: Collection[str]
) -> dict[str, tuple[str, Label | None]]:
    """The learner_key of each enrolment that there is, and the name of its newest school."""
    rows = con.execute(
        """
        with placed as (
            select enrolment_id, any_value(learner_key) as learner_key, arg_max(school_id, valid_from_on) as school_id
            from dim_enrolments
            where programme_id = $1 and enrolment_id in (select unnest($2)) and learner_key is not null group by all
        )
        select p.enrolment_id, p.learner_key, s.label_zh, s.label_en
        from placed p left join dim_groups s on s.programme_id = $1 and s.kind = 'school' and s.group_id = p.school_id
            and s.valid_to_on = date '9999-12-31'
        """,
        [programme_id, sorted(enrolment_ids)],
    ).fetchall()
    return {enrolment: (key, Label(zh, en) if zh else None) for enrolment, key, zh, en in rows}


def staff_keys(con: duckdb.DuckDBPyConnection, programme_id: str) -> set[str]:
    """The keys of the programme's staff."""
    return {
        key for (key,) in con.execute("select distinct staff_key from dim_staff where programme_id = ?", [programme_id]).fetchall()
    }  # fmt: skip


def read_members(
    con: duckdb.DuckDBPyConnection,
    programme_id: str,
    as_of: date | None,
    *,
    county: str | None = None,
    school: str | None = None,
    class_: str | None = None,
) -> tuple[date, list[Member]]:
    """Those who take part in a county, school or class (ids or names) on a date, by county, school and enrolment.

    Raises:
        BadConfiguration: nothing is known of the programme by then, or there is no such place or group.
    """
    on = day_of(con, programme_id, as_of)
    asked: dict[str, Any] = {"programme": programme_id, "on": on}
    where = ""
    for kind, value in (("county", county), ("school", school), ("class", class_)):
        if value is not None:
            asked[kind] = _place(con, programme_id, on, kind, value)
            where += f" and e.{kind}_id = ${kind}"
    rows = con.execute(
        f"""
        with names as (
            select kind, group_id, label_zh, label_en from dim_groups where programme_id = $programme and {holds_on("$on")}
        )
        select e.enrolment_id, e.learner_key,
            coalesce(c.label_zh, e.county_id, ''), coalesce(c.label_en, e.county_id, ''),
            coalesce(s.label_zh, ''), coalesce(s.label_en, ''), coalesce(k.label_zh, ''), coalesce(k.label_en, ''),
            coalesce(u.label_zh, e.subject_id, ''), coalesce(u.label_en, e.subject_id, ''), coalesce(p.has_passed, false)
        from dim_enrolments e
        left join dim_counties c on c.programme_id = e.programme_id and c.county_id = e.county_id
        left join dim_subjects u on u.programme_id = e.programme_id and u.subject_id = e.subject_id
        left join names s on s.kind = 'school' and s.group_id = e.school_id
        left join names k on k.kind = 'class' and k.group_id = e.class_id
        left join fct_scorecards p on p.programme_id = e.programme_id and p.enrolment_id = e.enrolment_id and {holds_on("$on", "p")}
        where e.programme_id = $programme and e.is_participating and e.learner_key is not null and {holds_on("$on", "e")}{where}
        order by e.county_id, e.school_id, e.class_id, e.enrolment_id
        """,
        asked,
    ).fetchall()
    return on, [
        Member(enrolment, key, Label(*row[0:2]), Label(*row[2:4]), Label(*row[4:6]), Label(*row[6:8]), row[8])
        for enrolment, key, *row in rows
    ]


def _place(con: duckdb.DuckDBPyConnection, programme_id: str, on: date, kind: str, value: str) -> str:
    """The id of a county, school or class that is called so on the date, in either language, or has that id."""
    if kind == "county":
        known = "select county_id as id, label_zh, label_en from dim_counties where programme_id = $programme"
    else:
        known = (
            "select group_id as id, label_zh, label_en from dim_groups"
            f" where programme_id = $programme and kind = '{kind}' and {holds_on('$on')}"
        )
    asked = {"programme": programme_id, "value": value} | ({} if kind == "county" else {"on": on})
    found = con.execute(
        f"select distinct id from ({known}) where $value in (id, label_zh, label_en) order by 1", asked
    ).fetchall()
    if len(found) != 1:
        several = f": {', '.join(row[0] for row in found)}; give the id" if found else ""
        raise BadConfiguration(f"{programme_id} has {'several' if found else 'no'} {kind} {value!r} on {on}{several}")
    return str(found[0][0])


def keys_of_enrolment(con: duckdb.DuckDBPyConnection, enrolment_id: str) -> list[str]:
    """The learner_keys of the enrolments of that id, in all programmes."""
    rows = con.execute(
        "select distinct learner_key from dim_enrolments where enrolment_id = ? and learner_key is not null order by 1",
        [enrolment_id],
    ).fetchall()
    return [key for (key,) in rows]


#: What follows from a person's records, by section; each query has the person's enrolments as ``own``, and names in one language.
_DERIVED = {
    "enrolments": """
        select e.programme_id, e.enrolment_id, e.valid_from_on, e.valid_to_on, c.{label} as county, s.{label} as school, k.{label} as class,
            u.{label} as subject, e.is_participating
        from dim_enrolments e
        join temp.own using (programme_id, enrolment_id)
        left join dim_counties c on c.programme_id = e.programme_id and c.county_id = e.county_id
        left join dim_subjects u on u.programme_id = e.programme_id and u.subject_id = e.subject_id
        left join dim_groups s on s.programme_id = e.programme_id and s.kind = 'school' and s.group_id = e.school_id
            and s.valid_from_on <= e.valid_from_on and s.valid_to_on > e.valid_from_on
        left join dim_groups k on k.programme_id = e.programme_id and k.kind = 'class' and k.group_id = e.class_id
            and k.valid_from_on <= e.valid_from_on and k.valid_to_on > e.valid_from_on
        order by all""",
    "scores": """
        select programme_id, enrolment_id, stage, points, missing_points, has_passed from fct_stage_scores
        join temp.own using (programme_id, enrolment_id) where valid_to_on = date '9999-12-31' order by all""",
    "indicators": """
        with labels as (select programme_id, indicator, max({label}) as label from reference.indicators group by all)
        select f.programme_id, f.enrolment_id, l.label as indicator, min(f.valid_from_on) as valid_from_on
        from fct_indicator_spells f join temp.own using (programme_id, enrolment_id) join labels l using (programme_id, indicator)
        where f.valid_to_on = date '9999-12-31' group by all order by all""",
    "activities": """
        select programme_id, enrolment_id, activity, cast(sum(event_count) as bigint) as event_count, sum(quantity) as quantity
        from fct_enrolment_days join temp.own using (programme_id, enrolment_id) group by all order by all""",
}


def read_derived(
    con: duckdb.DuckDBPyConnection, keys: Collection[str], language: str
) -> dict[str, list[dict[str, Any]]]:
    """The rows of each section of what follows from a person's records, as of now; columns by name."""
    found = {}
    label = "label_zh" if language == "zh" else "label_en"
    con.execute(
        "create or replace temp table own as select distinct programme_id, enrolment_id from dim_enrolments"
        " where learner_key in (select unnest($1))",
        [sorted(keys)],
    )
    for section, query in _DERIVED.items():
        rows = con.execute(query.format(label=label))
        names = [column[0] for column in rows.description or ()]
        found[section] = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
    return found
