"""The audit's words in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.reports.bulletin.model import Label

__all__ = ["RULES", "SEVERITIES", "WORDS"]

#: What each rule asks for.
RULES: Mapping[str, Label] = {
    "grim": Label("占比须由整数得出（GRIM）", "a share comes from whole numbers (GRIM)"),
    "quotient": Label("占比等于分子除以分母", "a rate is numerator ÷ denominator"),
    "sum": Label("各部分合成整体", "the parts add up to the whole"),
    "relation": Label("应有的关系", "a relation that should hold"),
    "part": Label("部分不大于整体", "a part is not above its whole"),
    "range": Label("数值在其范围内", "a figure is in its range"),
    "same": Label("同一指标前后一致", "the same indicator is printed alike"),
    "vendors": Label("各来源报送一致", "the sources agree"),
    "ladder": Label("调训 ≥ 参训 ≥ 登录 ≥ 学习 ≥ 合格", "called up ≥ participating ≥ logged in ≥ studied ≥ passed"),
    "falls": Label("累计数不减少", "a running count does not fall"),
    "grim_mean": Label("均值须由整数得出（GRIM）", "a mean comes from whole numbers (GRIM)"),
    "grimmer": Label(
        "均值与标准差须由整数得出（GRIMMER）", "a mean and standard deviation come from whole numbers (GRIMMER)"
    ),
    "debit": Label("0/1数据的均值与标准差相符（DEBIT）", "mean and standard deviation of 0/1 data agree (DEBIT)"),
    "transposed": Label("相邻两位数字互换", "two neighbouring digits swapped"),
    "against": Label("与据事件重算的一致", "as computed from the events"),
}
SEVERITIES: Mapping[str, Label] = {
    "error": Label("不可能成立", "cannot be"),
    "warning": Label("存疑", "doubtful"),
    "notice": Label("提示", "to look at"),
}
WORDS: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "title": "数据审核", "subtitle": "{file} · {figures}个数据，{statements}项检查",
        "summary": "发现{errors}项不可能成立、{warnings}项存疑、{notices}项提示；{passed}项成立，{vague}项无法判定。",
        "findings": "发现的问题", "none": "没有发现问题。", "severity": "程度", "which": "数据", "rule": "规则", "why": "算式",
        "nearest": "可能的值", "correction": "最简单的更正", "power": "检出率",
        "corrected": "{figure}：{old} → {new}（{kind}）", "resolves": "，一并解决{n}项", "breaks": "，但会使{n}项不成立",
        "power_note": "检出率：以同样位数另印一个数时，这一检查会发现它不成立的比例。检出率低，说明通过检查并不能证明什么。",
        "passed": "成立的", "vague": "无法判定的", "unread": "未能读取的", "where": "位置", "reason": "原因",
        "row": "{file} 第{row}行 {column}", "strength": "力度", "strong": "强", "fair": "中", "weak": "弱", "nothing": "不说明问题",
        "figures": "审核的数据", "printed": "印为", "recomputed": "据事件重算", "difference": "差", "against": "与事件对照",
        "against_note": "重算的截止日期为{on}，据{programme}已入库的事件。", "verdict": "结论", "agrees": "一致", "differs": "不一致", "cannot": "无法重算",
        "simulated": "模拟数据",
    },
    "en": {
        "title": "Audit of printed figures", "subtitle": "{file} · {figures} figures, {statements} checks",
        "summary": "{errors} cannot be, {warnings} are doubtful, {notices} to look at; {passed} hold, of {vague} nothing can be told.",
        "findings": "Findings", "none": "None was found.", "severity": "Severity", "which": "Figures", "rule": "Rule", "why": "Arithmetic",
        "nearest": "Possible values", "correction": "Simplest correction", "power": "Power",
        "corrected": "{figure}: {old} → {new} ({kind})", "resolves": "; resolves {n} in all", "breaks": "; but {n} would not hold any more",
        "power_note": "Power: of other numbers printed with as many digits, the part that this check would find impossible. Where it is low, passing proves little.",
        "passed": "What holds", "vague": "What cannot be told", "unread": "What could not be read", "where": "Where", "reason": "Why",
        "row": "{file} row {row}, {column}", "strength": "Strength", "strong": "strong", "fair": "fair", "weak": "weak", "nothing": "says nothing",
        "figures": "The figures", "printed": "Printed", "recomputed": "From the events", "difference": "Difference", "against": "Against the events",
        "against_note": "Computed as of {on}, from the events of {programme}.", "verdict": "Verdict", "agrees": "agrees", "differs": "differs", "cannot": "cannot be computed",
        "simulated": "Simulated data",
    },
}  # fmt: skip
