"""Whole numbers from shares."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
from numpy.typing import NDArray

__all__ = ["allocate", "counts_for_percentages"]

Ints = NDArray[np.int64]


def allocate(total: int, weights: NDArray[np.float64] | Sequence[float], minimum: int = 0) -> Ints:
    """``total`` split by ``weights`` into whole parts of at least ``minimum`` (largest remainders).

    Raises:
        ValueError: the minimum asks for more than the total.
    """
    share = np.asarray(weights, dtype=np.float64)
    spare = total - minimum * len(share)
    if spare < 0:
        raise ValueError(f"{total} cannot give {minimum} to each of {len(share)}")
    exact = share / share.sum() * spare
    parts = np.floor(exact).astype(np.int64)
    rest = spare - int(parts.sum())
    parts[np.argsort(parts - exact, kind="stable")[:rest]] += 1
    total_parts: Ints = parts + minimum
    return total_parts


def counts_for_percentages(percentages: Sequence[Decimal], total: int) -> list[int]:
    """Whole counts of at most ``total`` in all that print as ``percentages`` where any can.

    A printed share that no count gives gets the nearest count; where the counts exceed the
    total, the one that has most to spare gives way; where they fall short, the rest left
    the item blank.
    """
    counts = [int((p * total / 100).quantize(Decimal(1), ROUND_HALF_UP)) for p in percentages]
    while sum(counts) > total:
        excess = [Decimal(c) - p * total / 100 for c, p in zip(counts, percentages, strict=True)]
        counts[excess.index(max(excess))] -= 1
    return counts
