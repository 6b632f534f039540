"""The start page of the server: what arrived in the last minutes, live, for who has a key."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.reports.document.html import render_template

__all__ = ["render_live"]

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "What arrives", "languages": "Languages", "other": "中文", "reports": "Reports", "metrics": "Metrics",
        "about": "Statements and events that this server has taken in the last quarter of an hour, by verb and source. A key shows"
        " its own programme; it is not kept beyond this page.",
        "key": "Key", "secret": "Secret", "show": "Show", "name": "Verb or event", "source": "Source", "minute": "Last minute",
        "quarter": "Last 15 minutes",
    },
    "zh": {
        "title": "实时到达", "languages": "语言", "other": "English", "reports": "报告", "metrics": "监控指标",
        "about": "本服务器最近十五分钟收到的语句与事件，按动词和来源统计。密钥只显示其所属项目；离开本页后不保留。",
        "key": "密钥编号", "secret": "密钥", "show": "查看", "name": "动词或事件", "source": "来源", "minute": "最近 1 分钟",
        "quarter": "最近 15 分钟",
    },
}  # fmt: skip
_SAID: Mapping[str, Mapping[str, str]] = {
    "en": {
        "locale": "en", "arrived": "{programme}: {n} in the last minute.", "nothing": "{programme}: nothing in the last quarter of an hour.",
        "refused": "There is no such key, or it has another secret.", "unreachable": "The server does not answer; trying again.",
    },
    "zh": {
        "locale": "zh-CN", "arrived": "{programme}：最近一分钟到达 {n} 条。", "nothing": "{programme}：最近十五分钟没有到达。",
        "refused": "没有该密钥，或密钥不符。", "unreachable": "服务器没有应答，正在重试。",
    },
}  # fmt: skip


def render_live(language: str, *, has_site: bool) -> str:
    """The page, one HTML file in ``zh`` or ``en``; with a link to the reports where there are any."""
    w = _WORDS[language]
    return render_template(
        "live.html.j2", title=f"{w['title']} · 学情 Xueqing", language=language, other="en" if language == "zh" else "zh", w=w,
        said=_SAID[language], has_site=has_site,
    )  # fmt: skip
