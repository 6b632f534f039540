"""A bulletin from the published marts: the full, restricted edition of the whole programme; the others are cut from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import duckdb

from pipelines.quality import notes
from pipelines.reading.calendar import calendar
from pipelines.reading.dates import day_of, last_day
from pipelines.reading.groups import read_called_up, read_groups, read_names
from pipelines.reading.learners import read_featured, read_learners, read_listed, read_warnings
from pipelines.reading.periods import in_force
from pipelines.reading.question import Question
from pipelines.reading.simulated import is_simulated
from pipelines.reading.steps import PROGRAMME, read_steps
from pipelines.reports.bulletin.model import (
    HEADLINE,
    Bulletin,
    Indicator,
    Issue,
    Note,
    TrendPoint,
)
from pipelines.words import Label, Share
from warehouse.errors import BadConfiguration

__all__ = ["read_at", "read_bulletin"]

#: The most points of a line in a chart, roughly.
_POINTS = 120


def read_bulletin(
    con: duckdb.DuckDBPyConnection,
    programme_id: str,
    number: int,
    *,
    county_id: str | None = None,
    only_printed: bool = False,
) -> Bulletin:
    """Everything that bulletin ``number`` can say, as the published marts have it.

    ``county_id``: of what is below the counties only what is in this one. ``only_printed``: of classes, schools and learners who are
    behind only those that a page prints, and how many there are.

    Raises:
        BadConfiguration: the calendar has no such bulletin, or nothing is known of the programme by its date.
    """
    issues = {issue.number: issue for issue in calendar(con, programme_id)}
    if number not in issues:
        known = ", ".join(map(str, issues)) or "none; add bulletins.csv to its pack"
        raise BadConfiguration(f"{programme_id} has no bulletin {number}; its calendar has {known}")
    before = issues[number - 1].as_of if number - 1 in issues else None
    return read_at(con, programme_id, issues[number], before, county_id=county_id, only_printed=only_printed)


def read_at(
    con: duckdb.DuckDBPyConnection,
    programme_id: str,
    issue: Issue,
    before_on: date | None,
    *,
    county_id: str | None = None,
    only_printed: bool = False,
) -> Bulletin:
    """Everything that can be said as of ``issue.as_of``, with the change since ``before_on``; number 0 is no issue.

    Raises:
        BadConfiguration: nothing is known of the programme by its date.
    """
    on = day_of(con, programme_id, issue.as_of)
    before = last_day(con, programme_id, before_on) if before_on else None
    question = Question(con, programme_id, on, before, county_id, only_printed)
    programme = con.execute(
        "select label_zh, label_en from reference.programmes where programme_id = ?", [programme_id]
    ).fetchone() or (programme_id, programme_id)
    names = read_names(question)
    indicators = _indicators(question, issue.focus)
    shown = list(dict.fromkeys([*HEADLINE, *issue.focus]))
    groups = read_groups(question, shown, names)
    if not groups["programme"]:
        raise BadConfiguration(f"nobody takes part in {programme_id} on {on}: there is nothing to report")
    (whole,) = groups["programme"]
    build = con.execute(
        "select build_id, definitions, (select max(last_recorded_at) from rpt_event_accounting) from build_info"
    ).fetchone()
    assert build is not None
    recorded = con.execute(
        "select max(last_recorded_at) from rpt_event_accounting where programme_id = ?",
        [programme_id],
    ).fetchone() or (None,)
    checked = con.execute("select count(*) from quality_checks where programme_id = ?", [programme_id]).fetchone()
    warnings, warned = read_warnings(question)
    counties = groups["county"]
    called_up = read_called_up(question)
    learners = read_learners(question, warned)
    # Steps about indicators that the bulletin does not speak of are for the bulletin that does.
    steps = read_steps(con, programme_id, on, issue.issued_on).get(PROGRAMME, [])
    return Bulletin(
        programme_id=programme_id,
        programme=Label(*programme),
        county_name=names.county,
        subject_name=names.subject,
        number=issue.number,
        title=issue.title,
        county_id=None,
        audience="restricted",
        issued_on=issue.issued_on,
        as_of=issue.as_of,
        previous_as_of=before_on if before else None,
        known_by=build[2],
        last_recorded_at=recorded[0],
        build_id=build[0],
        definitions_digest=build[1],
        is_simulated=is_simulated(con, programme_id),
        smallest_group=0,
        is_checked=bool(checked and checked[0]),
        notes=[Note(Label(zh, en), examples) for zh, en, examples in notes(con, programme_id)],
        indicators=indicators,
        whole=whole,
        called_up=sum(called_up.values()),
        called_up_by_county={county: n for county, n in called_up.items() if county},
        counties=counties,
        subjects=groups["subject"],
        grid=groups["county_subject"],
        classes=groups["class"],
        schools=groups["school"],
        trend=_trend(question, shown),
        pace=_pace(question, shown),
        warnings=warnings,
        learners=learners,
        featured=read_featured(question),
        actions=[x for x in steps if not x.when.startswith("pace:") or x.when.removeprefix("pace:") in shown],
        listed=read_listed(question) if only_printed else None,
        class_names=names.named("class_id", (x.class_id for x in learners)),
        school_names=names.named("school_id", (x.school_id for x in learners)),
    )


def _indicators(question: Question, focus: Sequence[str]) -> list[Indicator]:
    rows = question.rows(
        f"""
        select i.indicator, i.label_zh, i.label_en, i.definition_zh, i.definition_en, i.denominator,
            p.needed_ratio, p.target_ratio
        from reference.indicators i
        join reference.definitions d using (programme_id, version)
        left join rpt_pace p on p.programme_id = i.programme_id and p.indicator = i.indicator and p.as_of_on = $on
        where i.programme_id = $programme and {in_force("$on", "d")}
        """
    )
    return [
        Indicator(name, Label(zh, en), Label(def_zh, def_en), of, name in focus, needed, target)
        for name, zh, en, def_zh, def_en, of, needed, target in rows
    ]


def _step(question: Question) -> int:
    """The days between two points of a line: a chart of years is drawn from some 120 points."""
    rows = question.rows("select min(as_of_on) from dim_dates where programme_id = $programme")
    first: date = rows[0][0]
    return max(1, (question.on - first).days // _POINTS)


def _trend(question: Question, shown: Sequence[str]) -> list[TrendPoint]:
    rows = question.rows(
        """
        select as_of_on, indicator, county_id, numerator_count, denominator_count from rpt_indicators
        where programme_id = $programme and as_of_on <= $on and breakdown in ('programme', 'county')
            and list_contains($shown, indicator) and denominator_count > 0
            and (breakdown = 'programme' or county_id is not null) and ($county is null or county_id = $county)
            and date_diff('day', as_of_on, $on) % $step = 0
        order by all
        """,
        shown=list(shown),
        step=_step(question),
    )
    return [TrendPoint(on, name, county, Share(n, of)) for on, name, county, n, of in rows]


def _pace(question: Question, shown: Sequence[str]) -> dict[str, list[tuple[date, Decimal]]]:
    rows = question.rows(
        "select indicator, as_of_on, needed_ratio from rpt_pace where programme_id = $programme and as_of_on <= $on"
        " and list_contains($shown, indicator) order by all",
        shown=list(shown),
    )
    found: dict[str, list[tuple[date, Decimal]]] = defaultdict(list)
    for name, on, needed in rows:
        found[name].append((on, needed))
    return dict(found)
