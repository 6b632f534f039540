"""Which whole numbers can stand behind printed shares, means and standard deviations.

GRIM: N. J. L. Brown and J. A. J. Heathers, The GRIM test, Social Psychological and Personality Science 8 (2017) 363.
GRIMMER: J. Anaya (2016), with A. Allard's analytic form (2018): the sum of squares is a whole number, too, odd or even as
the sum is. DEBIT: J. A. J. Heathers and N. J. L. Brown (2019), for values 0 and 1. SPRITE: J. A. J. Heathers, J. Anaya,
T. van der Zee and N. J. L. Brown (2018): values that have a mean and a standard deviation.
Numbers may have been rounded either way at a tie.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import ceil, floor

from pipelines.audit.printed import Printed
from pipelines.words import percent

__all__ = ["debit", "grimmer", "possible_counts", "possible_sums", "printed_share", "share_power", "sprite"]


def possible_counts(share: Printed, total: int) -> range:
    """The whole numbers of ``total`` that print as this percentage; empty where none does."""
    # In units of half the last digit, to stay with whole numbers.
    whole = 200 * 10 ** max(0, share.decimals)
    half = 2 * share.units * 10 ** max(0, -share.decimals)
    slack = 10 ** max(0, -share.decimals)
    return range(max(0, -((slack - half) * total // whole)), min(total, (half + slack) * total // whole) + 1)


def printed_share(count: int, total: int, decimals: int) -> str:
    """``count`` of ``total`` in percent, half up."""
    return f"{percent(count, total, max(0, decimals))}%"


def share_power(total: int, decimals: int) -> float:
    """The part of all percentages printed with so many decimals that no whole number of ``total`` gives."""
    printable = 100 * int(10 ** max(0, decimals)) + 1
    return max(0.0, 1 - (total + 1) / printable)


def possible_sums(mean: Printed, n: int, items: int) -> range:
    """The sums of ``n`` answers, each a sum of ``items`` whole numbers, that print as this mean."""
    return range(ceil(mean.low * n * items), floor(mean.high * n * items) + 1)


def _squares(total: int, n: int, least: int | None, most: int | None) -> tuple[int, int | None]:
    """The least and the greatest sum of squares of ``n`` whole numbers with a sum, between ``least`` and ``most``."""
    each, over = divmod(total, n)
    lowest = n * each * each + over * (2 * each + 1)
    if least is None or most is None:
        return lowest, None
    if most == least:
        return lowest, n * most * most
    high, rest = divmod(total - n * least, most - least)
    middle = least + rest
    if high >= n:
        return lowest, n * most * most
    return lowest, high * most * most + middle * middle + (n - high - 1) * least * least


def _states(
    mean: Printed, sd: Printed, n: int, items: int, least: int | None, most: int | None
) -> Iterator[tuple[int, int]]:
    """Every (sum, sum of squares) of whole numbers that print as this mean and standard deviation (n − 1)."""
    if n < 2:
        return
    low, high = max(Fraction(0), sd.low) * items, sd.high * items
    ends = (None, None) if least is None or most is None else (least * items, most * items)
    for total in possible_sums(mean, n, items):
        if ends[0] is not None and ends[1] is not None and not n * ends[0] <= total <= n * ends[1]:
            continue
        base = Fraction(total * total, n)
        smallest, greatest = _squares(total, n, *ends)
        first = max(smallest, ceil(low * low * (n - 1) + base))
        last = floor(high * high * (n - 1) + base)
        last = last if greatest is None else min(last, greatest)
        first += (first - total) % 2
        for squares in range(first, last + 1, 2):
            yield total, squares


def grimmer(
    mean: Printed, sd: Printed, n: int, *, items: int = 1, least: int | None = None, most: int | None = None
) -> bool:
    """Whether any ``n`` answers can have this mean and standard deviation.

    Args:
        items: whole-number items of which each answer is the mean.
        least, most: ends of the scale.
    """
    return next(_states(mean, sd, n, items, least, most), None) is not None


def debit(mean: Printed, sd: Printed, n: int) -> bool:
    """Whether ``n`` answers of 0 or 1 can have this mean and standard deviation."""
    return grimmer(mean, sd, n, least=0, most=1)


def sprite(mean: Printed, sd: Printed, n: int, least: int, most: int) -> dict[int, int] | None:
    """How often each level occurs in one set of answers that has this mean and standard deviation; None where none was found.

    From the most even answers on, pairs are moved apart until the squares add up.
    """
    # Moving a down and b up by one adds 2(b − a + 1) to the squares; what adds most comes first.
    levels = range(least, most + 1)
    pairs = sorted(((2 * (b - a + 1), a, b) for a in levels[1:] for b in levels[:-1] if a <= b), reverse=True)
    for total, squares in _states(mean, sd, n, 1, least, most):
        each, over = divmod(total, n)
        counts = dict.fromkeys(levels, 0)
        counts[each] += n - over
        if over:
            counts[each + 1] += over
        missing = squares - sum(k * v * v for v, k in counts.items())
        while missing:
            for added, a, b in pairs:
                if added <= missing and counts[a] and counts[b] and (a != b or counts[a] > 1):
                    break
            else:
                break
            # As often as it goes at once, where the two are far apart; the last steps one by one.
            times = max(1, min(missing // added, counts[a] // 2, counts[b] // 2) // 2)
            counts[a] -= times
            counts[b] -= times
            counts[a - 1] += times
            counts[b + 1] += times
            missing -= added * times
        if not missing:
            return counts
    return None
