"""The simplest change of one figure that would resolve a finding."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence

from pipelines.audit.claims import ShareOf, Transposed
from pipelines.audit.model import Claim, Correction, PrintedFigure, Values
from pipelines.audit.possible import possible_counts
from pipelines.audit.printed import Printed
from pipelines.words import label_of

__all__ = ["simplest", "slips"]


def slips(printed: Printed) -> Iterator[tuple[str, Printed]]:
    """What one slip of the pen makes of a number, with the kind of slip (``audit.slips`` of the catalogue), the likeliest first."""
    seen = {printed.units}
    text = str(printed.units).rjust(printed.decimals + 1, "0")

    def other(kind: str, digits: str) -> Iterator[tuple[str, Printed]]:
        if digits and digits.isdigit() and int(digits) not in seen:
            seen.add(int(digits))
            yield kind, printed.with_units(int(digits))

    swaps = [(i, j) for i in range(len(text)) for j in range(i + 1, len(text))]
    for near in (True, False):
        if not near:
            yield from other("reversed", text[::-1])
        for i, j in swaps:
            if (j == i + 1) == near:
                chars = list(text)
                chars[i], chars[j] = chars[j], chars[i]
                yield from other("swapped" if near else "apart", "".join(chars))
    for i in range(len(text)):
        for digit in "0123456789":
            yield from other("one", text[:i] + digit + text[i + 1 :])
    if printed.decimals:
        yield from other("point", text + "0")
        yield from other("point", text[:-1] if text.endswith("0") else "")
    for i in range(len(text)):
        yield from other("dropped", text[:i] + text[i + 1 :])
    for i in range(len(text) + 1):
        for digit in "0123456789":
            yield from other("added", text[:i] + digit + text[i:])


#: What each kind of change costs: of two that resolve as much, the cheaper is the simpler.
_COSTS = {
    kind: n
    for n, kind in enumerate(
        ["swapped", "reversed", "denominator", "apart", "one", "point", "missing", "dropped", "added", "nearest"]
    )
}


def simplest(
    claim: Claim, nearest: Sequence[tuple[str, str]], values: Values, tied: Mapping[str, Sequence[Claim]],
    broken: Mapping[int, bool], figures: Mapping[str, PrintedFigure],
) -> list[Correction]:  # fmt: skip
    """The changes that break least, resolve most, and are the likeliest slips; one of a figure and kind, three at most.

    Args:
        tied: the claims about each figure.
        broken: which claims (by ``id``) do not hold as printed.
    """
    best: dict[tuple[str, int], tuple[tuple[float, ...], Correction]] = {}
    seen: set[tuple[str, int]] = set()
    around: dict[str, dict[str, Printed]] = {}
    for name, kind, changed in _candidates(claim, nearest, values, figures):
        if name not in around:
            involved = (f for c in (claim, *tied[name]) for f in c.figures)
            around[name] = {f: values[f] for f in involved}
        now = ChainMap({name: changed}, around[name])
        # The likelier of two ways to the same number comes first.
        if (name, changed.units) in seen or claim.check(now).holds is not True:
            continue
        seen.add((name, changed.units))
        resolves = breaks = 0
        # Another denominator may be that of this share only.
        for other in [claim] if kind == "denominator" else tied[name]:
            if isinstance(other, Transposed) and other is not claim:
                continue
            holds = other.check(now).holds
            resolves += bool(broken.get(id(other))) and holds is True
            breaks += not broken.get(id(other)) and holds is False
        cost = _COSTS[kind]
        moved = abs(float(changed.value - values[name].value)) / (abs(float(values[name].value)) or 1)
        rank = (breaks, -resolves, cost, moved)
        key = (name, cost)
        if key not in best or rank < best[key][0]:
            what = label_of("audit.slips", kind, n=changed.units - values[name].units)
            best[key] = rank, Correction(name, changed.text, what, resolves, breaks)
    return [correction for _, correction in sorted(best.values(), key=lambda found: found[0])[:3]]


def _candidates(
    claim: Claim, nearest: Sequence[tuple[str, str]], values: Values, figures: Mapping[str, PrintedFigure]
) -> Iterator[tuple[str, str, Printed]]:
    if isinstance(claim, Transposed):
        for name, text in nearest:
            yield name, "swapped", Printed.parse(text)
        return
    if isinstance(claim, ShareOf):
        yield from _denominators(claim, values, figures)
    for name in claim.figures:
        if not values[name].is_date and name in figures:
            for kind, changed in slips(values[name]):
                yield name, kind, changed
    for name, text in nearest:
        if name in figures:
            yield name, "nearest", Printed.parse(text, is_percent=values[name].is_percent)


def _denominators(
    claim: ShareOf, values: Values, figures: Mapping[str, PrintedFigure]
) -> Iterator[tuple[str, str, Printed]]:
    """Other figures that could be meant, the counts behind other shares of the same whole, and a few people more or less."""
    of, whole, group = values[claim.denominator], figures[claim.denominator], figures[claim.share].group
    total, seen = int(of.value), set()
    for name, one in figures.items():
        if one.group not in (group, ""):
            continue
        other = one.printed
        if other.is_whole and not other.is_about and one.unit == whole.unit and name not in claim.figures:
            counts = range(other.units, other.units + 1)
        elif other.is_percent and one.denominator == claim.denominator and name != claim.share:
            counts = possible_counts(other, total)
        else:
            continue
        if len(counts) == 1 and counts[0] > 0 and counts[0] != total and counts[0] not in seen:
            seen.add(counts[0])
            yield claim.denominator, "denominator", of.with_units(counts[0])
    for off in (-1, 1, -2, 2, -3, 3):
        if total + off > 0:
            yield claim.denominator, "missing", of.with_units(total + off)
