"""A bulletin from the published marts: the full, restricted edition of the whole programme; the others are cut from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb

from pipelines.dates import day_of, last_day
from pipelines.quality import notes
from pipelines.reports.bulletin.model import (
    PRINTED_GROUPS,
    PRINTED_LEARNERS,
    Action,
    Bulletin,
    Featured,
    Group,
    Indicator,
    Label,
    Learner,
    Listed,
    Note,
    Share,
    TrendPoint,
    WarningCount,
)
from warehouse.errors import BadConfiguration

__all__ = ["Issue", "Rule", "action_rules", "calendar", "chosen_actions", "has_learners", "read_at", "read_bulletin"]

_HEADLINE = ("login", "study", "pass")
_BREAKDOWNS = ("programme", "county", "subject", "county_subject", "class", "school")
#: As text: DuckDB looks for a list's members in every row of the mart, for these in the blocks that have them.
_IN_BREAKDOWNS = f"breakdown in {_BREAKDOWNS}"
_RANKED = {
    "county": ("rpt_counties", "county_id"),
    "class": ("rpt_classes", "class_id"),
    "school": ("rpt_schools", "school_id"),
}
#: Of the classes and schools those that are looked at.
_LOOKED_AT = """
    (coalesce(class_id, school_id) is null
        or (breakdown, coalesce(class_id, school_id)) in (select kind, group_id from temp.homes))
"""
#: Points of a line at most, about.
_POINTS = 120


@dataclass(frozen=True, slots=True)
class Issue:
    """One line of the pack's calendar of bulletins."""

    number: int
    issued_on: date
    as_of: date
    focus: tuple[str, ...]
    title: Label


def calendar(con: duckdb.DuckDBPyConnection, programme_id: str) -> list[Issue]:
    """The programme's bulletins, in their order."""
    rows = con.execute(
        "select cast(number as integer), cast(issued_on as date), cast(as_of_on as date), focus, label_zh, label_en"
        " from reference.bulletins where programme_id = ? order by 1",
        [programme_id],
    ).fetchall()
    return [Issue(n, issued, as_of, tuple(focus.split("|")), Label(zh, en)) for n, issued, as_of, focus, zh, en in rows]


def has_learners(con: duckdb.DuckDBPyConnection, programme_id: str) -> bool:
    """Whether anybody was ever enrolled."""
    return bool(con.execute("select 1 from dim_enrolments where programme_id = ? limit 1", [programme_id]).fetchone())


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
    reader = _Reader(con, programme_id, on, before, county_id, only_printed)
    programme = con.execute(
        "select label_zh, label_en from reference.programmes where programme_id = ?", [programme_id]
    ).fetchone() or (programme_id, programme_id)
    names = reader.names()
    indicators = reader.indicators(issue.focus)
    shown = list(dict.fromkeys([*_HEADLINE, *issue.focus]))
    groups = reader.groups(shown, names)
    (whole,) = groups["programme"]
    build = con.execute(
        "select build_id, definitions, (select max(last_recorded_at) from rpt_event_accounting) from build_info"
    ).fetchone()
    assert build is not None
    recorded = con.execute(
        "select max(last_recorded_at), bool_or(source = 'simulator') from rpt_event_accounting where programme_id = ?",
        [programme_id],
    ).fetchone() or (None, False)
    checked = con.execute("select count(*) from quality_checks where programme_id = ?", [programme_id]).fetchone()
    warnings, warned = reader.warnings()
    counties = groups["county"]
    called_up = reader.called_up()
    learners = reader.learners(warned)
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
        is_simulated=bool(recorded[1]),
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
        trend=reader.trend(shown),
        pace=reader.pace(shown),
        warnings=warnings,
        learners=learners,
        featured=reader.featured(),
        actions=chosen_actions(
            action_rules(con, programme_id, on), _causes(warnings, indicators, counties), issue.issued_on
        ),
        listed=reader.listed() if only_printed else None,
    )


@dataclass(frozen=True, slots=True)
class _Names:
    """The pack's labels by dimension and id, and what it calls its counties and subjects."""

    labels: Mapping[tuple[str, str], Label]
    county: Label
    subject: Label
    order: Mapping[tuple[str, str], int]

    def of(self, column: str, value: str) -> Label:
        return self.labels.get((column, value), Label(value, value))


