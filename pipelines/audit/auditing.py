"""The audit of a report's figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from pipelines.audit.corrections import simplest
from pipelines.audit.model import Audit, Claim, PrintedFigure, Relation, Statement, Unread
from pipelines.audit.rules import claims

__all__ = ["audit"]

_ORDER = {"error": 0, "warning": 1, "notice": 2}


def audit(
    figures: Mapping[str, PrintedFigure], relations: Iterable[Relation] = (), unread: Iterable[Unread] = ()
) -> Audit:
    """Look at every claim that the figures make.

    Raises:
        BadConfiguration: a relation or a figure names a figure that is not there.
    """
    made = claims(figures, relations)
    values = {name: one.printed for name, one in figures.items()}
    verdicts = [claim.check(values) for claim in made]
    broken = {id(c): v.holds is False for c, v in zip(made, verdicts, strict=True)}
    tied: dict[str, list[Claim]] = defaultdict(list)
    for claim in made:
        for name in claim.figures:
            tied[name].append(claim)
    found = []
    for claim, verdict in zip(made, verdicts, strict=True):
        power = claim.power(values) if verdict.holds is not None else None
        nearest = claim.nearest(values) if verdict.holds is False else ()
        better = simplest(claim, nearest, values, tied, broken, figures) if verdict.holds is False else ()
        found.append(Statement(claim.rule, claim.severity, claim.figures, verdict, power, nearest, better))

    def position(one: Statement) -> tuple[float, ...]:
        if one.verdict.holds is False:
            return (0, _ORDER[one.severity])
        return (1 if one.verdict.holds else 2, -(one.power or 0))

    found.sort(key=position)
    return Audit(figures, found, tuple(unread))
