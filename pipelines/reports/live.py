"""The start page of the server: what arrived in the last minutes, live, for who has a key."""

from __future__ import annotations

from pipelines.reports.document.html import page_policy, render_template
from pipelines.words import LANGUAGES, words_of

__all__ = ["live_policy", "render_live"]


def render_live(language: str, *, has_site: bool) -> str:
    """The page, one HTML file in ``zh`` or ``en``; with a link to the reports where there are any."""
    w = words_of("live", language)
    return render_template(
        "live.html.j2", title=f"{w['title']} · 学情 Xueqing", language=language, other=next(x for x in LANGUAGES if x != language), w=w,
        said=words_of("live.said", language), has_site=has_site,
    )  # fmt: skip


def live_policy() -> str:
    """Its Content-Security-Policy."""
    return page_policy("live.js", may_ask=True)
