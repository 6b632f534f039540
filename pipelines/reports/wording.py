"""The words of the status table and page, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["WORDS", "words"]

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "as_of": "as of",
        "simulated": "The learners are simulated: invented people, real totals.",
        "called_up": "Called up",
        "participating": "Participating",
        "login": "Logged in",
        "study": "Studied",
        "pass": "Passed",
        "of_participating": "of participating",
        "of_called_up": "of called up",
        "of_studied": "of those who studied",
        "county": "County",
        "subject": "Subject",
        "total": "All",
        "grid": "Login, study and pass rates (%)",
        "grid_pass": "Pass rate (%)",
        "enrolments": "Enrolments",
        "trend": "How the rates grew",
        "trend_text": "Line chart of the login, study and pass rates by day from {first} to {last}. On the last day {login} % had logged in, {study} % had studied and {passed} % had passed.",
        "notes": "Notes on the data",
        "not_met": "Not as expected: {claim}",
        "definitions": "Definitions",
        "date": "Date",
        "rate": "Rate (%)",
        "build": "Build",
        "other": "中文",
        "all_enrolments": "All rates count enrolments; divided only at the end and rounded half up.",
    },
    "zh": {
        "as_of": "截至",
        "simulated": "学员为模拟数据：人物虚构，总数真实。",
        "called_up": "总调训",
        "participating": "参训",
        "login": "登录",
        "study": "学习",
        "pass": "合格",
        "of_participating": "占参训",
        "of_called_up": "占总调训",
        "of_studied": "占已学习",
        "county": "区县",
        "subject": "学科",
        "total": "合计",
        "grid": "登录率、学习率、合格率（%）",
        "grid_pass": "合格率（%）",
        "enrolments": "参训人数",
        "trend": "各项比率的逐日变化",
        "trend_text": "折线图：{first} 至 {last} 逐日的登录率、学习率与合格率。末日登录率 {login}%，学习率 {study}%，合格率 {passed}%。",
        "notes": "数据质量说明",
        "not_met": "未达到预期：{claim}",
        "definitions": "指标定义",
        "date": "日期",
        "rate": "比率（%）",
        "build": "构建",
        "other": "English",
        "all_enrolments": "所有比率按注册人次计算；最后一步才相除，四舍五入。",
    },
}


def words(language: str) -> Mapping[str, str]:
    """The words of ``zh`` or ``en``; anything else gets English."""
    return WORDS.get(language, WORDS["en"])
