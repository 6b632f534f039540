"""What was inferred from a programme's answers, as a table that SQL reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pipelines.survey.analysis import Analysis
from pipelines.survey.statistics import Estimate

__all__ = ["estimates"]


def estimates(analysis: Analysis) -> Iterator[dict[str, Any]]:
    """What an analysis of a programme's answers estimates and tests, one row each, as the report prints it.

    Raises:
        ValueError: the answers are nobody's that the programme knows.
    """
    people, form = analysis.people, analysis.answers.form
    if people is None:
        raise ValueError("estimates of a programme need those who take part in it")
    about = {
        "programme_id": people.programme_id,
        "as_of_on": people.as_of,
        "form_id": form.form_id,
        "confidence": analysis.confidence,
    }
    items = [item.item_id for item in form.items]
    codes = [level.code for level in form.levels]
    n = analysis.answers.respondents

    def row(statistic: str, count: int, found: Estimate | float | None, **more: Any) -> dict[str, Any]:
        one = found if isinstance(found, Estimate) else Estimate(found)
        return {
            **about, "statistic": statistic, "respondent_count": count, "estimate": one.value, "low": one.low, "high": one.high, **more
        }  # fmt: skip

    for item_id, item in zip(items, analysis.items, strict=True):
        for code, share in zip(codes, item.shares, strict=True):
            yield row("share", item.answered, share, item_id=item_id, level=code)
        if len(codes) > 2:
            yield row("top_two_share", item.answered, item.top_two, item_id=item_id)
        yield row("mean", item.answered, item.mean, item_id=item_id)
        yield row("median", item.answered, item.median, item_id=item_id)
    for breakdown, weighted in analysis.weighted.items():
        for item_id, item, found in zip(items, analysis.items, weighted, strict=True):
            if found is None:
                continue
            for code, share in zip(codes, found.shares, strict=True):
                yield row("weighted_share", item.answered, share, item_id=item_id, level=code, breakdown=breakdown)
            yield row("design_effect", item.answered, found.design, item_id=item_id, breakdown=breakdown)
    for breakdown, groups in analysis.by_group.items():
        for group_id, group in groups.items():
            for item_id, counts, mean in zip(items, group.counts, group.means, strict=True):
                yield row(
                    "group_mean", int(counts.sum()), mean, item_id=item_id, breakdown=breakdown, group_id=group_id or None
                )  # fmt: skip
    for d in analysis.differences:
        tested = {"item_id": items[d.item], "breakdown": d.group}
        yield row("kruskal_wallis", sum(d.sizes), d.statistic, p_value=d.p, adjusted_p_value=d.adjusted, **tested)
        yield row("epsilon_squared", sum(d.sizes), d.effect, **tested)
    for b in analysis.beside_others:
        yield row("mean_of_respondents", n, b.respondents, measure=b.measure)
        yield row("mean_of_others", len(people.keys) - n, b.others, measure=b.measure)
        yield row("standardised_difference", n, b.standardised, measure=b.measure)
    for a in analysis.behaviour:
        yield row(
            "behaviour_correlation", a.respondents, a.rho, measure=a.measure, p_value=a.p, adjusted_p_value=a.adjusted
        )
    scale = analysis.reliability
    if scale is not None:
        yield row("alpha", scale.respondents, scale.alpha)
        yield row("omega", scale.respondents, scale.omega)
        for item_id, without, rest in zip(items, scale.alpha_without, scale.item_rest, strict=True):
            yield row("alpha_without_item", scale.respondents, without, item_id=item_id)
            yield row("item_rest_correlation", scale.respondents, rest, item_id=item_id)
    for i, one in enumerate(items):
        for j in range(i + 1, len(items)):
            rho = float(analysis.correlations[i, j])
            if not np.isnan(rho):
                yield row("item_correlation", n, rho, item_id=one, other_item_id=items[j])
