"""Those who could have answered, as the records know them, and the answers that stand in a programme's events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb
import numpy as np
import numpy.typing as npt

from ingest.packs import Pack
from pipelines.dates import day_of
from pipelines.reports.bulletin.model import Label
from pipelines.simulated import is_simulated
from pipelines.survey.answers import NO_LEVEL, Answers, Problem
from pipelines.survey.form import Form
from warehouse.errors import BadConfiguration

__all__ = ["People", "answers_in_events", "read_people", "tied"]

_NOT_THERE = Label("不在参训者之中", "not among those who take part")
_NOBODY = Label("没有标识，不知是谁", "without a key: nobody knows whose")


@dataclass(frozen=True, slots=True)
class People:
    """Everybody who takes part on a date.

    Attributes:
        keys: their enrolments.
        groups: by the group's name, each one's county, subject or school stage (empty where it is not known).
        measures: by name, what each did: minutes of study, posts, points, and 1 where passed.
        names, labels: what the groups and their values are called.
    """

    programme_id: str
    programme: Label
    as_of: date
    is_simulated: bool
    keys: Sequence[str]
    groups: Mapping[str, npt.NDArray[np.object_]]
    measures: Mapping[str, npt.NDArray[np.float64]]
    names: Mapping[str, Label]
    labels: Mapping[str, Mapping[str, Label]]

    def places(self, keys: Sequence[str]) -> npt.NDArray[np.int64]:
        """Where each of ``keys`` stands among them; −1 where it does not."""
        known = {key: n for n, key in enumerate(self.keys)}
        return np.array([known.get(key, -1) for key in keys], np.int64)


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
    words = pack.labels
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
            "county": Label(words.get("county_zh", "区县"), words.get("county_en", "County")),
            "subject": Label(words.get("subject_zh", "学科"), words.get("subject_en", "Subject")),
            "school_stage": Label("学段", "School stage"),
        },
        {name: {r[key]: Label(r["label_zh"], r["label_en"]) for r in pack.tables[table]} for name, (table, key) in tables.items()},
    )  # fmt: skip


def _floats(values: npt.NDArray[np.float64] | np.ma.MaskedArray) -> npt.NDArray[np.float64]:
    return np.ma.filled(np.ma.asarray(values, np.float64), np.nan)


def answers_in_events(con: duckdb.DuckDBPyConnection, form: Form, people: People) -> Answers:
    """The answers of those who take part, as they stood on that date; a level that the form has not is a problem."""
    rows = con.execute(
        """
        select enrolment_id, item_id, level from fct_survey_answers
        where programme_id = $1 and form_id = $2 and valid_from_on <= $3 and (valid_to_on is null or valid_to_on > $3)
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
            problems.append(Problem(row + 1, item, str(code), Label("不是本问卷的题目", "no item of the form")))
        elif position is None:
            problems.append(Problem(row + 1, item, str(code), NO_LEVEL))
        else:
            placed.append((row, items[item], position))
    codes = np.zeros((len(respondents), len(form.items)), np.int8)
    for row, column, position in placed:
        codes[row, column] = position
    everybody = Answers(
        form, codes, list(respondents), np.arange(1, len(respondents) + 1), {}, {}, problems, len(respondents), ()
    )
    return everybody.of(np.asarray((codes > 0).any(axis=1)))


def tied(answers: Answers, people: People) -> Answers:
    """Answers of a file with the groups that the records know, without those of nobody who takes part.

    An answer without a key, or with that of nobody, is a problem: it is told, and left out of what is analysed.

    Raises:
        BadConfiguration: the form names no key.
    """
    if answers.form.key is None:
        raise BadConfiguration("the form names no key, the column that says which enrolment answered")
    places = people.places(answers.keys)
    unknown = [
        Problem(int(row), answers.form.key, "", _NOT_THERE if key else _NOBODY)
        for row, key, place in zip(answers.rows, answers.keys, places, strict=True)
        if place < 0
    ]
    return answers.of(places >= 0, unknown)
