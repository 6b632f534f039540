"""All that a survey's answers say, in no language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from pipelines.survey.answers import Answers
from pipelines.survey.form import check_order
from pipelines.survey.method import Method
from pipelines.survey.people import People
from pipelines.survey.statistics import (
    Association,
    Difference,
    Estimate,
    ItemResult,
    Reliability,
    associations,
    correlations,
    differences,
    item_result,
    level_counts,
    post_stratified,
    reliability,
    standardised_difference,
    straight_liners,
    turned,
)
from warehouse.errors import BadConfiguration

__all__ = ["Analysis", "BesideOthers", "GroupAnswers", "Responding", "Weighted", "analyse", "merged"]

Names = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class GroupAnswers:
    """A group's answers: how many respondents, items × levels, and the mean of each item."""

    respondents: int
    counts: npt.NDArray[np.int64]
    means: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Responding:
    """How many of a group were asked, and answered."""

    asked: int
    respondents: int


@dataclass(frozen=True, slots=True)
class BesideOthers:
    """The mean of what respondents and the others did, and how far they are apart in standard deviations."""

    measure: str
    respondents: float | None
    others: float | None
    standardised: float | None


@dataclass(frozen=True, slots=True)
class Weighted:
    """An item's shares as if each stratum had answered as fully as it is large; ``design`` is Kish's design effect."""

    shares: tuple[Estimate, ...]
    design: float


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found.

    Attributes:
        by_group: by group and its value; small ones merged under an empty name.
        response: the same of those who were asked, where they are known.
        beside_others: respondents and the others, by what the records know.
        weighted: by stratum, each item; none where nobody answered it.
        behaviour: of respondents' mean over all items (reversed ones turned) with what they did.
        straight, alike: of each respondent, whether all items were answered alike, or otherwise just as somebody else did.
        complete: how many answered all items.
    """

    answers: Answers
    people: People | None
    asked: int | None
    method: Method
    confidence: float
    smallest: int
    items: Sequence[ItemResult]
    reliability: Reliability | None
    correlations: npt.NDArray[np.float64]
    differences: Sequence[Difference]
    by_group: Mapping[str, Mapping[str, GroupAnswers]]
    response: Mapping[str, Mapping[str, Responding]]
    beside_others: Sequence[BesideOthers]
    weighted: Mapping[str, Sequence[Weighted | None]]
    behaviour: Sequence[Association]
    straight: npt.NDArray[np.bool_]
    alike: npt.NDArray[np.bool_]
    complete: int


def analyse(
    answers: Answers, people: People | None = None, *, asked: int | None = None, method: Method = Method.WILSON,
    confidence: float = 0.95, smallest: int = 10,
) -> Analysis:  # fmt: skip
    """Analyse answers.

    Args:
        people: everybody who was asked, each respondent among them (:func:`pipelines.survey.people.tied`).
        asked: how many could have answered, where ``people`` does not say; by default the form's.
        smallest: groups of fewer are merged, and not compared.

    Raises:
        BadConfiguration: the conditions of ``method`` do not hold, more answered than were asked, or nobody has put the levels in order.
    """
    form, codes = answers.form, answers.codes
    check_order(form)
    population = len(people.keys) if people else asked if asked is not None else form.asked
    if population is not None and answers.respondents > population:
        raise BadConfiguration(f"{answers.respondents:,} answered, more than the {population:,} who were asked")
    levels = len(form.levels)
    counts = level_counts(codes, levels)
    places = people.places(answers.keys) if people else np.zeros(0, np.int64)
    groups = dict(answers.groups)
    if people:
        groups |= {name: values[places] for name, values in people.groups.items()}
    together = {name: merged(values, smallest) for name, values in groups.items()}
    same_all = straight_liners(codes)
    return Analysis(
        answers, people, population, method, confidence, smallest,
        [
            item_result([int(c) for c in row], method=method, confidence=confidence, population=_reached(population, answers, int(row.sum())))
            for row in counts
        ],
        reliability(codes, [i.is_reversed for i in form.items], levels, confidence=confidence),
        correlations(codes), differences(codes, together, levels, smallest=max(2, smallest)),
        {name: _by_group(codes, values, levels) for name, values in together.items()},
        {name: _response(values, places) for name, values in people.groups.items()} if people else {},
        _beside_others(people, places) if people else [],
        {name: _weighted(codes, values, values[places], levels, smallest, confidence) for name, values in people.groups.items()} if people else {},
        associations(_mean_scores(answers), {n: v[places] for n, v in people.measures.items()}, confidence=confidence) if people else [],
        same_all, _alike(codes, same_all), int((codes > 0).all(axis=1).sum()),
    )  # fmt: skip


def _reached(population: int | None, answers: Answers, answered: int) -> int | None:
    """Of an item: everybody who was asked; of a census those who answered it, who are all that it is for."""
    return answered if population == answers.respondents else population


def merged(values: Names, smallest: int) -> Names:
    """Group names, those of small groups empty.

    Groups of fewer than ``smallest`` become one, with the next larger ones as long as it is smaller than that itself: what is
    left of the whole when all others are taken away is it.
    """
    names, which, sizes = np.unique(values.astype(str), return_inverse=True, return_counts=True)
    order = sorted(range(len(names)), key=lambda n: (names[n] != "", sizes[n], names[n]))
    gone = {n for n in order if names[n] == "" or sizes[n] < smallest}
    rest = [n for n in order if n not in gone]
    while gone and rest and sum(int(sizes[n]) for n in gone) < smallest:
        gone.add(rest.pop(0))
    kept = np.array(["" if n in gone else name for n, name in enumerate(names)], object)
    return np.asarray(kept[which], object) if len(names) else values


def _by_group(codes: npt.NDArray[np.int8], values: Names, levels: int) -> dict[str, GroupAnswers]:
    found = {}
    for name in sorted(set(values)):
        counts = level_counts(codes[values == name], levels)
        said = counts.sum(axis=1)
        sums = counts @ np.arange(1, levels + 1)
        found[str(name)] = GroupAnswers(
            int((values == name).sum()), counts, tuple(float(s / n) if n else None for s, n in zip(sums, said, strict=True))
        )  # fmt: skip
    return found


def _response(values: Names, places: npt.NDArray[np.int64]) -> dict[str, Responding]:
    names, asked = np.unique(values.astype(str), return_counts=True)
    own, answered = np.unique(values[places].astype(str), return_counts=True)
    respondents = dict(zip(own.tolist(), answered.tolist(), strict=True))
    return {str(n): Responding(int(a), int(respondents.get(n, 0))) for n, a in zip(names, asked, strict=True)}


def _beside_others(people: People, places: npt.NDArray[np.int64]) -> list[BesideOthers]:
    answered = np.zeros(len(people.keys), bool)
    answered[places] = True
    found = []
    for name, values in people.measures.items():
        known = ~np.isnan(values)
        one, other = values[known & answered], values[known & ~answered]
        means = [float(np.mean(v)) if len(v) else None for v in (one, other)]
        found.append(BesideOthers(name, means[0], means[1], standardised_difference(one, other)))
    return found


def _weighted(
    codes: npt.NDArray[np.int8], strata: Names, own: Names, levels: int, smallest: int, confidence: float
) -> list[Weighted | None]:
    """Each item; strata with few respondents are one, so that nobody weighs for hundreds."""
    names, sizes = np.unique(own.astype(str), return_counts=True)
    large = {n for n, size in zip(names, sizes, strict=True) if size >= max(2, smallest) and n}
    rows = [*sorted(large), ""]
    index = {name: n for n, name in enumerate(rows)}
    population = np.bincount([index.get(str(v), len(large)) for v in strata], minlength=len(rows))
    which = np.array([index.get(str(v), len(large)) for v in own], int)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    found: list[Weighted | None] = []
    for column in codes.T:
        said = column > 0
        table = np.zeros((len(rows), levels))
        np.add.at(table, (which[said], column[said].astype(int) - 1), 1)
        if not said.any():
            found.append(None)
            continue
        shares, errors, design = post_stratified(table, population.tolist())
        weighted = (Estimate(s, max(0.0, s - z * e), min(1.0, s + z * e)) for s, e in zip(shares, errors, strict=True))
        found.append(Weighted(tuple(weighted), design))
    return found


def _mean_scores(answers: Answers) -> npt.NDArray[np.float64]:
    """Each respondent's mean over the items answered, reversed ones turned around."""
    form = answers.form
    scores = turned(answers.codes, [item.is_reversed for item in form.items], len(form.levels))
    said = answers.codes > 0
    sums = np.where(said, scores, 0).sum(axis=1)
    return np.asarray(sums / np.maximum(said.sum(axis=1), 1))


def _alike(codes: npt.NDArray[np.int8], straight: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Who gave the same answers to all of three items or more as somebody else; straight-liners are alike anyway."""
    found = np.zeros(len(codes), bool)
    compared = np.flatnonzero((codes > 0).all(axis=1) & ~straight)
    if len(compared) < 2 or codes.shape[1] < 3:
        return found
    rows = np.ascontiguousarray(codes[compared]).view(np.dtype((np.void, codes.shape[1]))).ravel()
    _, which, counts = np.unique(rows, return_inverse=True, return_counts=True)
    found[compared] = counts[which] > 1
    return found
