"""What answers say, with intervals: shares, means, reliability, differences between groups.

With a finite population of N people of whom n answered, a sample of n counts as one of n·(N − 1)/(N − n) (the finite-population
correction, W. G. Cochran, Sampling Techniques, 3rd ed. 1977, ch. 2 and 3); where all answered nothing is estimated and there is no interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import multinomial_proportions_confint, proportion_confint

from pipelines.survey.method import Method
from warehouse.errors import BadConfiguration

__all__ = [
    "REPLICATES",
    "Association",
    "Difference",
    "Estimate",
    "ItemResult",
    "Reliability",
    "associations",
    "correlations",
    "cronbach_alpha",
    "differences",
    "item_result",
    "level_counts",
    "mcdonald_omega",
    "post_stratified",
    "reliability",
    "simultaneous_intervals",
    "standardised_difference",
    "straight_liners",
    "turned",
]

Codes = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]
#: Respondents from whose moments a bootstrap draws: more are taken in so many random groups.
_GROUPS = 2_000
#: Samples that a bootstrap draws.
REPLICATES = 500
#: A fixed start, so that a report made again says the same.
_SEED = 20171225


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its interval; none of a census, or where it cannot be told."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class ItemResult:
    """An item: how many chose each level, and what follows.

    Attributes:
        shares: of each level, with simultaneous intervals.
        top_two: the share of the two highest levels, of three or more.
        mean, median: of the positions of the levels, from 1.
    """

    counts: tuple[int, ...]
    answered: int
    shares: tuple[Estimate, ...]
    top_two: Estimate
    mean: Estimate
    median: Estimate


def effective(n: int, population: int | None) -> float | None:
    """The size of an unlimited sample that says as much; None for a census.

    Raises:
        ValueError: more answered than there are.
    """
    if population is None:
        return float(n)
    if n > population:
        raise ValueError(f"{n} answered of {population}")
    return None if n == population else n * (population - 1) / (population - n)


def simultaneous_intervals(
    counts: Sequence[int], *, method: Method = Method.WILSON, confidence: float = 0.95, population: int | None = None
) -> list[Estimate]:
    """Shares of the levels of an item with intervals that hold together.

    Wilson's (1927) intervals at confidence 1 − (1 − c)/k (Bonferroni) hold for any number of levels and any counts. Goodman's
    (1965) rest on a χ² that takes five answers or more a level, those of Sison and Glaz (1995) are meant for seven levels or more.

    Raises:
        BadConfiguration: the conditions of the method do not hold.
    """
    n, k = sum(counts), len(counts)
    if n == 0:
        return [Estimate(None)] * k
    size = effective(n, population)
    shares = [c / n for c in counts]
    if size is None:
        return [Estimate(p) for p in shares]
    if method is Method.WILSON:
        alpha = (1 - confidence) / k
        ends = [proportion_confint(p * size, size, alpha, "wilson") for p in shares]
    else:
        if method is Method.GOODMAN and min(counts) < 5:
            raise BadConfiguration(
                f"Goodman's intervals need five answers or more at each level, one has {min(counts)}; use wilson"
            )
        if method is Method.SISON_GLAZ and k < 7:
            raise BadConfiguration(f"the intervals of Sison and Glaz are for seven levels or more, not {k}; use wilson")
        if population is not None and method is Method.SISON_GLAZ:
            raise BadConfiguration("the intervals of Sison and Glaz know no finite population; use wilson")
        scaled = np.array(shares) * size if method is Method.GOODMAN else np.array(counts)
        ends = multinomial_proportions_confint(scaled, 1 - confidence, method.value)
    return [Estimate(p, float(low), float(high)) for p, (low, high) in zip(shares, ends, strict=True)]


def item_result(
    counts: Sequence[int], *, method: Method = Method.WILSON, confidence: float = 0.95, population: int | None = None
) -> ItemResult:
    """All that is told of one item, from how many chose each level, the lowest first."""
    n = sum(counts)
    shares = simultaneous_intervals(counts, method=method, confidence=confidence, population=population)
    if n == 0:
        nothing = Estimate(None)
        return ItemResult(tuple(counts), 0, tuple(shares), nothing, nothing, nothing)
    size = effective(n, population)
    top = sum(counts[-2:]) / n
    top_two = Estimate(top)
    if size is not None:
        low, high = proportion_confint(top * size, size, 1 - confidence, "wilson")
        top_two = Estimate(top, float(low), float(high))
    return ItemResult(
        tuple(counts),
        n,
        tuple(shares),
        top_two if len(counts) > 2 else Estimate(None),
        _mean(counts, confidence, population),
        _median(counts, confidence, size),
    )


def _mean(counts: Sequence[int], confidence: float, population: int | None) -> Estimate:
    """With Student's t, and the variance s²/n · (1 − n/N) of a finite population (Cochran 1977, 2.20)."""
    levels, n = np.arange(1, len(counts) + 1), sum(counts)
    mean = float(np.dot(levels, counts) / n)
    if n == population or n < 2:
        return Estimate(mean)
    variance = float(np.dot((levels - mean) ** 2, counts) / (n - 1))
    part = 1 - n / population if population else 1.0
    off = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * sqrt(variance / n * part)
    return Estimate(mean, max(1.0, mean - off), min(float(len(counts)), mean + off))


