"""What cannot be true of printed figures: shares that no whole number gives, sums and relations that fail.

GRIM: N. J. L. Brown and J. A. J. Heathers, The GRIM test, Social Psychological and Personality Science 8 (2017) 363.
Figures stay the texts that were printed, because trailing zeros say how they were rounded.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from math import ceil, floor

from warehouse.errors import BadConfiguration

__all__ = ["Contradiction", "Printed", "Relation", "audit_relations", "audit_shares", "audit_survey", "possible_counts"]

_PRINTED = re.compile(r"(-?\d[\d,]*(?:\.\d+)?)\s*(%?)")


@dataclass(frozen=True, slots=True)
class Printed:
    """A number as it was printed: its value, its decimals, and whether it is a percentage."""

    text: str
    value: Decimal
    decimals: int
    is_percent: bool

    @classmethod
    def parse(cls, text: str) -> Printed:
        """Read it.

        Raises:
            BadConfiguration: it is no number.
        """
        found = _PRINTED.fullmatch(text.strip())
        if found is None:
            raise BadConfiguration(f"{text!r} is no printed number such as 6,983 or 98.99%")
        number = found.group(1).replace(",", "")
        return cls(text, Decimal(number), len(number.partition(".")[2]), bool(found.group(2)))

    def rounded(self, decimals: int) -> Decimal:
        return self.value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """What cannot be true: by which rule, about which figures, and the arithmetic in both languages."""

    rule: str
    figures: Sequence[str]
    arithmetic_zh: str
    arithmetic_en: str


@dataclass(frozen=True, slots=True)
class Relation:
    """What is said to hold between figures: ``left`` and ``right`` are sums and products of their ids and numbers."""

    relation_id: str
    left: str
    relation: str
    right: str
    why_zh: str
    why_en: str


def possible_counts(share: Printed, total: int) -> range:
    """The whole numbers of ``total`` that print as this percentage (half up); empty where none does."""
    half = Decimal(1).scaleb(-share.decimals) / 2
    first = ceil((share.value - half) * total / 100)
    # Half up: the upper end itself rounds away.
    last = ceil((share.value + half) * total / 100) - 1
    return range(max(0, first), min(total, last) + 1)


def _share(count: int, total: int, decimals: int) -> str:
    value = (Decimal(100) * count / total).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return f"{value}%"


def _nearest(share: Printed, total: int) -> list[tuple[int, str]]:
    """The two whole numbers beside a share that none gives, with what they would print."""
    below = floor(share.value * total / 100)
    counts = [n for n in (below, below + 1) if 0 <= n <= total]
    return [(n, _share(n, total, share.decimals)) for n in counts]


def audit_shares(figures: Mapping[str, Printed], parts: Mapping[str, tuple[str | None, str]]) -> list[Contradiction]:
    """Percentages that no whole number of their denominator gives, or that are not their quotient.

    Args:
        figures: by id.
        parts: the figure that is numerator (where it was printed) and the one that is denominator, of each percentage.
    """
    found = []
    for name, (numerator, denominator) in parts.items():
        share, total = figures[name], int(figures[denominator].value)
        if not share.is_percent or total <= 0:
            continue
        if not possible_counts(share, total):
            near = "; ".join(f"{n:,} → {text}" for n, text in _nearest(share, total))
            found.append(
                Contradiction(
                    "grim", [name, denominator],
                    f"{total:,}中没有整数得{share.text}：{near.replace('; ', '；')}",
                    f"no whole number of {total:,} gives {share.text}: {near}",
                )
            )  # fmt: skip
        if numerator is not None:
            count = int(figures[numerator].value)
            printed = _share(count, total, share.decimals)
            if Decimal(printed[:-1]) != share.value:
                found.append(
                    Contradiction(
                        "quotient", [name, numerator, denominator],
                        f"{count:,} ÷ {total:,} = {printed}，印为{share.text}",
                        f"{count:,} ÷ {total:,} = {printed}, printed as {share.text}",
                    )
                )  # fmt: skip
    return found


_BINARY: Mapping[type[ast.operator], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
_COMPARED: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    "=": operator.eq, "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip


def _evaluate(text: str, figures: Mapping[str, Printed]) -> tuple[Decimal, list[str]]:
    names: list[str] = []

    def value(node: ast.expr) -> Decimal:
        match node:
            case ast.BinOp(left, op, right) if type(op) in _BINARY:
                return _BINARY[type(op)](value(left), value(right))
            case ast.Constant(number) if isinstance(number, int | float):
                return Decimal(str(number))
            case ast.Name(name) if name in figures:
                names.append(name)
                return figures[name].value
        raise BadConfiguration(f"{text!r}: expected known figures and numbers joined by + − * /")

    try:
        return value(ast.parse(text, mode="eval").body), names
    except (SyntaxError, ArithmeticError) as error:
        raise BadConfiguration(f"{text!r} cannot be computed") from error


def audit_relations(figures: Mapping[str, Printed], relations: Sequence[Relation]) -> list[Contradiction]:
    """Relations that do not hold; two percentages are compared at the fewer decimals of both."""
    found = []
    for one in relations:
        if one.relation not in _COMPARED:
            raise BadConfiguration(f"{one.relation_id}: {one.relation!r} is none of {', '.join(_COMPARED)}")
        (left, names), (right, more) = _evaluate(one.left, figures), _evaluate(one.right, figures)
        if len(names) == len(more) == 1 and all(figures[n].is_percent for n in (*names, *more)):
            decimals = min(figures[n].decimals for n in (*names, *more))
            left, right = (figures[n].rounded(decimals) for n in (*names, *more))
        if not _COMPARED[one.relation](left, right):
            unit = "%" if all(figures[n].is_percent for n in (*names, *more)) else ""
            told = f"{_told(left)}{unit} {one.relation} {_told(right)}{unit}"
            found.append(
                Contradiction(
                    "relation", [*names, *more], f"应有{told}（{one.why_zh}）", f"{told} should hold ({one.why_en})"
                )
            )
    return found


def _told(value: Decimal) -> str:
    return f"{value.normalize():,f}"


def audit_survey(item: str, shares: Sequence[Printed], respondents: int) -> list[Contradiction]:
    """An item's shares of its levels: each must be a whole number of respondents, and together all of them."""
    found = []
    counts = [possible_counts(s, respondents) for s in shares]
    for share, possible in zip(shares, counts, strict=True):
        if not possible:
            rest = sum(c[0] for c in counts if len(c) == 1)
            near = "; ".join(f"{n} → {text}" for n, text in _nearest(share, respondents))
            # Where every other level is certain, what is left of the respondents is the only possible count.
            left = respondents - rest if sum(len(c) == 1 for c in counts) == len(counts) - 1 else None
            told = (
                (f"；其余各级之外尚余{left}人，即{_share(left, respondents, share.decimals)}",
                 f"; {left} are left beside the other levels, {_share(left, respondents, share.decimals)}")
                if left is not None and left >= 0 else ("", "")
            )  # fmt: skip
            found.append(
                Contradiction(
                    "grim", [item],
                    f"{respondents}人中没有整数得{share.text}%：{near.replace('; ', '；')}{told[0]}",
                    f"no whole number of {respondents} gives {share.text}%: {near}{told[1]}",
                )
            )  # fmt: skip
    total = sum((s.value for s in shares), Decimal(0))
    slack = sum((Decimal(1).scaleb(-s.decimals) / 2 for s in shares), Decimal(0))
    # What a share may stand for is a run of whole numbers, and so is every sum of them.
    least, most = sum(c[0] for c in counts if c), sum(c[-1] for c in counts if c)
    if abs(total - 100) > slack or (all(counts) and not least <= respondents <= most):
        sums = f"{least}" if least == most else f"{least}–{most}"
        told_zh = f"，对应{sums}人，而答卷{respondents}份" if all(counts) else ""
        told_en = f", of {sums} people where {respondents} answered" if all(counts) else ""
        found.append(
            Contradiction("sum", [item], f"各级合计{total}%{told_zh}", f"the levels add up to {total}%{told_en}")
        )
    return found
