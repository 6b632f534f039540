"""The rules: what must be true of printed figures, each with its arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any

import numpy as np

from pipelines.audit.expressions import Interval, interval, names
from pipelines.audit.model import Relation, Severity, Values, Verdict
from pipelines.audit.possible import (
    debit,
    grimmer,
    possible_counts,
    possible_sums,
    printed_share,
    share_power,
    sprite,
)
from pipelines.audit.printed import Printed
from pipelines.words import LANGUAGES, Label, label_of, words_of

__all__ = ["Dispersion", "InRange", "MeanOf", "Order", "RelationClaim", "Same", "ShareOf", "SumsToWhole", "Transposed"]

#: How far to look for standard deviations that are possible.
_FAR = 60


def _vague(values: Values, figures: Sequence[str]) -> bool:
    return any(values[f].is_about for f in figures)


def _number(value: Fraction | Decimal) -> str:
    text = (
        f"{Decimal(value.numerator) / Decimal(value.denominator):,.6f}"
        if isinstance(value, Fraction)
        else f"{value:,f}"
    )
    return text.rstrip("0").rstrip(".") if "." in text else text


def _told(key: str, **values: object) -> Label:
    """What a claim says of the figures, by its key in the catalogue."""
    return label_of("audit.arithmetic", key, **values)


def _range(low: Fraction, high: Fraction) -> str:
    return _number(low) if low == high else f"[{_number(low)}, {_number(high)}]"


def _span(first: int, last: int) -> str:
    return f"{first:,}" if first == last else f"{first:,}–{last:,}"


def _arrows(printed: Sequence[tuple[int, str]]) -> Label:
    """Whole numbers, each with what it prints."""
    told = [f"{n:,} → {text}" for n, text in printed]
    return Label(*(words_of("text", language)["clause_joiner"].join(told) for language in LANGUAGES))


def _each_others(values: Values, one: str, other: str) -> list[tuple[str, str]]:
    """Either of two figures as the other was printed."""
    return [(one, values[other].text), (other, values[one].text)]


def _power(values: Values, figure: str, holds: Callable[[np.ndarray], np.ndarray]) -> float:
    """The part of the values printable with as many digits as ``figure``'s in which ``holds(units)`` is not true.

    Values near the printed one are looked at one by one, those further off by sample.
    """
    units = values[figure].printable
    near = np.arange(max(units.start, values[figure].units - 200), min(units.stop, values[figure].units + 201))
    far = np.unique(np.linspace(units.start, units.stop - 1, min(len(units), 400)).astype(np.int64))
    far = far[(far < near[0]) | (far > near[-1])] if len(near) else far
    passing = float(np.count_nonzero(holds(near))) if len(near) else 0.0
    others = len(units) - len(near)
    if len(far) and others > 0:
        passing += others * float(np.count_nonzero(holds(far))) / len(far)
    return max(0.0, 1 - passing / len(units))


def _ends(values: Values, figure: str, units: np.ndarray) -> Interval:
    printed = values[figure]
    slack = 0.0 if printed.is_whole else 0.5
    scale = float(10**printed.decimals) if printed.decimals >= 0 else 1 / float(10**-printed.decimals)
    return (units - slack) / scale, (units + slack) / scale


@dataclass(frozen=True, slots=True)
class ShareOf:
    """A percentage is a whole number of its denominator, and the one that its numerator gives where that is printed."""

    share: str
    numerator: str | None
    denominator: str
    severity: Severity = "error"

    @property
    def rule(self) -> str:
        return "grim" if self.numerator is None else "quotient"

    @property
    def figures(self) -> tuple[str, ...]:
        return tuple(f for f in (self.share, self.numerator, self.denominator) if f is not None)

    def check(self, values: Values) -> Verdict:
        share, of = values[self.share], values[self.denominator]
        if _vague(values, self.figures) or not of.is_whole:
            return Verdict(None, _told("vague"))
        total = int(of.value)
        if total <= 0:
            return Verdict(None, _told("no_denominator"))
        if self.numerator is not None:
            return self._quotient(share, values[self.numerator], total)
        possible = possible_counts(share, total)
        if possible:
            counts = _span(possible[0], possible[-1])
            return Verdict(True, _told("share", counts=counts, total=total, share=share.text))
        near = _arrows(self._beside(share, total))
        return Verdict(False, _told("no_share", total=total, share=share.text, near=near))

    def nearest(self, values: Values) -> list[tuple[str, str]]:
        share, total = values[self.share], int(values[self.denominator].value)
        if self.numerator is None:
            return [(self.share, text) for _, text in self._beside(share, total)]
        part = values[self.numerator]
        found = [(self.share, printed_share(int(part.value), total, share.decimals))] if part.is_whole else []
        possible = possible_counts(share, total)
        return found + [(self.numerator, f"{n:,}") for n in dict.fromkeys((*possible[:1], *possible[-1:]))]

    @staticmethod
    def _beside(share: Printed, total: int) -> list[tuple[int, str]]:
        """The two whole numbers beside a share that none gives, with what they print."""
        below = floor(share.value * total / 100)
        return [(n, printed_share(n, total, share.decimals)) for n in (below, below + 1) if 0 <= n <= total]

    def _quotient(self, share: Printed, part: Printed, total: int) -> Verdict:
        printed = printed_share(int(part.value), total, share.decimals) if part.is_whole else ""
        low, high = part.low * 100 / total, part.high * 100 / total
        holds = low <= share.high and high >= share.low
        quotient = f"{_number(part.value)} ÷ {total:,} = {printed or f'{_range(low, high)}%'}"
        return Verdict(holds, _told("quotient" if holds else "no_quotient", quotient=quotient, share=share.text))

    def power(self, values: Values) -> float | None:
        share, of = values[self.share], values[self.denominator]
        if not of.is_whole or of.value <= 0:
            return None
        if self.numerator is None:
            return share_power(int(of.value), share.decimals)
        return 1 - 1 / len(share.printable)


@dataclass(frozen=True, slots=True)
class SumsToWhole:
    """Shares of one whole add up to 100 within what rounding allows, and their whole numbers to the denominator."""

    shares: tuple[str, ...]
    denominator: str | None
    severity: Severity = "error"
    rule: str = "sum"

    @property
    def figures(self) -> tuple[str, ...]:
        return (*self.shares, *([self.denominator] if self.denominator else []))

    def _counts(self, values: Values) -> list[range] | None:
        """The whole numbers behind each share, where every one is possible."""
        if self.denominator is None or not values[self.denominator].is_whole or values[self.denominator].value <= 0:
            return None
        counts = [possible_counts(values[s], int(values[self.denominator].value)) for s in self.shares]
        return counts if all(counts) else None

    def check(self, values: Values) -> Verdict:
        if _vague(values, self.figures):
            return Verdict(None, _told("vague"))
        shares = [values[s] for s in self.shares]
        total = sum((s.value for s in shares), Decimal(0))
        low, high = sum((s.low for s in shares), Fraction(0)), sum((s.high for s in shares), Fraction(0))
        counts = self._counts(values)
        more, fits = Label("", ""), True
        if counts is not None and self.denominator is not None:
            least, most = sum(c[0] for c in counts), sum(c[-1] for c in counts)
            whole = int(values[self.denominator].value)
            fits = least <= whole <= most
            more = _told("sum_of", counts=_span(least, most), whole=whole)
        holds = low <= 100 <= high and fits
        return Verdict(holds, _told("sum", total=_number(total), more=more))

    def nearest(self, values: Values) -> list[tuple[str, str]]:
        """Of each share, what is left beside the others."""
        found = []
        whole = int(values[self.denominator].value) if self.denominator else None
        for name in self.shares:
            share = values[name]
            left: str | None = None
            if whole is not None and whole > 0:
                others = [possible_counts(values[s], whole) for s in self.shares if s != name]
                if all(len(c) == 1 for c in others):
                    rest = whole - sum(c[0] for c in others)
                    left = printed_share(rest, whole, share.decimals) if 0 <= rest <= whole else None
            if left is None:
                rest_value = 100 - sum((values[s].value for s in self.shares if s != name), Decimal(0))
                left = f"{rest_value:f}%" if 0 <= rest_value <= 100 else None
            if left is not None and left.rstrip("%") != share.text.rstrip("%"):
                found.append((name, left))
        return found

    def power(self, values: Values) -> float | None:
        last = max(self.shares, key=lambda s: values[s].decimals)
        slack = sum((values[s].high - values[s].low for s in self.shares), Fraction(0))
        passing = 1 + slack * 10 ** max(0, values[last].decimals)
        return max(0.0, 1 - float(passing) / len(values[last].printable))


_COMPARED = {"=": "=", "<=": "≤", ">=": "≥", "<": "<", ">": ">", "≤": "≤", "≥": "≥"}


def _compared(left: Interval, relation: str, right: Interval) -> Any:
    """Whether the relation may hold somewhere in the intervals."""
    if relation == "=":
        return (left[0] <= right[1]) & (left[1] >= right[0])
    if relation in ("≤", "<"):
        return left[0] <= right[1] if relation == "≤" else left[0] < right[1]
    return left[1] >= right[0] if relation == "≥" else left[1] > right[0]


@dataclass(frozen=True, slots=True)
class RelationClaim:
    """A relation between figures that somebody has stated."""

    relation: Relation
    severity: Severity = "error"
    rule: str = "relation"

    @property
    def figures(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*names(self.relation.left), *names(self.relation.right))))

    def check(self, values: Values) -> Verdict:
        one = self.relation
        if _vague(values, self.figures):
            return Verdict(None, _told("vague"))
        try:
            left, right = interval(one.left, values), interval(one.right, values)
        except ZeroDivisionError:
            return Verdict(None, _told("no_divisor"))
        holds = bool(_compared(left, _COMPARED[one.relation], right))
        unit = "%" if all(values[f].is_percent for f in self.figures) and self.figures else ""
        sides = [
            values[text].text if text in values else f"{_range(*found)}{unit}"
            for text, found in ((one.left.strip(), left), (one.right.strip(), right))
        ]
        relation = f"{sides[0]} {_COMPARED[one.relation]} {sides[1]}"
        return Verdict(holds, _told("relation" if holds else "no_relation", relation=relation, why=one.why))

    def nearest(self, values: Values) -> list[tuple[str, str]]:
        """Of each figure, the value nearest to the printed one with which the relation holds, the others being right."""
        found: list[tuple[str, str]] = []
        if any(values[f].is_date for f in self.figures):
            return found
        for name in self.figures:
            units = self._solved(values, name)
            if units is not None and units != values[name].units:
                found.append((name, values[name].with_units(units).text))
        return found

    def _solved(self, values: Values, name: str) -> int | None:
        """Where left − right crosses: both sides are taken to be straight lines in the figure."""
        one, printed = self.relation, values[name]
        own = {n: values[n] for n in self.figures}

        def gap(units: int) -> float:
            at = Fraction(units) / Fraction(10) ** printed.decimals
            middle = {n: ((p.low + p.high) / 2,) * 2 for n, p in own.items()} | {name: (at, at)}
            return float(interval(one.left, values, middle)[0] - interval(one.right, values, middle)[0])

        try:
            here, there = gap(printed.units), gap(printed.units + 1)
        except ZeroDivisionError:
            return None
        if here == there:
            return None
        exact = printed.units - here / (there - here)
        rounded = [floor(exact), ceil(exact)]
        fits = [u for u in rounded if self.check({**own, name: printed.with_units(u)}).holds and u >= 0]
        return min(fits, key=lambda u: abs(u - exact)) if fits else None

    def power(self, values: Values) -> float | None:
        if not self.figures or any(values[f].is_date for f in self.figures):
            return None
        one = self.relation
        name = max(self.figures, key=lambda f: len(values[f].printable))
        lone = {n: (float(values[n].low), float(values[n].high)) for n in self.figures}

        def holds(units: np.ndarray) -> np.ndarray:
            replaced = {**lone, name: _ends(values, name, units)}
            sides = [interval(t, values, replaced, (np.minimum, np.maximum)) for t in (one.left, one.right)]
            loose = [(low - 1e-9, high + 1e-9) for low, high in sides]
            found = _compared(loose[0], _COMPARED[one.relation], loose[1])
            return np.broadcast_to(np.asarray(found), units.shape)

        with np.errstate(all="ignore"):
            return _power(values, name, holds)


@dataclass(frozen=True, slots=True)
class Same:
    """The same indicator of the same group on the same date is printed alike everywhere, to the fewer digits of both."""

    one: str
    other: str
    rule: str = "same"
    severity: Severity = "error"

    @property
    def figures(self) -> tuple[str, ...]:
        return (self.one, self.other)

    def check(self, values: Values) -> Verdict:
        a, b = values[self.one], values[self.other]
        if _vague(values, self.figures):
            return Verdict(None, _told("vague"))
        holds = a.low <= b.high and b.low <= a.high and a.is_percent == b.is_percent
        sign = "=" if holds else "≠"
        told = f"{a.text} {sign} {b.text}"
        return Verdict(holds, Label(told, told))

    def nearest(self, values: Values) -> list[tuple[str, str]]:
        return _each_others(values, self.one, self.other)

    def power(self, values: Values) -> float | None:
        finer = max(self.figures, key=lambda f: values[f].decimals)
        coarser = self.one if finer == self.other else self.other
        width = values[coarser].high - values[coarser].low
        passing = 1 + width * Fraction(10) ** values[finer].decimals
        return max(0.0, 1 - float(passing) / len(values[finer].printable))


@dataclass(frozen=True, slots=True)
class Order:
    """The first is not less than the second: a whole and its part, a login and a study, a later count and an earlier one."""

    greater: str
    less: str
    rule: str
    severity: Severity = "error"

    @property
    def figures(self) -> tuple[str, ...]:
        return (self.less, self.greater)

    def check(self, values: Values) -> Verdict:
        a, b = values[self.less], values[self.greater]
        if _vague(values, self.figures):
            return Verdict(None, _told("vague"))
        holds = a.low <= b.high
        told = f"{a.text} {'≤' if holds else '>'} {b.text}"
        return Verdict(holds, Label(told, told))

    def nearest(self, values: Values) -> list[tuple[str, str]]:
        return _each_others(values, self.less, self.greater)

    def power(self, values: Values) -> float | None:
        bound = float(values[self.greater].high)

        def holds(units: np.ndarray) -> np.ndarray:
            return np.asarray(_ends(values, self.less, units)[0] <= bound + 1e-9)

        return None if values[self.less].is_date else _power(values, self.less, holds)


@dataclass(frozen=True, slots=True)
class InRange:
    """A percentage of a part lies between 0 and 100; a count is not below 0."""

    figure: str
    rule: str = "range"
    severity: Severity = "error"

    @property
    def figures(self) -> tuple[str, ...]:
        return (self.figure,)

    def check(self, values: Values) -> Verdict:
        one = values[self.figure]
        holds = one.value >= 0 and (not one.is_percent or one.value <= 100)
        return Verdict(holds, Label(one.text, one.text))

    def nearest(self, values: Values) -> list[tuple[str, str]]:
        return []

    def power(self, values: Values) -> float | None:
        return None


@dataclass(frozen=True, slots=True)
class MeanOf:
    """A mean of whole numbers is a whole number of its answers' parts."""

    mean: str
    n: str
    items: int
    scale: tuple[int, int] | None
    severity: Severity = "error"
    rule: str = "grim_mean"

    @property
    def figures(self) -> tuple[str, ...]:
        return (self.mean, self.n)

    def check(self, values: Values) -> Verdict:
        mean, n = values[self.mean], int(values[self.n].value)
        if _vague(values, self.figures) or n <= 0:
            return Verdict(None, _told("vague"))
        parts = n * self.items
        sums = possible_sums(mean, n, self.items)
        if self.scale is not None:
            sums = range(max(sums.start, self.scale[0] * parts), min(sums.stop, self.scale[1] * parts + 1))
        if sums:
            return Verdict(True, _told("mean", sums=_span(sums[0], sums[-1]), parts=parts, mean=mean.text))
        near = _arrows(self._beside(mean, parts))
        return Verdict(False, _told("no_mean", parts=parts, mean=mean.text, near=near))

    @staticmethod
    def _beside(mean: Printed, parts: int) -> list[tuple[int, str]]:
        below = floor(mean.value * parts)
        return [(s, _rounded(Fraction(s, parts), mean.decimals)) for s in (below, below + 1)]

    def nearest(self, values: Values) -> list[tuple[str, str]]:
        parts = int(values[self.n].value) * self.items
        return [(self.mean, text) for _, text in self._beside(values[self.mean], parts)]

    def power(self, values: Values) -> float | None:
        n = int(values[self.n].value)
        return max(0.0, 1 - n * self.items / 10 ** max(0, values[self.mean].decimals)) if n > 0 else None


