"""Those who could have answered, as the records know them, and the answers that stand in a programme's events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from pipelines.survey.answers import Answers, Problem
from pipelines.survey.form import plain
from pipelines.words import Label, label_of
from warehouse.errors import BadConfiguration

__all__ = ["People", "tied"]


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


def tied(answers: Answers, people: People) -> Answers:
    """Answers of a file with the groups that the records know, without those of nobody who takes part.

    An answer without a key, or with that of nobody, is a problem: it is told, and left out of what is analysed.

    Raises:
        BadConfiguration: the form names no key.
    """
    if answers.form.key is None:
        raise BadConfiguration("the form names no key, the column that says which enrolment answered")
    places = people.places(answers.keys)
    # A key whose digits are lost is told already.
    told = {problem.row for problem in answers.problems if plain(problem.column) == plain(answers.form.key)}
    unknown = [
        Problem(
            int(row),
            answers.form.key,
            "",
            label_of("survey.refusals", "not_there" if key else "no_key"),
            is_of_row=True,
        )
        for row, key, place in zip(answers.rows, answers.keys, places, strict=True)
        if place < 0 and (key or int(row) not in told)
    ]
    return answers.of(places >= 0, unknown)
