"""The bulletin's charts as SVG, by Altair: told apart by dash and label as well as by colour."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from pipelines.reports.bulletin.model import TrendPoint
from pipelines.words import percent

if TYPE_CHECKING:
    import altair as alt

__all__ = ["configured", "county_trends_svg", "funnel_svg", "lines_svg", "pace_svg", "svg_of"]

_FONT = "Noto Sans CJK SC, Noto Sans SC, PingFang SC, Microsoft YaHei, sans-serif"
_COLOURS = ["#2b5c9e", "#c06a11", "#23794a", "#8a3a86"]
_DASHES = [[1, 0], [7, 3], [2, 2], [9, 3, 2, 3]]


def svg_of(chart: alt.TopLevelMixin) -> str:
    """A chart as SVG."""
    import vl_convert  # half a second to import

    # Not validated: what is drawn is fixed here, and looking it through costs as long as drawing it.
    svg: str = vl_convert.vegalite_to_svg(chart.to_json(validate=False))
    return svg


def configured(chart: alt.TopLevelMixin) -> alt.TopLevelMixin:
    """With the reports' fonts and legends."""
    found: alt.TopLevelMixin = (
        chart.configure(font=_FONT, background="white")
        .configure_legend(orient="top", labelFontSize=12, symbolSize=300, title=None, labelLimit=400)
        .configure_axis(labelFontSize=11, titleFontSize=11)
        .configure_header(labelFontSize=12, labelFontWeight="bold")
    )
    return found


def _days(data: str, ticks: int) -> alt.Axis:
    """An axis of dates; over more than a year it says which year."""
    import altair as alt  # 0.7 s to import; only charts need it

    days = [date.fromisoformat(row["on"]) for row in json.loads(data)]
    is_long = bool(days) and (max(days) - min(days)).days > 366
    return alt.Axis(format="%Y-%m" if is_long else "%m-%d", labelAngle=0, tickCount=ticks)


def _percent(point: TrendPoint) -> float:
    return float(percent(point.share.numerator or 0, point.share.denominator or 1))


def _series(labels: Sequence[str]) -> dict[str, object]:
    import altair as alt  # 0.7 s to import; only charts need it

    many = len(labels)
    return {
        "color": alt.Color("series:N", sort=list(labels), scale=alt.Scale(domain=list(labels), range=(_COLOURS * many)[:many])),
        "strokeDash": alt.StrokeDash("series:N", sort=list(labels), scale=alt.Scale(domain=list(labels), range=(_DASHES * many)[:many])),
    }  # fmt: skip


def pace_svg(
    points: Sequence[TrendPoint], pace: Sequence[tuple[date, Decimal]], *, actual: str, needed: str, axis: str
) -> str:
    """One indicator by day, and the line that the pace asks for."""
    data = [{"on": p.on.isoformat(), "rate": _percent(p), "series": actual} for p in points] + [
        {"on": on.isoformat(), "rate": float(ratio * 100), "series": needed} for on, ratio in pace
    ]
    return _lines(json.dumps(data), (actual, needed), axis)


def lines_svg(points: Sequence[TrendPoint], indicators: Mapping[str, str], *, axis: str) -> str:
    """Several indicators by day, one line each; ``indicators`` are their labels."""
    data = [
        {"on": p.on.isoformat(), "rate": _percent(p), "series": indicators[p.indicator]}
        for p in points
        if p.indicator in indicators
    ]
    return _lines(json.dumps(data), tuple(indicators.values()), axis)


# Editions of a bulletin share their charts: a county's public one has those of its restricted one.
@lru_cache(maxsize=64)
def _lines(data: str, series: tuple[str, ...], axis: str) -> str:
    import altair as alt  # 0.7 s to import; only charts need it

    chart = (
        alt.Chart(alt.Data(values=json.loads(data)))  # type: ignore[no-untyped-call]
        .mark_line(strokeWidth=2.5)
        .encode(
            x=alt.X("on:T", title=None, axis=_days(data, 8)),
            y=alt.Y("rate:Q", title=axis, scale=alt.Scale(domain=[0, 100])),
            **_series(series),
        )
        .properties(width=720, height=220)
    )
    return svg_of(configured(chart))


def county_trends_svg(
    points: Sequence[TrendPoint], labels: Mapping[str, str], indicators: Mapping[str, str], *, axis: str
) -> str:
    """A small chart for each county, one line an indicator."""
    data = [
        {
            "on": p.on.isoformat(),
            "rate": _percent(p),
            "series": indicators[p.indicator],
            "county": labels[p.county_id or ""],
        }
        for p in points
        if p.county_id in labels and p.indicator in indicators
    ]
    return _facets(json.dumps(data), tuple(labels.values()), tuple(indicators.values()), axis)


@lru_cache(maxsize=64)
def _facets(data: str, counties: tuple[str, ...], series: tuple[str, ...], axis: str) -> str:
    import altair as alt  # 0.7 s to import; only charts need it

    chart = (
        alt.Chart(alt.Data(values=json.loads(data)))  # type: ignore[no-untyped-call]
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X("on:T", title=None, axis=_days(data, 4)),
            y=alt.Y("rate:Q", title=axis, scale=alt.Scale(domain=[0, 100])),
            facet=alt.Facet("county:N", columns=3, sort=list(counties), title=None),
            **_series(series),
        )
        .properties(width=205 if len(counties) > 1 else 640, height=120)
    )
    return svg_of(configured(chart))


def funnel_svg(steps: Sequence[tuple[str, int]]) -> str:
    """How many remain from step to step, as bars with their counts."""
    import altair as alt  # 0.7 s to import; only charts need it

    data = [{"step": label, "count": n, "text": f"{n:,}", "place": i} for i, (label, n) in enumerate(steps)]
    base = alt.Chart(alt.Data(values=data)).encode(  # type: ignore[no-untyped-call]
        y=alt.Y(
            "step:N", sort=[label for label, _ in steps], title=None, axis=alt.Axis(labelFontSize=12, labelLimit=220)
        ),
        x=alt.X(
            "count:Q",
            title=None,
            axis=None,
            scale=alt.Scale(domain=[0, max([n for _, n in steps], default=1) * 1.12 or 1]),
        ),
    )
    chart = (
        base.mark_bar(color="#2b5c9e", height=18)
        + base.mark_text(align="left", dx=5, fontSize=12).encode(text="text:N")
    ).properties(width=600, height=28 * len(steps))
    return svg_of(configured(chart))