def _rounded(value: Fraction, decimals: int) -> str:
    units = floor(value * 10**decimals + Fraction(1, 2))
    return f"{Decimal(units).scaleb(-decimals):f}"


#: Of a longer scale no example is told.
_LEVELS = 10


@dataclass(frozen=True, slots=True)
class Dispersion:
    """A mean and a standard deviation are those of some whole numbers: GRIMMER, and DEBIT where they are 0 or 1."""

    mean: str
    sd: str
    n: str
    items: int
    scale: tuple[int, int] | None
    severity: Severity = "error"

    @property
    def rule(self) -> str:
        return "debit" if self.scale == (0, 1) else "grimmer"

    @property
    def figures(self) -> tuple[str, ...]:
        return (self.mean, self.sd, self.n)

    def _possible(self, mean: Printed, sd: Printed, n: int) -> bool:
        if self.scale == (0, 1) and self.items == 1:
            return debit(mean, sd, n)
        least, most = self.scale or (None, None)
        return grimmer(mean, sd, n, items=self.items, least=least, most=most)

    def _example(self, mean: Printed, sd: Printed, n: int) -> str:
        """One set of answers that it may have been, by SPRITE: how often each level."""
        if self.scale is None or self.items != 1 or self.scale[1] - self.scale[0] > _LEVELS:
            return ""
        counts = sprite(mean, sd, n, *self.scale)
        return ", ".join(f"{count}×{level}" for level, count in (counts or {}).items() if count)

    def check(self, values: Values) -> Verdict:
        mean, sd, n = values[self.mean], values[self.sd], int(values[self.n].value)
        if _vague(values, self.figures) or n < 2:
            return Verdict(None, _told("vague"))
        values_of = {"mean": mean.text, "sd": sd.text, "n": n}
        if not self._possible(mean, sd, n):
            return Verdict(False, _told("no_dispersion", **values_of))
        example = self._example(mean, sd, n)
        if not example:
            return Verdict(True, _told("dispersion", **values_of))
        return Verdict(True, _told("dispersion_such_as", **values_of, example=example))

    def nearest(self, values: Values) -> list[tuple[str, str]]:
        mean, sd, n = values[self.mean], values[self.sd], int(values[self.n].value)
        found = []
        for sign in (-1, 1):
            around = (sd.with_units(u) for u in range(sd.units + sign, max(-1, sd.units + sign * _FAR), sign))
            found += [
                (self.sd, one.text) for one in [next((o for o in around if self._possible(mean, o, n)), None)] if one
            ]
        return found

    def power(self, values: Values) -> float | None:
        mean, sd, n = values[self.mean], values[self.sd], int(values[self.n].value)
        if n < 2:
            return None
        # Standard deviations around the printed one, printed alike.
        around = [sd.with_units(u) for u in range(max(0, sd.units - _FAR), sd.units + _FAR + 1)]
        return 1 - sum(self._possible(mean, one, n) for one in around) / len(around)


@dataclass(frozen=True, slots=True)
class Transposed:
    """Two figures of one unit that differ by two neighbouring digits swapped may be one, mistyped."""

    one: str
    other: str
    severity: Severity = "notice"
    rule: str = "transposed"

    @property
    def figures(self) -> tuple[str, ...]:
        return (self.one, self.other)

    def check(self, values: Values) -> Verdict:
        a, b = (str(values[f].units) for f in self.figures)
        differ = [i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y]
        swapped = (
            len(a) == len(b) and len(differ) == 2 and differ[1] == differ[0] + 1
            and a[differ[0]] == b[differ[1]] and a[differ[1]] == b[differ[0]]
        )  # fmt: skip
        texts = f"{values[self.one].text}, {values[self.other].text}"
        if not swapped:
            return Verdict(True, Label(texts, texts))
        return Verdict(False, _told("transposed", one=values[self.one].text, other=values[self.other].text))

    def nearest(self, values: Values) -> list[tuple[str, str]]:
        return _each_others(values, self.one, self.other)

    def power(self, values: Values) -> float | None:
        digits = len(str(values[self.one].units))
        # By chance another number of as many digits is such a swap in so many of all cases.
        return (digits - 1) / float(9 * 10 ** (digits - 1))
