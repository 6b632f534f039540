"""Which claims the figures of a report make."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import combinations, pairwise

from pipelines.audit.claims import (
    Dispersion,
    InRange,
    MeanOf,
    Order,
    RelationClaim,
    Same,
    ShareOf,
    SumsToWhole,
    Transposed,
)
from pipelines.audit.expressions import names
from pipelines.audit.model import Claim, PrintedFigure, Relation, Values
from pipelines.words import label_of
from warehouse.errors import BadConfiguration

__all__ = ["LADDER", "claims"]

#: Nobody studies without logging in, nobody passes without studying.
LADDER = ("called_up", "participating", "login", "study", "pass")
_RELATIONS = ("=", "<=", ">=", "<", ">", "≤", "≥")
#: Shorter numbers are often each other's digits swapped.
_LONG = 1_000
#: Pairs with two digits swapped that there may be by chance among the figures of one unit.
_EXPECTED = 0.5


def claims(figures: Mapping[str, PrintedFigure], relations: Iterable[Relation]) -> list[Claim]:
    """Every claim, in the order of the figures; then the relations.

    Raises:
        BadConfiguration: a relation or a figure names a figure that is not there.
    """
    found: list[Claim] = [*_of_each(figures), *_of_wholes(figures), *_of_samples(figures), *_of_indicators(figures)]
    for relation in relations:
        if relation.relation not in _RELATIONS:
            raise BadConfiguration(
                f"{relation.relation_id}: {relation.relation!r} is none of {', '.join(_RELATIONS[:5])}"
            )
        for side in (relation.left, relation.right):
            for name in names(side):
                if name not in figures:
                    raise BadConfiguration(f"{relation.relation_id}: there is no figure {name!r}")
        found.append(RelationClaim(relation))
    return [*found, *_transposed(figures)]


def _of_each(figures: Mapping[str, PrintedFigure]) -> Iterator[Claim]:
    for name, one in figures.items():
        for other in (one.numerator, one.denominator):
            if other is not None and other not in figures:
                raise BadConfiguration(f"{name}: there is no figure {other!r}")
        if one.printed.is_date:
            continue
        bounded = InRange(name)
        # That a figure is in its range says nothing: only where it is not.
        if (one.printed.is_whole or one.denominator or one.part_of) and not bounded.check({name: one.printed}).holds:
            yield bounded
        if one.printed.is_percent and one.denominator and not one.statistic:
            yield ShareOf(name, one.numerator, one.denominator)
        if one.numerator and one.denominator:
            yield Order(one.denominator, one.numerator, "part")


def _of_wholes(figures: Mapping[str, PrintedFigure]) -> Iterator[Claim]:
    parts: dict[str, list[str]] = defaultdict(list)
    for name, one in figures.items():
        if one.part_of:
            parts[one.part_of].append(name)
    for whole, members in parts.items():
        shares = [m for m in members if figures[m].printed.is_percent]
        if len(shares) > 1:
            denominators = {figures[s].denominator for s in shares}
            yield SumsToWhole(tuple(shares), denominators.pop() if len(denominators) == 1 else None)
        counts = [m for m in members if not figures[m].printed.is_percent]
        if whole in figures and counts:
            why = label_of("audit.arithmetic", "parts")
            yield RelationClaim(Relation(f"parts of {whole}", " + ".join(counts), "=", whole, why))


def _of_samples(figures: Mapping[str, PrintedFigure]) -> Iterator[Claim]:
    samples: dict[str, dict[str, str]] = defaultdict(dict)
    for name, one in figures.items():
        if one.statistic in ("mean", "sd"):
            samples[one.sample or name][one.statistic] = name
    for of in samples.values():
        if "mean" not in of:
            continue
        mean = figures[of["mean"]]
        if mean.denominator is None:
            continue
        yield MeanOf(of["mean"], mean.denominator, mean.items, mean.scale)
        if "sd" in of:
            yield Dispersion(of["mean"], of["sd"], mean.denominator, mean.items, mean.scale)


def _of_indicators(figures: Mapping[str, PrintedFigure]) -> Iterator[Claim]:
    alike: dict[tuple[object, ...], list[str]] = defaultdict(list)
    dated: dict[tuple[object, ...], list[str]] = defaultdict(list)
    steps: dict[tuple[object, ...], dict[str, str]] = defaultdict(dict)
    for name, one in figures.items():
        if not one.indicator or one.printed.is_date:
            continue
        kind = one.printed.is_percent
        alike[one.indicator, one.group, one.as_of, kind, one.statistic].append(name)
        if one.as_of is not None and not kind:
            dated[one.indicator, one.group, one.source].append(name)
        if one.indicator in LADDER and not one.statistic:
            steps[one.group, one.as_of, one.source, kind].setdefault(one.indicator, name)
    for same in alike.values():
        for a, b in pairwise(same):
            vendors = figures[a].source != figures[b].source
            yield Same(a, b, "vendors" if vendors else "same")
    for ladder in steps.values():
        met = [ladder[i] for i in LADDER if i in ladder]
        for greater, less in pairwise(met):
            yield Order(greater, less, "ladder")
    for series in dated.values():
        ordered = sorted(series, key=lambda n: figures[n].as_of or date.min)
        for earlier, later in pairwise(ordered):
            if figures[earlier].as_of != figures[later].as_of:
                is_sure = figures[earlier].is_cumulative or figures[later].is_cumulative
                yield Order(later, earlier, "falls", "error" if is_sure else "warning")


def _transposed(figures: Mapping[str, PrintedFigure]) -> Iterator[Claim]:
    """Only pairs that differ so, and only where no such pair is to be expected: all else would say nothing."""
    lengths: dict[tuple[str, int], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, one in figures.items():
        if one.printed.is_whole and not one.printed.is_date and one.printed.value >= _LONG:
            digits = str(one.printed.units)
            lengths[one.unit, len(digits)]["".join(sorted(digits))].append(name)
    values = {name: one.printed for name, one in figures.items()}
    for (_, length), alike in lengths.items():
        many = sum(len({values[n].units for n in same}) for same in alike.values())
        if many * (many - 1) / 2 * (length - 1) / (9 * 10 ** (length - 1)) > _EXPECTED:
            continue
        for same in alike.values():
            for a, b in _distinct(same, values):
                claim = Transposed(a, b)
                if claim.check(values).holds is False:
                    yield claim


def _distinct(same: Sequence[str], values: Values) -> Iterator[tuple[str, str]]:
    """Pairs of the first figures with each number: the same number printed often is one."""
    first: dict[int, str] = {}
    for name in same:
        first.setdefault(values[name].units, name)
    yield from combinations(first.values(), 2)
