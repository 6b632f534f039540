"""Those who could have answered a survey, as the records know them, and the answers that stand in a programme's events."""

from __future__ import annotations

from datetime import date

import duckdb
import numpy as np
import numpy.typing as npt

from ingest.programmes.pack import Pack
from pipelines.reading.dates import day_of
from pipelines.reading.periods import holds_on
from pipelines.reading.simulated import is_simulated
from pipelines.survey.answers import Answers, Problem
from pipelines.survey.form import Form
from pipelines.survey.people import People
from pipelines.words import Label, label_of

__all__ = ["answered_forms", "answers_in_events", "has_answers", "keys_of_enrolments", "read_people"]


def has_answers(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether anybody has answered a form, of any programme."""
    return con.execute("select 1 from fct_survey_answers limit 1").fetchone() is not None


def answered_forms(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Programme and form of every answer."""
    return con.execute("select distinct programme_id, form_id from fct_survey_answers order by all").fetchall()


def keys_of_enrolments(con: duckdb.DuckDBPyConnection, programme_id: str) -> dict[str, str]:
    """The learner's key of each enrolment."""
    rows = con.execute(
        "select enrolment_id, max(learner_key) from dim_enrolments where programme_id = ? group by 1", [programme_id]
    ).fetchall()
    return dict(rows)


def read_people(con: duckdb.DuckDBPyConnection, pack: Pack, as_of: date | None) -> People:
    """Who takes part in the programme, by the published marts.

    Raises:
        BadConfiguration: nothing is known of the programme by then.
    """
    on = day_of(con, pack.programme_id, as_of)
    rows = con.execute(
        """
        select enrolment_id, coalesce(county_id, '') as county, coalesce(subject_id, '') as subject,
            coalesce(school_stage, '') as school_stage, cast(study_s / 60 as double) as minutes, cast(post_count as double) as posts,
            cast(points as double) as points, cast(has_passed as double) as passed
        from rpt_learners where programme_id = $1 and as_of_on = $2 order by enrolment_id
        """,
        [pack.programme_id, on],
    ).fetchnumpy()
    words = pack.called
    tables = {
        "county": ("counties", "county_id"),
        "subject": ("subjects", "subject_id"),
        "school_stage": ("school_stages", "school_stage"),
    }
    groups = {name: np.asarray(rows[name], object) for name in tables}
    return People(
        pack.programme_id, Label(pack.label_zh, pack.label_en), on, is_simulated(con, pack.programme_id), rows["enrolment_id"].tolist(),
        {name: values for name, values in groups.items() if len(set(values)) > 1},
        {name: _floats(rows[name]) for name in ("minutes", "posts", "points", "passed")},
        {
            "county": Label(words["county_zh"], words["county_en"]),
            "subject": Label(words["subject_zh"], words["subject_en"]),
            "school_stage": label_of("survey", "school_stage"),
        },
        {name: {r[key]: Label(r["label_zh"], r["label_en"]) for r in pack.tables[table]} for name, (table, key) in tables.items()},
    )  # fmt: skip


def _floats(values: npt.NDArray[np.float64] | np.ma.MaskedArray) -> npt.NDArray[np.float64]:
    return np.ma.filled(np.ma.asarray(values, np.float64), np.nan)


def answers_in_events(con: duckdb.DuckDBPyConnection, form: Form, people: People) -> Answers:
    """The answers of those who take part, as they stood on that date; a level that the form has not is a problem."""
    rows = con.execute(
        f"""
        select enrolment_id, item_id, level from fct_survey_answers
        where programme_id = $1 and form_id = $2 and {holds_on("$3")}
        order by enrolment_id, item_id
        """,
        [people.programme_id, form.form_id, people.as_of],
    ).fetchall()
    taking_part = set(people.keys)
    items = {item.item_id: n for n, item in enumerate(form.items)}
    respondents: dict[str, int] = {}
    placed: list[tuple[int, int, int]] = []
    problems = []
    for key, item, code in rows:
        if key not in taking_part:
            continue
        row = respondents.setdefault(key, len(respondents))
        position = form.position(code)
        if item not in items:
            problems.append(Problem(row + 1, item, str(code), label_of("survey.refusals", "no_item")))
        elif position is None:
            problems.append(Problem(row + 1, item, str(code), label_of("survey.refusals", "no_level")))
        else:
            placed.append((row, items[item], position))
    codes = np.zeros((len(respondents), len(form.items)), np.int8)
    for row, column, position in placed:
        codes[row, column] = position
    everybody = Answers(
        form, codes, list(respondents), np.arange(1, len(respondents) + 1), {}, {}, problems, len(respondents), ()
    )
    return everybody.of(np.asarray((codes > 0).any(axis=1)))
