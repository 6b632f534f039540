"""The learners of a bulletin: who is warned of, who is behind, whose work was featured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from pipelines.reading.periods import holds_on, in_force
from pipelines.reading.question import Question
from pipelines.reports.bulletin.model import PRINTED_LEARNERS, Featured, Learner, Listed, WarningCount
from pipelines.words import Label

__all__ = ["read_featured", "read_learners", "read_listed", "read_warnings"]


def read_warnings(question: Question) -> tuple[list[WarningCount], dict[str, list[str]]]:
    """How many enrolments each warning in force is about, and the warnings of each enrolment."""
    rules = question.rows(
        f"""
        select w.warning, w.level, w.label_zh, w.label_en, w.definition_zh, w.definition_en
        from reference.warnings w join reference.definitions d using (programme_id, version)
        where w.programme_id = $programme and {in_force("$on", "d")}
            and $on between cast(w.from_on as date) and cast(w.to_on as date)
        """
    )
    warned: dict[str, list[str]] = defaultdict(list)
    places: dict[str, dict[str, int | None]] = defaultdict(dict)
    # The mart is scanned once and asked twice.
    question.rows(
        "create or replace temp table warned as select warning, enrolment_id, county_id from rpt_warnings"
        f" where programme_id = $programme and as_of_on = $on {'and county_id = $county' if question.county_id else ''}"
    )
    for warning, county, n in question.rows(
        "select warning, county_id, count(*) from temp.warned group by all order by all"
    ):
        places[warning][county] = n
    for warning, enrolment in question.rows("select warning, enrolment_id from temp.warned order by all"):
        warned[enrolment].append(warning)
    counts = [
        WarningCount(
            name, level, Label(zh, en), Label(def_zh, def_en), sum(n or 0 for n in places[name].values()),
            dict(sorted(places[name].items())),
        )
        for name, level, zh, en, def_zh, def_en in rules
    ]  # fmt: skip
    return counts, warned


def read_learners(question: Question, warned: Mapping[str, list[str]]) -> list[Learner]:
    """Who has not passed yet, or is warned of; those who are furthest from the goal first."""
    question.rows(
        f"""
        create or replace temp table behind as
        with counting as (
            select enrolment_id, bool_or(indicator = 'login') as has_logged_in, bool_or(indicator = 'study') as has_studied,
                bool_or(indicator = 'pass') as has_passed
            from fct_indicator_spells
            where programme_id = $programme and {holds_on("$on")}
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
            and {holds_on("$on", "s")}
        where e.programme_id = $programme and e.is_participating
            and {holds_on("$on", "e")}
            and ($county is null or e.county_id = $county)
            and (not coalesce(c.has_passed, false) or e.enrolment_id in (select enrolment_id from temp.warned))
        """
    )
    rows = question.rows(
        "from temp.behind order by has_logged_in, has_studied, coalesce(missing_points, 0) desc, coalesce(county_id, ''), enrolment_id"
        + (f" limit {PRINTED_LEARNERS}" if question.only_printed else "")
    )
    # The query's columns are the fields in their order; the warnings come last.
    return [Learner(*(*row, warned.get(row[0], []))) for row in rows]


def read_listed(question: Question) -> Listed:
    """Of what :func:`pipelines.reading.groups.read_groups` and :func:`read_learners` have looked for."""
    rows = question.rows(
        """
        select
            (select count(*) from temp.all_homes where kind = 'class' and ($county is null or county_id = $county)),
            (select count(*) from temp.all_homes where kind = 'school' and ($county is null or county_id = $county)),
            count(*), count(*) filter (not has_logged_in), count(*) filter (not has_studied), count(*) filter (not has_passed)
        from temp.behind
        """
    )
    return Listed(*rows[0])


def read_featured(question: Question) -> list[Featured]:
    """Journals and assignments that were featured by the date, by enrolment."""
    rows = question.rows(
        f"""
        select f.activity, e.county_id, e.subject_id, f.enrolment_id, cast(sum(f.event_count) as bigint)
        from fct_enrolment_days f
        join dim_enrolments e on e.programme_id = f.programme_id and e.enrolment_id = f.enrolment_id
            and {holds_on("$on", "e")}
        where f.programme_id = $programme and f.local_on <= $on and f.activity in ('journal_featured', 'assignment_featured')
            and e.is_participating and ($county is null or e.county_id = $county)
        group by all having sum(f.event_count) > 0
        order by f.activity, 5 desc, e.county_id, f.enrolment_id
        """
    )
    return [Featured(*row) for row in rows]
