"""The evaluation report's model from the marts and the programme's pack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import duckdb

from ingest.programmes.pack import Pack
from ingest.programmes.rows import SurveyLevel
from pipelines.audit.auditing import audit
from pipelines.audit.model import Audit
from pipelines.audit.read import figures_of, relations_of, shares_of
from pipelines.reading.bulletin import read_at
from pipelines.reading.calendar import calendar
from pipelines.reading.dates import day_of
from pipelines.reading.periods import in_force
from pipelines.reading.programme_figures import compute_figures
from pipelines.reports.bulletin.editions import public_edition
from pipelines.reports.bulletin.model import Bulletin, Issue
from pipelines.reports.disclosure import withheld_children
from pipelines.reports.evaluation.model import RATES, Computed, Evaluation
from pipelines.survey.form import from_the_lowest
from pipelines.words import Label
from warehouse.errors import BadConfiguration

__all__ = ["read_evaluation"]


def read_evaluation(
    con: duckdb.DuckDBPyConnection, pack: Pack, as_of: date | None = None, *, smallest: int = 10
) -> Evaluation:
    """Everything of the report as of a date (default: the programme's report day).

    Raises:
        BadConfiguration: nothing is known of the programme by then, or the pack's published figures cannot be read.
    """
    programme = pack.programme_id
    on = day_of(con, programme, as_of)
    full = read_at(con, programme, Issue(0, on, on, RATES, Label("", "")), None)
    asked = {"programme": programme, "on": on}

    def rows(sql: str) -> list[tuple[object, ...]]:
        return con.execute(sql, {k: v for k, v in asked.items() if f"${k}" in sql}).fetchall()

    audited = _audited(pack)
    published = [audited.figures[r["figure_id"]] for r in _table(pack, "published_figures")]
    public = public_edition(full, smallest)
    figures = compute_figures(con, programme, on, {p.indicator for p in published if "+" in p.indicator})
    withheld = _withheld(figures, public, smallest)
    return Evaluation(
        public,
        {name: replace(f, value=None) if name in withheld else f for name, f in figures.items()},
        withheld,
        {s: Label(zh, en) for s, zh, en in rows("select school_stage, label_zh, label_en from reference.school_stages where programme_id = $programme")},  # type: ignore[misc, arg-type]
        [
            (Label(zh, en), first, last)  # type: ignore[arg-type, misc]
            for zh, en, first, last in rows(
                "select label_zh, label_en, cast(starts_on as date), cast(ends_on as date) from reference.phases where programme_id = $programme"
            )
        ],
        [
            (c, Label(zh, en))  # type: ignore[arg-type, misc]
            for c, zh, en in rows(
                "select category_id, min(category_zh), min(category_en) from reference.courses where programme_id = $programme group by 1 order by min(course_id)"
            )
        ],
        [
            (stage, whole, least, Label(zh, en), target, unit, points, scoring)  # type: ignore[misc, arg-type]
            for stage, whole, least, zh, en, target, unit, points, scoring in rows(
                f"""
                select stage, cast(stage_max_points as decimal(9, 2)), cast(nullif(stage_pass_points, '') as decimal(9, 2)), label_zh, label_en,
                    cast(target as decimal(12, 2)), unit, cast(max_points as decimal(9, 2)), scoring
                from reference.assessment_rules r join reference.definitions d using (programme_id, version)
                where r.programme_id = $programme and {in_force("$on", "d")}
                """
            )
        ],
        [i for i in calendar(con, programme) if i.as_of <= on],
        [(row.level, Label(row.label_zh, row.label_en)) for row in reversed(from_the_lowest(pack.rows(SurveyLevel)))],
        [] if "respondents" in withheld else _survey(con, pack, on),
        {r["slot"]: Label(r["text_zh"], r["text_en"]) for r in _table(pack, "narrative")},
        published,
        audited,
    )  # fmt: skip


def _withheld(figures: Mapping[str, Computed], public: Bulletin, smallest: int) -> frozenset[str]:
    """Figures about fewer people than may be told of, and those that would give such a one away."""

    def count(name: str) -> int:
        value = figures[name].value
        return value if isinstance(value, int) else 0

    if public.whole.participating is None:
        return frozenset(n for n in figures if n.partition(":")[0] not in ("topics", "hours", "bulletins"))
    found: set[str] = set()
    few = [
        r
        for r, people in (("tutor", "tutors"), ("expert", "experts"), ("manager", "managers"))
        if 0 < count(people) < smallest
    ]
    if few:  # what all of staff did would give away what they did
        found |= {n for n in figures if n.partition(":")[0] in (*few, "staff")}
    stages = {n: count(n) for n in figures if n.startswith("stage:") and "+" not in n}
    hidden = withheld_children(stages, dict.fromkeys(stages, ""), {"": count("participating")}, (), smallest)
    if hidden:
        found |= hidden | {n for n in figures if n.startswith("stage:") and "+" in n}
    if 0 < count("respondents") < smallest:
        found.add("respondents")
    return frozenset(found)


def _table(pack: Pack, name: str) -> list[dict[str, str]]:
    return pack.table(name) if f"{name}.csv" in pack.files else []


def _survey(con: duckdb.DuckDBPyConnection, pack: Pack, on: date) -> list[tuple[str, Label, Mapping[int, int]]]:
    counts: dict[str, dict[int, int]] = {}
    for item, level, n in con.execute(
        "select item_id, level, answer_count from rpt_survey_items where programme_id = $1 and as_of_on = $2 order by all",
        [pack.programme_id, on],
    ).fetchall():
        counts.setdefault(item, {})[level] = n
    labels = {r["item_id"]: Label(r["label_zh"], r["label_en"]) for r in pack.tables["survey_items"]}
    ordered = [*(i for i in labels if i in counts), *(i for i in counts if i not in labels)]
    return [(i, labels.get(i, Label(i, i)), counts[i]) for i in ordered]


def _audited(pack: Pack) -> Audit:
    """The audit of the programme's own published report.

    Raises:
        BadConfiguration: a figure or relation of it cannot be read.
    """
    figures, unread = figures_of(_table(pack, "published_figures"), "published_figures.csv")
    items = {r["item_id"]: r for r in pack.tables["survey_items"]}
    rows = [items.get(r["item_id"], {}) | r for r in _table(pack, "published_survey")]
    levels = {f"level_{r['level']}": Label(r["label_zh"], r["label_en"]) for r in pack.tables["survey_levels"]}
    shares, more = shares_of(rows, "published_survey.csv", figures, levels=levels)
    if unread or more:
        one = [*unread, *more][0]
        raise BadConfiguration(f"{pack.programme_id}: {one.file} row {one.row}, {one.column}: {one.why}")
    return audit({**figures, **shares}, relations_of(_table(pack, "published_relations"), "published_relations.csv"))
