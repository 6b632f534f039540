"""The survey report's words in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["WORDS"]

WORDS: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "public": "公开版", "restricted": "内部版（含自由作答，请勿外传）", "what": "问卷分析", "answered": "{n}份答卷", "summary": "概况",
        "respondents": "答卷", "asked": "应答", "rate": "答卷率", "rows": "读入行数", "left_out": "未采用", "items": "题目", "levels": "等级",
        "census": "应答者全部作答，不作区间估计。", "sampled": "区间为{confidence}%置信区间；各等级占比为同时区间（{method}，{k}个等级）{fpc}。",
        "fpc": "，并按有限总体（{asked}人）校正", "item": "题目", "n": "作答", "top_two": "前两级（%）", "mean": "均值", "median": "中位级",
        "picture": "各题分布", "axis": "占作答者的百分比", "bars": "条形以中线分开，左为不满意一侧，右为满意一侧；中间等级单列在右。",
        "described": "{item}：{shares}", "shares": "各题各级占比", "scale": "量表信度", "alpha": "克朗巴赫α", "omega": "麦克唐纳ω", "whole": "全答者",
        "without": "去掉该题后的α", "item_rest": "与其余题之和的相关", "reversed": "（反向题）", "value": "值", "interval": "区间",
        "groups": "组间差异", "group": "分组", "sizes": "各组人数", "means": "各组均值", "h": "H", "p": "p", "adjusted": "校正后p", "effect": "ε²",
        "groups_note": "克鲁斯卡尔—沃利斯检验，按霍尔姆法对全部比较校正；ε²为效应量（0.01小，0.08中，0.26大）。人数少于{n}的组不参与比较。",
        "group_means": "各组各题均值", "no_groups": "没有可比较的分组。", "correlation": "题间相关", "correlation_note": "斯皮尔曼等级相关。",
        "quality": "答卷质量", "straight": "各题答得完全一样的", "alike": "答案与他人完全相同的（不含前者）", "complete": "答完全部题目的",
        "problems": "未采用的单元格和行", "where": "位置", "row": "第{row}行 {column}", "cell": "内容", "why": "原因", "none": "没有。",
        "texts": "自由作答", "texts_counted": "{name}：{n}人作答。", "quoted": "作答", "withheld": "答卷少于{n}份，不予公布。",
        "nonresponse": "答卷者与未答卷者", "kind": "比较项", "of_respondents": "答卷者", "of_others": "未答卷者", "difference": "差",
        "strata": "按{name}加权后的占比", "raw": "未加权（%）", "weighted": "加权后（%）", "design": "设计效应", "minutes": "学习时间（分钟，均值）",
        "posts": "发帖（均值）", "passed": "合格（%）", "behaviour": "满意度与学习行为", "measure": "行为", "rho": "斯皮尔曼ρ", "level": "等级",
        "behaviour_note": "各题平均得分与行为的等级相关；相关不等于因果。", "response": "答卷率", "participants": "参训", "methods": "方法",
        "simulated": "本报告的学员为模拟数据。", "unused": "表单未用到的列：{names}", "merged": "其他（合并）", "more": "仅列出{shown}行，共{all}行；其余见工作簿。",
        "m_shares": "占比", "m_shares_text": "分母为该题作答者；不适用和漏答不计。", "m_interval": "区间",
        "m_interval_text": "占比用Wilson（1927）得分区间，对各等级作Bonferroni校正；均值用t分布；中位级用次序统计量。",
        "m_reliability": "信度", "m_reliability_text": "α：Cronbach（1951）；ω：McDonald（1999），单因子。区间为500次自助法的百分位数。",
        "m_groups": "分组", "m_groups_text": "人数少于{n}的组合并为“其他”，合并后仍不足的不予公布。",
    },
    "en": {
        "public": "Public edition", "restricted": "Restricted edition (with free text; do not pass on)", "what": "Survey analysis",
        "answered": "{n} respondents", "summary": "At a glance", "respondents": "Respondents", "asked": "Asked", "rate": "Response rate",
        "rows": "Rows read", "left_out": "Left out", "items": "Items", "levels": "Levels",
        "census": "Everybody who was asked answered: nothing is estimated.",
        "sampled": "Intervals are {confidence} % confidence intervals; those of the levels hold together ({method}, {k} levels){fpc}.",
        "fpc": ", corrected for the finite population of {asked}", "item": "Item", "n": "Answered", "top_two": "Top two (%)", "mean": "Mean", "median": "Median level",
        "picture": "How each item was answered", "axis": "percent of those who answered",
        "bars": "Bars part at the centre: against on the left, for on the right; the neutral level stands apart on the right.",
        "described": "{item}: {shares}", "shares": "Shares of the levels", "scale": "Reliability of the scale", "alpha": "Cronbach's α", "omega": "McDonald's ω",
        "whole": "Answered all items", "without": "α without the item", "item_rest": "Correlation with the rest", "reversed": " (reversed)", "value": "Value", "interval": "Interval",
        "groups": "Differences between groups", "group": "Group", "sizes": "Sizes", "means": "Means", "h": "H", "p": "p", "adjusted": "p, adjusted", "effect": "ε²",
        "groups_note": "Kruskal–Wallis tests, adjusted by Holm's method for all comparisons; ε² is the effect size (0.01 small, 0.08 medium, 0.26 large). Groups of fewer than {n} are not compared.",
        "group_means": "Means by group", "no_groups": "There are no groups to compare.", "correlation": "Correlations of the items", "correlation_note": "Spearman's rank correlations.",
        "quality": "Quality of the answers", "straight": "Answered every item alike", "alike": "Same answers as somebody else (without those)", "complete": "Answered all items",
        "problems": "Cells and rows that were not taken", "where": "Where", "row": "row {row}, {column}", "cell": "Content", "why": "Why", "none": "None.",
        "texts": "Free text", "texts_counted": "{name}: {n} wrote something.", "quoted": "Text", "withheld": "Fewer than {n} answered: nothing is published.",
        "nonresponse": "Respondents and the others", "kind": "What", "of_respondents": "Respondents", "of_others": "The others", "difference": "Difference",
        "strata": "Shares weighted by {name}", "raw": "Unweighted (%)", "weighted": "Weighted (%)", "design": "Design effect", "minutes": "Minutes of study (mean)",
        "posts": "Posts (mean)", "passed": "Passed (%)", "behaviour": "Satisfaction and what learners did", "measure": "What they did", "rho": "Spearman's ρ", "level": "Level",
        "behaviour_note": "Rank correlation of the mean over all items with what learners did; it is no cause.", "response": "Response rate", "participants": "Participating",
        "methods": "Methods", "simulated": "The learners of this report are simulated.", "unused": "Columns that the form does not use: {names}", "merged": "Others (merged)",
        "more": "{shown} of {all} rows; the workbook has them all.",
        "m_shares": "Shares", "m_shares_text": "of those who answered the item; not applicable and left out do not count.", "m_interval": "Intervals",
        "m_interval_text": "of shares: Wilson's score intervals (1927), with Bonferroni's correction for the levels; of means: Student's t; of medians: order statistics.",
        "m_reliability": "Reliability", "m_reliability_text": "α: Cronbach (1951); ω: McDonald (1999), of one factor. Intervals are percentiles of 500 bootstrap samples.",
        "m_groups": "Groups", "m_groups_text": "of fewer than {n} are merged into others, and withheld where those are too few together.",
    },
}  # fmt: skip
