"""The simplest change of one figure that would resolve a finding."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence

from pipelines.audit.claims import ShareOf, Transposed
from pipelines.audit.model import Claim, Correction, Figure, Values
from pipelines.audit.possible import possible_counts
from pipelines.audit.printed import Printed
from pipelines.reports.bulletin.model import Label

__all__ = ["simplest", "slips"]

_SWAPPED = Label("相邻两位数字互换", "two neighbouring digits swapped")
_REVERSED = Label("数字倒写", "the digits reversed")
_APART = Label("两位数字互换", "two digits swapped")
_POINT = Label("小数点错位", "the point moved")
_ONE = Label("一位数字有误", "one digit wrong")
_DROPPED = Label("多一位数字", "a digit too many")
_ADDED = Label("少一位数字", "a digit missing")
_NEAREST = Label("可能的最近值", "the nearest possible value")
_DENOMINATOR = Label("另一个分母", "another denominator")
_MISSING = Label("分母差{n}", "a denominator {n} off")


def slips(printed: Printed) -> Iterator[tuple[Label, Printed]]:
    """What one slip of the pen makes of a number, the likeliest slips first."""
    seen = {printed.units}
    text = str(printed.units).rjust(printed.decimals + 1, "0")

    def other(kind: Label, digits: str) -> Iterator[tuple[Label, Printed]]:
        if digits and digits.isdigit() and int(digits) not in seen:
            seen.add(int(digits))
            yield kind, printed.with_units(int(digits))

    swaps = [(i, j) for i in range(len(text)) for j in range(i + 1, len(text))]
    for near in (True, False):
        if not near:
            yield from other(_REVERSED, text[::-1])
        for i, j in swaps:
            if (j == i + 1) == near:
                chars = list(text)
                chars[i], chars[j] = chars[j], chars[i]
                yield from other(_SWAPPED if near else _APART, "".join(chars))
    for i in range(len(text)):
        for digit in "0123456789":
            yield from other(_ONE, text[:i] + digit + text[i + 1 :])
    if printed.decimals:
        yield from other(_POINT, text + "0")
        yield from other(_POINT, text[:-1] if text.endswith("0") else "")
    for i in range(len(text)):
        yield from other(_DROPPED, text[:i] + text[i + 1 :])
    for i in range(len(text) + 1):
        for digit in "0123456789":
            yield from other(_ADDED, text[:i] + digit + text[i:])


#: What each kind of change costs: of two that resolve as much, the cheaper is the simpler.
_COSTS = {
    kind: n
    for n, kind in enumerate([_SWAPPED, _REVERSED, _DENOMINATOR, _APART, _ONE, _POINT, _MISSING, _DROPPED, _ADDED, _NEAREST])
}  # fmt: skip


def simplest(
    claim: Claim, nearest: Sequence[tuple[str, str]], values: Values, tied: Mapping[str, Sequence[Claim]],
    broken: Mapping[int, bool], figures: Mapping[str, Figure],
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
        for other in [claim] if kind is _DENOMINATOR else tied[name]:
            if isinstance(other, Transposed) and other is not claim:
                continue
            holds = other.check(now).holds
            resolves += bool(broken.get(id(other))) and holds is True
            breaks += not broken.get(id(other)) and holds is False
        cost = _COSTS.get(kind, _COSTS[_MISSING])
        moved = abs(float(changed.value - values[name].value)) / (abs(float(values[name].value)) or 1)
        rank = (breaks, -resolves, cost, moved)
        key = (name, cost)
        if key not in best or rank < best[key][0]:
            best[key] = rank, Correction(name, changed.text, kind, resolves, breaks)
    return [correction for _, correction in sorted(best.values(), key=lambda found: found[0])[:3]]


def _candidates(
    claim: Claim, nearest: Sequence[tuple[str, str]], values: Values, figures: Mapping[str, Figure]
) -> Iterator[tuple[str, Label, Printed]]:
    if isinstance(claim, Transposed):
        for name, text in nearest:
            yield name, _SWAPPED, Printed.parse(text)
        return
    if isinstance(claim, ShareOf):
        yield from _denominators(claim, values, figures)
    for name in claim.figures:
        if not values[name].is_date and name in figures:
            for kind, changed in slips(values[name]):
                yield name, kind, changed
    for name, text in nearest:
        if name in figures:
            yield name, _NEAREST, Printed.parse(text, is_percent=values[name].is_percent)


def _denominators(
    claim: ShareOf, values: Values, figures: Mapping[str, Figure]
) -> Iterator[tuple[str, Label, Printed]]:
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
            yield claim.denominator, _DENOMINATOR, of.with_units(counts[0])
    for off in (-1, 1, -2, 2, -3, 3):
        if total + off > 0:
            kind = Label(_MISSING.zh.format(n=f"{off:+d}"), _MISSING.en.format(n=f"{off:+d}"))
            yield claim.denominator, kind, of.with_units(total + off)
