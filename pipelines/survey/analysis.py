"""All that a survey's answers say, in no language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.survey.answers import Answers
from pipelines.survey.statistics import (
    Difference,
    ItemResult,
    Method,
    Reliability,
    correlations,
    differences,
    item_result,
    level_counts,
    reliability,
    straight_liners,
)

__all__ = ["Analysis", "analyse"]


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found.

    Attributes:
        group_means: by group and its value, how many and the mean of each item; small ones merged under an empty name.
        straight, alike, complete: who answered all items alike, the same as somebody else otherwise, all items.
    """

    answers: Answers
    asked: int | None
    method: Method
    confidence: float
    smallest: int
    items: Sequence[ItemResult]
    reliability: Reliability | None
    correlations: npt.NDArray[np.float64]
    differences: Sequence[Difference]
    group_means: Mapping[str, Mapping[str, tuple[int, tuple[float | None, ...]]]]
    straight: int
    alike: int
    complete: int


def analyse(
    answers: Answers, *, asked: int | None = None, method: Method = Method.WILSON, confidence: float = 0.95, smallest: int = 10,
) -> Analysis:  # fmt: skip
    """Analyse answers.

    Args:
        asked: how many could have answered; the form's, where it says.
        smallest: groups of fewer are merged, and not compared.

    Raises:
        BadConfiguration: the conditions of ``method`` do not hold.
        ValueError: more answered than were asked.
    """
    form, codes = answers.form, answers.codes
    population = asked if asked is not None else form.asked
    levels = len(form.levels)
    counts = level_counts(codes, levels) if len(codes) else np.zeros((len(form.items), levels), np.int64)
    merged = {name: _merged(values, smallest) for name, values in answers.groups.items()}
    same_all = straight_liners(codes)
    return Analysis(
        answers, population, method, confidence, smallest,
        [
            item_result([int(c) for c in row], method=method, confidence=confidence, population=_reached(population, answers, int(row.sum())))
            for row in counts
        ],
        reliability(codes, [i.is_reversed for i in form.items], levels, confidence=confidence),
        correlations(codes), differences(codes, answers.groups, levels, smallest=max(2, smallest)),
        {name: _means(codes, values) for name, values in merged.items()},
        int(same_all.sum()), _alike(codes[~same_all]), int((codes > 0).all(axis=1).sum()),
    )  # fmt: skip


def _reached(population: int | None, answers: Answers, answered: int) -> int | None:
    """Of an item: everybody who was asked; of a census those who answered it, who are all that it is for."""
    if population is None or population > answers.respondents:
        return population
    return answered if population == answers.respondents else population


def _merged(values: npt.NDArray[np.object_], smallest: int) -> npt.NDArray[np.object_]:
    """Group names; those of fewer than ``smallest`` become one without a name."""
    names, sizes = np.unique(values.astype(str), return_counts=True)
    small = {n for n, size in zip(names, sizes, strict=True) if size < smallest}
    return np.array(["" if v in small else v for v in values.astype(str)], object)


def _means(
    codes: npt.NDArray[np.int8], values: npt.NDArray[np.object_]
) -> dict[str, tuple[int, tuple[float | None, ...]]]:
    found = {}
    for name in sorted(set(values)):
        own = codes[values == name]
        said = (own > 0).sum(axis=0)
        sums = own.astype(np.int64).sum(axis=0)
        found[str(name)] = (
            len(own), tuple(float(s / n) if n else None for s, n in zip(sums, said, strict=True)),
        )  # fmt: skip
    return found


def _alike(codes: npt.NDArray[np.int8]) -> int:
    """How many gave the same answers to all items as somebody else."""
    whole = codes[(codes > 0).all(axis=1)]
    if len(whole) < 2 or whole.shape[1] < 3:
        return 0
    rows = np.ascontiguousarray(whole).view(np.dtype((np.void, whole.shape[1]))).ravel()
    _, counts = np.unique(rows, return_counts=True)
    return int(counts[counts > 1].sum())
