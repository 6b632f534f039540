"""The cells of a bulletin: counties, subjects, classes and schools, with their shares and ranks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pipelines.reading.periods import holds_on
from pipelines.reading.question import Question
from pipelines.reports.bulletin.model import PRINTED_GROUPS, Group
from pipelines.words import Label, Share

__all__ = ["Names", "read_called_up", "read_groups", "read_names"]

_BREAKDOWNS = ("programme", "county", "subject", "county_subject", "class", "school")
#: Written into the SQL: given as a list parameter, DuckDB would scan every row of the mart instead of skipping blocks.
_IN_BREAKDOWNS = f"breakdown in {_BREAKDOWNS}"
_RANKED = {
    "county": ("rpt_counties", "county_id"),
    "class": ("rpt_classes", "class_id"),
    "school": ("rpt_schools", "school_id"),
}
#: Every cell, but of the classes and schools only those in ``homes``.
_LOOKED_AT = """
    (coalesce(class_id, school_id) is null
        or (breakdown, coalesce(class_id, school_id)) in (select kind, group_id from temp.homes))
"""


@dataclass(frozen=True, slots=True)
class Names:
    """The labels of the date by dimension and id, and what the programme calls its counties and subjects."""

    labels: Mapping[tuple[str, str], Label]
    county: Label
    subject: Label
    order: Mapping[tuple[str, str], int]

    def of(self, column: str, value: str) -> Label:
        """How a place or group is called; by its id where it has no name."""
        return self.labels.get((column, value), Label(value, value))

    def named(self, column: str, values: Iterable[str | None]) -> dict[str, Label]:
        """The names of those that have one, by id."""
        found = {value: self.labels.get((column, value)) for value in values if value is not None}
        return {value: label for value, label in sorted(found.items()) if label is not None}


def read_names(question: Question) -> Names:
    """The labels of the date: those that the pack has, and those that only events have."""
    rows = question.rows(
        f"""
        select 'county_id', county_id, label_zh, label_en from dim_counties where programme_id = $programme
        union all
        select 'subject_id', subject_id, label_zh, label_en from dim_subjects where programme_id = $programme
        union all
        select kind || '_id', group_id, label_zh, label_en from dim_groups
        where programme_id = $programme and {holds_on("$on")} and is_named
        """
    )
    order = question.rows(
        """
        select 'county_id', county_id from reference.counties where programme_id = $programme
        union all
        select 'subject_id', subject_id from reference.subjects where programme_id = $programme
        """
    )
    called = question.rows(
        "select county_zh, county_en, subject_zh, subject_en from reference.programmes where programme_id = $programme"
    )
    zh_county, en_county, zh_subject, en_subject = called[0] if called else ("区县", "County", "学科", "Subject")
    return Names(
        {(column, value): Label(zh, en) for column, value, zh, en in rows},
        Label(zh_county, en_county),
        Label(zh_subject, en_subject),
        {(column, value): n for n, (column, value) in enumerate(order)},
    )


def read_called_up(question: Question) -> dict[str, int]:
    """By county; those without one under an empty name."""
    rows = question.rows(
        "select coalesce(county_id, ''), called_up_count from rpt_status join dim_cells using (programme_id, breakdown, cell_id)"
        " where programme_id = $programme and as_of_on = $on and breakdown = 'county' and called_up_count > 0 order by 1"
    )
    return {county: int(n) for county, n in rows}


def read_groups(question: Question, shown: Sequence[str], names: Names) -> dict[str, list[Group]]:
    """The cells of each breakdown in which somebody takes part."""
    homes = _homes(question)
    now, before = (_shares(question, shown, day) for day in (question.on, question.before))
    sizes: dict[str, dict[tuple[Any, ...], int]] = defaultdict(dict)
    for breakdown, *key, n in question.rows(
        "select breakdown, county_id, subject_id, class_id, school_id, participating_count"
        f" from rpt_status join dim_cells using (programme_id, breakdown, cell_id) where programme_id = $programme and as_of_on = $on and {_IN_BREAKDOWNS} and {_LOOKED_AT}"
    ):
        sizes[breakdown][tuple(key)] = n
    return {b: _groups_of(question, b, now.get(b, {}), before.get(b, {}), sizes[b], homes, names) for b in _BREAKDOWNS}


def _groups_of(
    question: Question,
    breakdown: str,
    now: Mapping[tuple[Any, ...], dict[str, Share]],
    before: Mapping[tuple[Any, ...], dict[str, Share]],
    sizes: Mapping[tuple[Any, ...], int],
    homes: Mapping[tuple[str, str], tuple[str | None, str | None]],
    names: Names,
) -> list[Group]:
    """In the pack's order; classes and schools by rank."""
    ranks: list[dict[str, tuple[int, int]]] = [{}, {}]
    if breakdown in _RANKED:
        ranks = [_ranks(question, *_RANKED[breakdown], day) for day in (question.on, question.before)]
    found = []
    for key, shares in now.items():
        county, subject, class_id, school = key
        group_id = class_id or school or "|".join(x for x in (county, subject) if x)
        if not sizes.get(key) or (breakdown != "programme" and not group_id):
            continue
        if breakdown in ("class", "school"):
            county, subject = homes.get((breakdown, group_id), (None, None))
            label = names.of(f"{breakdown}_id", group_id)
        else:
            label = (
                names.of("subject_id", subject)
                if subject
                else names.of("county_id", county)
                if county
                else Label("", "")
            )
        rank, of = ranks[0].get(group_id, (None, None))
        found.append(
            Group(
                group_id, label, county, subject, sizes[key], shares, before.get(key, {}),
                rank, ranks[1].get(group_id, (None, None))[0], of,
            )
        )  # fmt: skip
    last = len(names.order)

    def position(g: Group) -> tuple[Any, ...]:
        if breakdown in ("class", "school"):
            return (g.rank or 0, g.group_id)
        return (
            names.order.get(("county_id", g.county_id or ""), last),
            names.order.get(("subject_id", g.subject_id or ""), last),
            g.group_id,
        )

    return sorted(found, key=position)