class _Reader:
    """Asks the marts about one programme and date; of learners, classes and schools about those of one county, if asked."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, programme_id: str, on: date, before: date | None, county_id: str | None,
        only_printed: bool,
    ) -> None:  # fmt: skip
        self._con, self._programme, self._on, self._before, self._county = con, programme_id, on, before, county_id
        self._only_printed = only_printed

    def _rows(self, sql: str, **more: object) -> list[tuple[Any, ...]]:
        values = {"programme": self._programme, "on": self._on, "county": self._county, **more}
        return self._con.execute(sql, {k: v for k, v in values.items() if f"${k}" in sql}).fetchall()

    def names(self) -> _Names:
        rows = self._rows(
            """
            select 'county_id', county_id, label_zh, label_en from dim_counties where programme_id = $programme
            union all
            select 'subject_id', subject_id, label_zh, label_en from dim_subjects where programme_id = $programme
            """
        )
        order = self._rows(
            """
            select 'county_id', county_id from reference.counties where programme_id = $programme
            union all
            select 'subject_id', subject_id from reference.subjects where programme_id = $programme
            """
        )
        called = self._rows(
            "select county_zh, county_en, subject_zh, subject_en from reference.programmes where programme_id = $programme"
        )
        zh_county, en_county, zh_subject, en_subject = called[0] if called else ("区县", "County", "学科", "Subject")
        return _Names(
            {(column, value): Label(zh, en) for column, value, zh, en in rows},
            Label(zh_county, en_county),
            Label(zh_subject, en_subject),
            {(column, value): n for n, (column, value) in enumerate(order)},
        )

    def indicators(self, focus: Sequence[str]) -> list[Indicator]:
        rows = self._rows(
            """
            select i.indicator, i.label_zh, i.label_en, i.definition_zh, i.definition_en, i.denominator,
                p.needed_ratio, p.target_ratio
            from reference.indicators i
            join reference.definitions d using (programme_id, version)
            left join rpt_pace p on p.programme_id = i.programme_id and p.indicator = i.indicator and p.as_of_on = $on
            where i.programme_id = $programme and d.applies_from_on <= $on and (d.applies_to_on is null or d.applies_to_on > $on)
            """
        )
        return [
            Indicator(name, Label(zh, en), Label(def_zh, def_en), of, name in focus, needed, target)
            for name, zh, en, def_zh, def_en, of, needed, target in rows
        ]

    def called_up(self) -> dict[str, int]:
        """By county; those without one under an empty name."""
        rows = self._rows(
            "select coalesce(county_id, ''), called_up_count from rpt_status"
            " where programme_id = $programme and as_of_on = $on and breakdown = 'county' and called_up_count > 0 order by 1"
        )
        return {county: int(n) for county, n in rows}

    def _shares(self, shown: Sequence[str], on: date | None) -> dict[str, dict[tuple[Any, ...], dict[str, Share]]]:
        """By breakdown, cell and indicator."""
        if on is None:
            return {}
        rows = self._rows(
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

    def _ranks(self, table: str, column: str, on: date | None) -> dict[str, tuple[int, int]]:
        if on is None:
            return {}
        rows = self._rows(
            f"select {column}, rank_number, ranked_count from {table} where programme_id = $programme and as_of_on = $day"
            f" and ({column} in (select group_id from temp.homes) or '{column}' = 'county_id')",
            day=on,
        )
        return {group: (rank, ranked) for group, rank, ranked in rows}

    def groups(self, shown: Sequence[str], names: _Names) -> dict[str, list[Group]]:
        """The cells of each breakdown in which somebody takes part."""
        homes = self._homes()
        now, before = (self._shares(shown, day) for day in (self._on, self._before))
        sizes: dict[str, dict[tuple[Any, ...], int]] = defaultdict(dict)
        for breakdown, *key, n in self._rows(
            "select breakdown, county_id, subject_id, class_id, school_id, participating_count from rpt_status"
            f" where programme_id = $programme and as_of_on = $on and {_IN_BREAKDOWNS} and {_LOOKED_AT}"
        ):
            sizes[breakdown][tuple(key)] = n
        return {b: self._groups_of(b, now.get(b, {}), before.get(b, {}), sizes[b], homes, names) for b in _BREAKDOWNS}

    def _groups_of(
        self,
        breakdown: str,
        now: Mapping[tuple[Any, ...], dict[str, Share]],
        before: Mapping[tuple[Any, ...], dict[str, Share]],
        sizes: Mapping[tuple[Any, ...], int],
        homes: Mapping[tuple[str, str], tuple[str | None, str | None]],
        names: _Names,
    ) -> list[Group]:
        """In the pack's order; classes and schools by rank."""
        ranks: list[dict[str, tuple[int, int]]] = [{}, {}]
        if breakdown in _RANKED:
            ranks = [self._ranks(*_RANKED[breakdown], day) for day in (self._on, self._before)]
        found = []
        for key, shares in now.items():
            county, subject, class_id, school = key
            group_id = class_id or school or "|".join(x for x in (county, subject) if x)
            if not sizes.get(key) or (breakdown != "programme" and not group_id):
                continue
            if breakdown in ("class", "school"):
                county, subject = homes.get((breakdown, group_id), (None, None))
                label = Label(group_id, group_id)
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

    def _homes(self) -> dict[tuple[str, str], tuple[str | None, str | None]]:
        """(kind, id) → the county and subject of a class, the county of a school; none where it has several.

        Of those that are looked at, which stay in a table: of one county, and by rank what is printed, if that was asked for.
        """
        self._rows(
            """
            create or replace temp table all_homes as
            with placed as (
                select * from dim_enrolments
                where programme_id = $programme and valid_from_on <= $on and (valid_to_on is null or valid_to_on > $on)
                    and is_participating
            )
            select 'class' as kind, class_id as group_id,
                case when count(distinct county_id) = 1 then min(county_id) end as county_id,
                case when count(distinct subject_id) = 1 then min(subject_id) end as subject_id
            from placed where class_id is not null group by class_id
            union all
            select 'school', school_id, case when count(distinct county_id) = 1 then min(county_id) end, null
            from placed where school_id is not null group by school_id
            """
        )
        self._rows(
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
            where {f"place <= {PRINTED_GROUPS}" if self._only_printed else "true"}
            """
        )
        rows = self._rows("from temp.homes")
        return {(kind, name): (county, subject) for kind, name, county, subject in rows}

    def _step(self) -> int:
        """Every how many days a line has a point: a chart of years is drawn from some 120 of them."""
        rows = self._rows("select min(as_of_on) from dim_dates where programme_id = $programme")
        first: date = rows[0][0]
        return max(1, (self._on - first).days // _POINTS)

    def trend(self, shown: Sequence[str]) -> list[TrendPoint]:
        rows = self._rows(
            """
            select as_of_on, indicator, county_id, numerator_count, denominator_count from rpt_indicators
            where programme_id = $programme and as_of_on <= $on and breakdown in ('programme', 'county')
                and list_contains($shown, indicator) and denominator_count > 0
                and (breakdown = 'programme' or county_id is not null) and ($county is null or county_id = $county)
                and date_diff('day', as_of_on, $on) % $step = 0
            order by all
            """,
            shown=list(shown),
            step=self._step(),
        )
        return [TrendPoint(on, name, county, Share(n, of)) for on, name, county, n, of in rows]

    def pace(self, shown: Sequence[str]) -> dict[str, list[tuple[date, Decimal]]]:
        rows = self._rows(
            "select indicator, as_of_on, needed_ratio from rpt_pace where programme_id = $programme and as_of_on <= $on"
            " and list_contains($shown, indicator) order by all",
            shown=list(shown),
        )
        found: dict[str, list[tuple[date, Decimal]]] = defaultdict(list)
        for name, on, needed in rows:
            found[name].append((on, needed))
        return dict(found)

    def warnings(self) -> tuple[list[WarningCount], dict[str, list[str]]]:
        """How many enrolments each warning in force is about, and the warnings of each enrolment."""
        rules = self._rows(
            """
            select w.warning, w.level, w.label_zh, w.label_en, w.definition_zh, w.definition_en
            from reference.warnings w join reference.definitions d using (programme_id, version)
            where w.programme_id = $programme and d.applies_from_on <= $on and (d.applies_to_on is null or d.applies_to_on > $on)
                and $on between cast(w.from_on as date) and cast(w.to_on as date)
            """
        )
        warned: dict[str, list[str]] = defaultdict(list)
        places: dict[str, dict[str, int | None]] = defaultdict(dict)
        # Looked for once, asked twice.
        self._rows(
            "create or replace temp table warned as select warning, enrolment_id, county_id from rpt_warnings"
            f" where programme_id = $programme and as_of_on = $on {'and county_id = $county' if self._county else ''}"
        )
        for warning, county, n in self._rows(
            "select warning, county_id, count(*) from temp.warned group by all order by all"
        ):
            places[warning][county] = n
        for warning, enrolment in self._rows("select warning, enrolment_id from temp.warned order by all"):
            warned[enrolment].append(warning)
        counts = [
            WarningCount(
                name, level, Label(zh, en), Label(def_zh, def_en), sum(n or 0 for n in places[name].values()),
                dict(sorted(places[name].items())),
            )
            for name, level, zh, en, def_zh, def_en in rules
        ]  # fmt: skip
        return counts, warned

    def learners(self, warned: Mapping[str, list[str]]) -> list[Learner]:
        """Who has not passed yet, or is warned of; those who are furthest from the goal first."""
        self._rows(
            """
            create or replace temp table behind as
            with counting as (
                select enrolment_id, bool_or(indicator = 'login') as has_logged_in, bool_or(indicator = 'study') as has_studied,
                    bool_or(indicator = 'pass') as has_passed
                from fct_indicator_spells
                where programme_id = $programme and valid_from_on <= $on and (valid_to_on is null or valid_to_on > $on)
                    and indicator in ('login', 'study', 'pass')
                group by enrolment_id
            )
            select e.enrolment_id, e.learner_key, e.class_id, e.school_id, e.county_id, e.subject_id,
                coalesce(c.has_logged_in, false) as has_logged_in, coalesce(c.has_studied, false) as has_studied,
                coalesce(c.has_passed, false) as has_passed,
                s.points, s.missing_points
            from dim_enrolments e
            left join counting c using (enrolment_id)
            left join fct_scorecards s on s.programme_id = e.programme_id and s.enrolment_id = e.enrolment_id
                and s.valid_from_on <= $on and (s.valid_to_on is null or s.valid_to_on > $on)
            where e.programme_id = $programme and e.is_participating
                and e.valid_from_on <= $on and (e.valid_to_on is null or e.valid_to_on > $on)
                and ($county is null or e.county_id = $county)
                and (not coalesce(c.has_passed, false) or e.enrolment_id in (select enrolment_id from temp.warned))
            """
        )
        rows = self._rows(
            "from temp.behind order by has_logged_in, has_studied, coalesce(missing_points, 0) desc, coalesce(county_id, ''), enrolment_id"
            + (f" limit {PRINTED_LEARNERS}" if self._only_printed else "")
        )
        # The query's columns are the fields in their order; the warnings come last.
        return [Learner(*(*row, warned.get(row[0], []))) for row in rows]

    def listed(self) -> Listed:
        """Of what :meth:`groups` and :meth:`learners` have looked for."""
        rows = self._rows(
            """
            select
                (select count(*) from temp.all_homes where kind = 'class' and ($county is null or county_id = $county)),
                (select count(*) from temp.all_homes where kind = 'school' and ($county is null or county_id = $county)),
                count(*), count(*) filter (not has_logged_in), count(*) filter (not has_studied), count(*) filter (not has_passed)
            from temp.behind
            """
        )
        return Listed(*rows[0])

    def featured(self) -> list[Featured]:
        rows = self._rows(
            """
            select f.activity, e.county_id, e.subject_id, f.enrolment_id, cast(sum(f.event_count) as bigint)
            from fct_enrolment_days f
            join dim_enrolments e on e.programme_id = f.programme_id and e.enrolment_id = f.enrolment_id
                and e.valid_from_on <= $on and (e.valid_to_on is null or e.valid_to_on > $on)
            where f.programme_id = $programme and f.local_on <= $on and f.activity in ('journal_featured', 'assignment_featured')
                and e.is_participating and ($county is null or e.county_id = $county)
            group by all having sum(f.event_count) > 0
            order by f.activity, 5 desc, e.county_id, f.enrolment_id
            """
        )
        return [Featured(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Rule:
    """A next step of the pack: its cause (``when``), from how many on, and its text with ``{count}``."""

    action: str
    when: str
    minimum: int
    owner: Label
    days: int
    text: Label


def action_rules(con: duckdb.DuckDBPyConnection, programme_id: str, on: date) -> list[Rule]:
    """The pack's next steps as they were in force on a date."""
    rows = con.execute(
        """
        select a.action, a."when", cast(a.minimum_count as integer), a.owner_zh, a.owner_en, cast(a.days as integer), a.text_zh, a.text_en
        from reference.actions a join reference.definitions d using (programme_id, version)
        where a.programme_id = $programme and d.applies_from_on <= $on and (d.applies_to_on is null or d.applies_to_on > $on)
        """,
        {"programme": programme_id, "on": on},
    ).fetchall()
    return [
        Rule(action, when, least, Label(owner_zh, owner_en), days, Label(text_zh, text_en))
        for action, when, least, owner_zh, owner_en, days, text_zh, text_en in rows
    ]


def chosen_actions(rules: Sequence[Rule], causes: Mapping[str, int], issued_on: date) -> list[Action]:
    """The next steps whose cause is there."""
    return [
        Action(
            rule.action, rule.text, rule.owner, issued_on + timedelta(days=rule.days), rule.when, causes[rule.when], rule.minimum
        )
        for rule in rules
        if causes.get(rule.when, 0) >= rule.minimum
    ]  # fmt: skip


def _causes(
    warnings: Sequence[WarningCount], indicators: Sequence[Indicator], counties: Sequence[Group]
) -> dict[str, int]:
    """How many enrolments a warning is about, and how many counties are behind an indicator's pace."""
    causes = {w.warning: w.count or 0 for w in warnings}
    for one in indicators:
        if one.needed_ratio is not None:
            causes[f"pace:{one.indicator}"] = sum(
                is_behind(g.shares.get(one.indicator), one.needed_ratio) for g in counties
            )
    return causes


def is_behind(share: Share | None, needed: Decimal) -> bool:
    """Whether a share is below what the pace asks; an empty one is not."""
    if share is None or not share.denominator or share.numerator is None:
        return False
    return Decimal(share.numerator) < needed * share.denominator
