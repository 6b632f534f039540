"""Sums and products of printed figures, as the interval in which they lie."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

from pipelines.audit.printed import Printed
from warehouse.errors import BadConfiguration

__all__ = ["Interval", "interval", "names", "parse"]

#: The least and the most; of Fractions, or of arrays of numbers to look at many values at once.
Interval = tuple[Any, Any]
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div)


@lru_cache(maxsize=100_000)
def parse(text: str) -> ast.expr:
    """The expression.

    Raises:
        BadConfiguration: it is no sum or product of names and numbers.
    """
    try:
        tree = ast.parse(text.replace("×", "*").replace("÷", "/").replace("−", "-"), mode="eval").body
    except SyntaxError as error:
        raise BadConfiguration(f"{text!r} is no sum or product of figure ids and numbers") from error
    for node in ast.walk(tree):
        known = isinstance(node, ast.Name | ast.operator | ast.unaryop | ast.expr_context)
        known = known or (isinstance(node, ast.Constant) and isinstance(node.value, int | float))
        known = known or (isinstance(node, ast.BinOp) and isinstance(node.op, _OPERATORS))
        known = known or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub))
        if not known:
            raise BadConfiguration(f"{text!r} is no sum or product of figure ids and numbers")
    return tree


@lru_cache(maxsize=100_000)
def names(text: str) -> tuple[str, ...]:
    """The figures that an expression names, in their order."""
    return tuple(dict.fromkeys(n.id for n in ast.walk(parse(text)) if isinstance(n, ast.Name)))


def interval(
    text: str, values: Mapping[str, Printed], replaced: Mapping[str, Interval] | None = None,
    ends: tuple[Callable[..., Any], Callable[..., Any]] = (min, max),
) -> Interval:  # fmt: skip
    """The least and the most that an expression can be.

    Args:
        replaced: intervals that stand for some of the figures; arrays, with ``ends`` that take them.

    Raises:
        ZeroDivisionError: a divisor may be 0.
    """
    least, most = ends
    replaced = replaced or {}

    def of(node: ast.expr) -> Interval:
        match node:
            case ast.Name(name):
                return replaced[name] if name in replaced else (values[name].low, values[name].high)
            case ast.Constant(number):
                exact = float(number) if replaced else Fraction(str(number))  # type: ignore[arg-type]
                return exact, exact
            case ast.UnaryOp(_, operand):
                low, high = of(operand)
                return -high, -low
            case ast.BinOp(left, op, right):
                (a, b), (c, d) = of(left), of(right)
                if isinstance(op, ast.Add):
                    return a + c, b + d
                if isinstance(op, ast.Sub):
                    return a - d, b - c
                if isinstance(op, ast.Mult):
                    four = (a * c, a * d, b * c, b * d)
                else:
                    if not replaced and c <= 0 <= d:
                        raise ZeroDivisionError(text)
                    four = (a / c, a / d, b / c, b / d)
                return least(least(four[0], four[1]), least(four[2], four[3])), most(
                    most(four[0], four[1]), most(four[2], four[3])
                )
        raise AssertionError(node)

    return of(parse(text))