def _homes(question: Question) -> dict[tuple[str, str], tuple[str | None, str | None]]:
    """(kind, id) → the county and subject of a class, the county of a school; none where it has several.

    The table ``homes`` keeps those that the question is about: of its county, and by rank only as many as are printed.
    """
    question.rows(
        """
        create or replace temp table all_homes as
        select kind, group_id, county_id, case when kind = 'class' then subject_id end as subject_id
        from rpt_homes where programme_id = $programme and as_of_on = $on
        """
    )
    question.rows(
        f"""
        create or replace temp table homes as
        with ranks as (
            select 'class' as kind, class_id as group_id, rank_number from rpt_classes where programme_id = $programme and as_of_on = $on
            union all
            select 'school', school_id, rank_number from rpt_schools where programme_id = $programme and as_of_on = $on
        ),
        ordered as (
            select homes.*, row_number() over (partition by kind order by coalesce(rank_number, 0), group_id) as place
            from temp.all_homes as homes left join ranks using (kind, group_id)
            where $county is null or county_id = $county
        )
        select kind, group_id, county_id, subject_id from ordered
        where {f"place <= {PRINTED_GROUPS}" if question.only_printed else "true"}
        """
    )
    rows = question.rows("from temp.homes")
    return {(kind, name): (county, subject) for kind, name, county, subject in rows}


def _shares(
    question: Question, shown: Sequence[str], on: date | None
) -> dict[str, dict[tuple[Any, ...], dict[str, Share]]]:
    """By breakdown, cell and indicator."""
    if on is None:
        return {}
    rows = question.rows(
        f"""
        select breakdown, county_id, subject_id, class_id, school_id, indicator, numerator_count, denominator_count
        from rpt_indicators
        where programme_id = $programme and as_of_on = $day and {_IN_BREAKDOWNS}
            and list_contains($shown, indicator) and {_LOOKED_AT}
        """,
        day=on, shown=list(shown),
    )  # fmt: skip
    found: dict[str, dict[tuple[Any, ...], dict[str, Share]]] = defaultdict(lambda: defaultdict(dict))
    for breakdown, county, subject, class_id, school, indicator, numerator, denominator in rows:
        found[breakdown][county, subject, class_id, school][indicator] = Share(numerator, denominator)
    return found


def _ranks(question: Question, table: str, column: str, on: date | None) -> dict[str, tuple[int, int]]:
    if on is None:
        return {}
    rows = question.rows(
        f"select {column}, rank_number, ranked_count from {table} where programme_id = $programme and as_of_on = $day"
        f" and ({column} in (select group_id from temp.homes) or '{column}' = 'county_id')",
        day=on,
    )
    return {group: (rank, ranked) for group, rank, ranked in rows}
