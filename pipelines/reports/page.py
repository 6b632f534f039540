"""The status page: one self-contained HTML file, no network needed."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from pipelines.reports.document.names import folder_part
from pipelines.reports.grid import make_grid, rates
from pipelines.reports.status import Cell, StatusReport
from pipelines.words import count_text, percent, words_of

__all__ = ["render_page", "trend_svg", "write_pages"]

_FONT = "system-ui, 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"


def trend_svg(report: StatusReport, language: str) -> str:
    """The login, study and pass rates by day as SVG; told apart by dash as well as by colour."""
    import altair as alt  # 0.7 s to import; only charts need it

    w = words_of("status", language)
    names = {"login": w["login"], "study": w["study"], "passed": w["pass"]}
    shown = [p for p in report.trend if p.on <= report.as_of and p.cell.participating]
    data = [
        {"on": p.on.isoformat(), "rate": float(percent(getattr(p.cell, key), p.cell.participating)), "series": label}
        for p in shown
        for key, label in names.items()
    ]
    order = list(names.values())
    chart = (
        alt.Chart(alt.Data(values=data))  # type: ignore[no-untyped-call]
        .mark_line(strokeWidth=2.5)
        .encode(
            x=alt.X("on:T", title=w["date"], axis=alt.Axis(format="%Y-%m-%d", labelAngle=0, tickCount=6)),
            y=alt.Y("rate:Q", title=w["rate"], scale=alt.Scale(domain=[0, 100])),
            color=alt.Color(
                "series:N",
                sort=order,
                title=None,
                scale=alt.Scale(domain=order, range=["#3b6fb6", "#d17f1e", "#2d8a57"]),
            ),
            strokeDash=alt.StrokeDash(
                "series:N", sort=order, title=None, scale=alt.Scale(domain=order, range=[[1, 0], [7, 3], [2, 2]])
            ),
        )
        .properties(width=760, height=260, background="transparent")
        .configure(font=_FONT)
        .configure_legend(orient="top", labelFontSize=13, symbolSize=400)
        .configure_axis(labelFontSize=12, titleFontSize=12)
    )
    import vl_convert  # half a second to import; only pages need it

    svg: str = vl_convert.vegalite_to_svg(chart.to_json())
    return svg


def _shade(cell: Cell | None) -> int:
    """0…4: how dark a cell of the grid is, by its pass rate."""
    if cell is None or cell.participating == 0:
        return 0
    return min(4, cell.passed * 5 // cell.participating)


def render_page(report: StatusReport, language: str, other_file: str) -> str:
    """The page as HTML; ``other_file`` is the page in the other language."""
    w = words_of("status", language)
    last = report.total
    first = next((p.on for p in report.trend if p.cell.participating), report.as_of)
    described = w["trend_text"].format(
        first=first, last=report.as_of, login=percent(last.login, last.participating),
        study=percent(last.study, last.participating), passed=percent(last.passed, last.participating),
    )  # fmt: skip
    env = Environment(
        loader=PackageLoader("pipelines.reports"), autoescape=select_autoescape(["html", "j2"]), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    env.filters |= {"count": count_text}
    env.globals |= {"percent": percent, "rates": rates, "shade": _shade}
    return env.get_template("status.html.j2").render(
        r=report,
        w=w,
        language=language,
        title=report.label_zh if language == "zh" else report.label_en,
        grid=make_grid(report, language),
        svg=trend_svg(report, language),
        described=described,
        other_file=other_file,
    )


def write_pages(reports: dict[str, StatusReport], folder: Path) -> dict[str, Path]:
    """Write the page in each language; the files by language."""
    folder.mkdir(parents=True, exist_ok=True)
    programme = folder_part(next(iter(reports.values())).programme_id)
    names = {code: f"status-{programme}.{code}.html" for code in reports}
    for code, report in reports.items():
        other = next(n for c, n in names.items() if c != code)
        fresh = folder / f".{names[code]}"
        fresh.write_text(render_page(report, code, other), encoding="utf-8")
        fresh.replace(folder / names[code])
    return {code: folder / name for code, name in names.items()}
