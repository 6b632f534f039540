"""Diverging bars of a survey's items: for on the right of the centre, against on its left, the neutral level apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.reports.bulletin.charts import configured, svg_of
from pipelines.words import clean_text

__all__ = ["Bar", "diverging_svg"]

#: From the far ends to the middle, dark to light: told apart in black and white by their darkness, and by their numbers.
_FOR = ["#1f4e8c", "#5d8fc7", "#a9c6e8", "#d4e3f4"]
_AGAINST = ["#9c4a0b", "#d48a45", "#eec094", "#f7e0ca"]
_NEUTRAL = "#9a9a9a"
#: Narrower parts carry no number.
_LABELLED = 6.0
#: Columns of a label, of which a Chinese character takes two.
_WIDEST = 44


@dataclass(frozen=True, slots=True)
class Bar:
    """A line of the chart: its label, how many answered, and the percentage at each level, the lowest first."""

    label: str
    answered: int
    shares: Sequence[float]


def diverging_svg(bars: Sequence[Bar], levels: Sequence[str], neutral: int | None, *, axis: str, counted: str) -> str:
    """The chart; the centre is the same for all lines, whatever they hold.

    Args:
        neutral: the index of the level that is neither for nor against.
        axis: what the horizontal axis shows.
        counted: how many answered, with ``{n}``.
    """
    import altair as alt  # 0.7 s to import; only charts need it

    # Where no level is neutral, the middle one of an odd number is drawn as for: it is not said to be undecided.
    middle = neutral if neutral is not None else len(levels) // 2 - 0.5
    against = [i for i in range(len(levels)) if i < middle]
    favour = [i for i in range(len(levels)) if i > middle]
    colours = {i: _AGAINST[min(n, 3)] for n, i in enumerate(against)}
    colours |= {i: _FOR[min(n, 3)] for n, i in enumerate(reversed(favour))}
    if neutral is not None:
        colours[neutral] = _NEUTRAL
    labels = [f"{_short(bar.label)}  {counted.format(n=f'{bar.answered:,}')}" for bar in bars]
    rows = []
    for label, bar in zip(labels, bars, strict=True):
        left = 0.0
        for i in reversed(against):
            rows.append(_part(label, levels[i], -left - bar.shares[i], -left, bar.shares[i]))
            left += bar.shares[i]
        right = 0.0
        for i in favour:
            rows.append(_part(label, levels[i], right, right + bar.shares[i], bar.shares[i]))
            right += bar.shares[i]
        if neutral is not None:
            rows.append(
                _part(label, levels[neutral], 0.0, bar.shares[neutral], bar.shares[neutral]) | {"panel": "neutral"}
            )
    scale = alt.Scale(domain=list(levels), range=[colours[i] for i in range(len(levels))])
    height = 24 * len(bars)

    def panel(kind: str, domain: list[int], width: int, *, named: bool) -> Any:
        data = alt.Data(values=[r for r in rows if r["panel"] == kind])  # type: ignore[no-untyped-call]
        place = alt.Y(
            "line:N", sort=labels, title=None,
            axis=alt.Axis(labelLimit=340, labelFontSize=12, ticks=False, domain=False) if named else None,
        )  # fmt: skip
        base = alt.Chart(data).encode(y=place)
        parts = base.mark_bar(height=18, stroke="white", strokeWidth=1).encode(
            x=alt.X(
                "from:Q", title=axis if named else levels[neutral or 0], scale=alt.Scale(domain=domain),
                axis=alt.Axis(labelExpr="abs(datum.value)", tickCount=5),
            ),
            x2="to:Q",
            color=alt.Color("level:N", scale=scale, sort=list(levels), title=None),
        )  # fmt: skip
        numbers = base.mark_text(fontSize=11).encode(
            x="middle:Q", text="text:N", color=alt.condition("datum.is_dark", alt.value("white"), alt.value("black"))
        )
        zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color="black").encode(x="zero:Q")  # type: ignore[no-untyped-call]
        return alt.layer(parts, numbers, zero).properties(width=width, height=height)

    for row in rows:
        row["is_dark"] = row["level"] in (levels[0], levels[-1])
    widest = max((sum(bar.shares[i] for i in against) for bar in bars), default=0.0)
    left_end = -min(100, 10 * (int(widest / 10) + 1)) if against else 0
    chart = panel("for", [left_end, 100], 470, named=True)
    if neutral is not None:
        most = max((bar.shares[neutral] for bar in bars), default=0.0)
        chart = alt.hconcat(
            chart, panel("neutral", [0, min(100, 10 * (int(most / 10) + 1))], 90, named=False), spacing=12
        )
    return svg_of(configured(chart))


def _short(text: str) -> str:
    """Short enough for the axis, which would cut it anywhere, also within a character."""
    kept, width = "", 0
    for character in clean_text(text):
        width += 2 if ord(character) > 0x2E80 else 1
        if width > _WIDEST:
            return kept + "…"
        kept += character
    return kept


def _part(line: str, level: str, start: float, end: float, share: float) -> dict[str, object]:
    return {
        "line": line, "level": level, "from": start, "to": end, "middle": (start + end) / 2, "panel": "for",
        "text": f"{share:.0f}" if share >= _LABELLED else "",
    }  # fmt: skip