def _median(counts: Sequence[int], confidence: float, size: float | None) -> Estimate:
    """The middle answer, with the interval between order statistics (H. A. David and H. N. Nagaraja, Order Statistics, 2003, 7.1)."""
    n = sum(counts)
    upto = np.cumsum(counts)

    def at(rank: int) -> int:
        return int(np.searchsorted(upto, min(max(rank, 1), n))) + 1

    middle = (at((n + 1) // 2) + at(n // 2 + 1)) / 2
    if size is None or n < 2:
        return Estimate(middle)
    # Ranks of a sample of the effective size, as shares of it.
    whole = max(1, round(size))
    below = int(stats.binom.ppf((1 - confidence) / 2, whole, 0.5))
    return Estimate(middle, float(at(int(below / whole * n))), float(at(n + 1 - int(below / whole * n))))


def level_counts(codes: Codes, levels: int) -> npt.NDArray[np.int64]:
    """Items × levels: how many chose each; answers that are none are left out."""
    return np.stack([np.bincount(column, minlength=levels + 1)[1:] for column in codes.T])


# -- reliability


@dataclass(frozen=True, slots=True)
class Reliability:
    """Of the scale that the items make up together, over those who answered all of them.

    ``alpha``: L. J. Cronbach, Psychometrika 16 (1951) 297. ``omega``: R. P. McDonald, Test Theory (1999), from one factor.
    """

    respondents: int
    alpha: Estimate
    omega: Estimate
    #: Alpha without each item in turn, and the correlation of each with the sum of the others.
    alpha_without: tuple[float | None, ...]
    item_rest: tuple[float | None, ...]


def cronbach_alpha(covariance: Floats) -> float | None:
    """From the items' covariance matrix; None where nothing varies, or of one item."""
    k, whole = len(covariance), float(covariance.sum())
    if k < 2 or whole <= 0:
        return None
    return k / (k - 1) * (1 - float(np.trace(covariance)) / whole)


def mcdonald_omega(covariance: Floats, *, tolerance: float = 1e-12, iterations: int = 10_000) -> float | None:
    """Of one factor, whose loadings come by iterated principal axes; None where it cannot be told."""
    spread = np.sqrt(np.diag(covariance))
    if len(covariance) < 3 or not np.all(spread > 0):
        return None
    correlation = covariance / np.outer(spread, spread)
    common = np.max(np.abs(correlation - np.eye(len(correlation))), axis=1)
    with suppress(np.linalg.LinAlgError):
        # Squared multiple correlations are the better start, where fewer respondents than items do not make them meaningless.
        inverse = np.diag(np.linalg.inv(correlation))
        if np.all(inverse >= 1):
            common = 1 - 1 / inverse
    loadings = np.zeros(len(correlation))
    for _ in range(iterations):
        reduced = correlation.copy()
        np.fill_diagonal(reduced, common)
        values, vectors = np.linalg.eigh(reduced)
        loadings = vectors[:, -1] * sqrt(max(0.0, values[-1]))
        new = np.clip(loadings**2, 0, 1)
        if np.max(np.abs(new - common)) < tolerance:
            break
        common = new
    scaled = loadings * spread
    part = float(scaled.sum() ** 2)
    rest = float(((1 - loadings**2) * spread**2).sum())
    return part / (part + rest) if part + rest > 0 else None


def _scores(codes: Codes, is_reversed: Sequence[bool], levels: int) -> Floats:
    """Of those who answered all items, the positions; those of reversed items turned around."""
    return turned(codes[(codes > 0).all(axis=1)], is_reversed, levels)


def turned(codes: Codes, is_reversed: Sequence[bool], levels: int) -> Floats:
    """Positions, those of reversed items from the other end."""
    scores = codes.astype(np.float64)
    scores[:, list(is_reversed)] = levels + 1 - scores[:, list(is_reversed)]
    return scores


def reliability(
    codes: Codes, is_reversed: Sequence[bool], levels: int, *, confidence: float = 0.95, replicates: int = REPLICATES
) -> Reliability | None:
    """Alpha and omega with percentile bootstrap intervals; None where fewer than two answered all items, or of one item.

    The bootstrap draws respondents, or where there are many of them random groups of respondents, by their moments.
    """
    scores = _scores(codes, is_reversed, levels)
    n, k = scores.shape
    if n < 2 or k < 2:
        return None
    chance = np.random.default_rng(_SEED)
    groups = min(n, _GROUPS)
    # Sums and sums of products of each group.
    order = chance.permutation(n)
    bounds = np.linspace(0, n, groups + 1).astype(int)
    shuffled = scores[order]
    sizes = np.diff(bounds).astype(np.float64)
    sums = np.add.reduceat(shuffled, bounds[:-1], axis=0)
    products = np.empty((groups, k * k))
    for g in range(groups):
        part = shuffled[bounds[g] : bounds[g + 1]]
        products[g] = (part.T @ part).ravel()

    def covariance(weights: Floats) -> Floats:
        size = float(weights @ sizes)
        mean = (weights @ sums) / size
        return ((weights @ products).reshape(k, k) - size * np.outer(mean, mean)) / (size - 1)

    whole = covariance(np.ones(groups))
    draws = chance.multinomial(groups, np.full(groups, 1 / groups), size=replicates).astype(np.float64)
    made = [covariance(draw) for draw in draws]
    without = [cronbach_alpha(np.delete(np.delete(whole, i, 0), i, 1)) for i in range(k)]
    return Reliability(
        n,
        _bootstrapped(cronbach_alpha(whole), [cronbach_alpha(c) for c in made], confidence),
        _bootstrapped(
            mcdonald_omega(whole), [mcdonald_omega(c, tolerance=1e-5, iterations=60) for c in made], confidence
        ),
        tuple(without),
        tuple(_item_rest(whole)),
    )


def _bootstrapped(value: float | None, made: Sequence[float | None], confidence: float) -> Estimate:
    found = [m for m in made if m is not None]
    if value is None or len(found) < len(made) / 2:
        return Estimate(value)
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(value, float(low), float(high))


def _item_rest(covariance: Floats) -> list[float | None]:
    found: list[float | None] = []
    whole = float(covariance.sum())
    for i in range(len(covariance)):
        row, own = float(covariance[i].sum()), float(covariance[i, i])
        rest = whole - 2 * row + own
        found.append((row - own) / sqrt(own * rest) if own > 0 and rest > 0 else None)
    return found


def correlations(codes: Codes) -> Floats:
    """Spearman's rank correlations of the items, each pair over those who answered both; nan where one does not vary."""
    k = codes.shape[1]
    found = np.full((k, k), np.nan)
    levels = int(codes.max(initial=0))
    for i in range(k):
        for j in range(i, k):
            both = (codes[:, i] > 0) & (codes[:, j] > 0)
            table = np.zeros((levels, levels))
            np.add.at(table, (codes[both, i].astype(int) - 1, codes[both, j].astype(int) - 1), 1)
            found[i, j] = found[j, i] = _rank_correlation(table)
    return found


def _ranks(counts: Floats) -> Floats:
    """The mid-ranks of ordered levels with so many answers."""
    return np.asarray(np.cumsum(counts) - (counts - 1) / 2)


def _rank_correlation(table: Floats) -> float:
    n = table.sum()
    if n < 2:
        return float("nan")
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    a, b = _ranks(rows) - (n + 1) / 2, _ranks(columns) - (n + 1) / 2
    spread = float((rows @ a**2) * (columns @ b**2))
    return float(a @ table @ b) / sqrt(spread) if spread > 0 else float("nan")


# -- groups


@dataclass(frozen=True, slots=True)
class Difference:
    """Whether groups answer an item differently.

    ``statistic`` is H of W. H. Kruskal and W. A. Wallis (1952), corrected for ties; ``effect`` ε² (M. Tomczak and E. Tomczak, 2014);
    ``adjusted`` the p value after Holm's (1979) correction for all that were compared.
    """

    item: int
    group: str
    sizes: tuple[int, ...]
    means: tuple[float, ...]
    statistic: float
    p: float
    adjusted: float
    effect: float


def differences(
    codes: Codes, groups: Mapping[str, npt.NDArray[np.object_]], levels: int, *, smallest: int = 2
) -> list[Difference]:
    """Of each item between the groups with ``smallest`` answers or more, where there are two of them."""
    found: list[tuple[int, str, tuple[int, ...], tuple[float, ...], float, float, float]] = []
    for name, values in groups.items():
        labels, which = np.unique(values.astype(str), return_inverse=True)
        for item in range(codes.shape[1]):
            said = codes[:, item] > 0
            table = np.zeros((len(labels), levels))
            np.add.at(table, (which[said], codes[said, item].astype(int) - 1), 1)
            kept = table[(table.sum(axis=1) >= smallest) & (labels != "")]
            result = _kruskal(kept)
            if result is not None:
                sizes = kept.sum(axis=1)
                means = tuple(float(m) for m in kept @ np.arange(1, levels + 1) / sizes)
                found.append((item, name, tuple(int(s) for s in sizes), means, *result))
    if not found:
        return []
    adjusted = multipletests([f[5] for f in found], method="holm")[1]
    return [Difference(*f[:6], float(p), f[6]) for f, p in zip(found, adjusted, strict=True)]


def _kruskal(table: Floats) -> tuple[float, float, float] | None:
    """H, p and ε² of groups × levels; None of fewer than two groups, or where nothing varies."""
    n = float(table.sum())
    if len(table) < 2 or n < 3:
        return None
    counts = table.sum(axis=0)
    ties = 1 - float((counts**3 - counts).sum()) / (n**3 - n)
    if ties <= 0:
        return None
    ranks = _ranks(counts)
    sums = table @ ranks
    h = (12 / (n * (n + 1)) * float((sums**2 / table.sum(axis=1)).sum()) - 3 * (n + 1)) / ties
    return h, float(stats.chi2.sf(h, len(table) - 1)), h / (n - 1)


# -- who did not answer


def post_stratified(
    counts: npt.NDArray[np.float64], population: Sequence[int]
) -> tuple[list[float], list[float], float]:
    """Shares as if every stratum had answered as fully as it is large, their standard errors, and Kish's design effect.

    With W = N_h/N the share is Σ W p_h; its variance, given the sizes of the strata, Σ W² (1 − n_h/N_h) p_h (1 − p_h)/(n_h − 1)
    (D. Holt and T. M. F. Smith, J. R. Stat. Soc. A 142 (1979) 33). The design effect of the weights w is n Σ w²/(Σ w)²
    (L. Kish, Survey Sampling, 1965, 11.7). Strata in which nobody answered are left out of both.

    Args:
        counts: strata × levels.
        population: how many there are in each stratum.
    """
    sizes, whole = counts.sum(axis=1), np.asarray(population, np.float64)
    there = sizes > 0
    sizes, whole, kept = sizes[there], whole[there], counts[there]
    weights = whole / whole.sum()
    parts = kept / sizes[:, None]
    shares = weights @ parts
    each = (
        np.where(sizes > 1, 1 - sizes / whole, 0.0)[:, None] * parts * (1 - parts) / np.maximum(sizes - 1, 1)[:, None]
    )
    errors = np.sqrt((weights**2) @ each)
    one = whole / sizes  # a respondent's weight
    design = float(sizes.sum() * (sizes * one**2).sum() / (sizes * one).sum() ** 2)
    return [float(s) for s in shares], [float(e) for e in errors], design


@dataclass(frozen=True, slots=True)
class Association:
    """Spearman's rank correlation of respondents' mean score with a measure; ``adjusted`` is p after Holm's correction.

    The interval is Fisher's z with the standard error √((1 + r²/2)/(n − 3)) (D. G. Bonett and T. A. Wright, Psychometrika 65
    (2000) 23).
    """

    measure: str
    respondents: int
    rho: Estimate
    p: float
    adjusted: float


def associations(scores: Floats, measures: Mapping[str, Floats], *, confidence: float = 0.95) -> list[Association]:
    """Of one score with each measure, over those who have both; none where fewer than ten have, or one does not vary."""
    found: list[tuple[str, int, Estimate, float]] = []
    for name, values in measures.items():
        both = ~np.isnan(scores) & ~np.isnan(values)
        a, b = scores[both], values[both]
        if len(a) < 10 or np.ptp(a) == 0 or np.ptp(b) == 0:
            continue
        rho, p = (float(v) for v in stats.spearmanr(a, b))
        off = float(stats.norm.ppf((1 + confidence) / 2)) * sqrt((1 + rho**2 / 2) / (len(a) - 3))
        z = float(np.arctanh(np.clip(rho, -1 + 1e-12, 1 - 1e-12)))
        found.append((name, len(a), Estimate(rho, float(np.tanh(z - off)), float(np.tanh(z + off))), p))
    if not found:
        return []
    adjusted = multipletests([f[3] for f in found], method="holm")[1]
    return [Association(*f, float(p)) for f, p in zip(found, adjusted, strict=True)]


def standardised_difference(one: Floats, other: Floats) -> float | None:
    """(mean − mean) / √((s² + s²)/2), which no group's size changes (P. C. Austin, Stat. Med. 28 (2009) 3083).

    None where a group has fewer than two, or nothing varies.
    """
    if min(len(one), len(other)) < 2:
        return None
    spread = sqrt((float(np.var(one, ddof=1)) + float(np.var(other, ddof=1))) / 2)
    return (float(np.mean(one)) - float(np.mean(other))) / spread if spread > 0 else None


def straight_liners(codes: Codes) -> npt.NDArray[np.bool_]:
    """Who answered every item alike: three items or more, none left out."""
    if codes.shape[1] < 3:
        return np.zeros(len(codes), bool)
    return np.asarray((codes > 0).all(axis=1) & (codes == codes[:, :1]).all(axis=1))
