"""The words of the evaluation report; slots are what events cannot know, filled in from a pack's ``narrative.csv``."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.reports.bulletin.model import Label

__all__ = ["FIGURES", "SLOTS", "WORDS"]

#: Slots by the section that they stand in.
SLOTS: Mapping[str, Label] = {
    "budget": Label("经费", "Budget"),
    "goals": Label("目标", "Goals"),
    "methods": Label("培训内容与方式", "Content and methods"),
    "plan": Label("实施方案", "Plan of implementation"),
    "management": Label("四级管理", "Management at four levels"),
    "platform": Label("研修平台", "Platform"),
    "teams": Label("团队建设", "Building the teams"),
    "contests": Label("评比活动", "Contests"),
    "offline": Label("线下集中研修", "Offline sessions"),
    "counties": Label("与区县及示范校的协作", "Work with counties and demonstration schools"),
    "words": Label("学员感言", "Learners' words"),
    "experience": Label("典型经验", "Typical experience"),
    "innovations": Label("创新", "Innovations"),
    "problems": Label("问题", "Problems"),
    "directions": Label("下一步方向", "Next directions"),
}

#: Labels of the computed figures; those of indicators, roles and stages come from elsewhere.
FIGURES: Mapping[str, Label] = {
    "called_up": Label("总调训人数", "Called up"),
    "participating": Label("参训人数", "Participating"),
    "logged_in": Label("登录人数", "Logged in"),
    "studied": Label("学习人数", "Studied"),
    "passed": Label("合格人数", "Passed"),
    "school_based_count": Label("参与校本研修人数", "Took part at school"),
    "outcomes": Label("提交成果", "Outcomes submitted"),
    "awarded": Label("获奖学员", "Learners awarded"),
    "staff_awarded": Label("获奖教师团队成员", "Tutors and experts awarded"),
    "counties": Label("区县", "Counties"),
    "schools": Label("学校", "Schools"),
    "classes": Label("班级", "Classes"),
    "subjects": Label("学科", "Subjects"),
    "study_hours": Label("学习小时合计", "Hours of study, all learners"),
    "journals": Label("研修日志", "Journals"),
    "assignments": Label("提交作业", "Assignments submitted"),
    "peer_reviews": Label("作业互评", "Peer reviews"),
    "interactions": Label("互动（发帖、回帖及评论）", "Posts, replies and comments"),
    "effective_posts": Label("有效帖", "Effective posts"),
    "resources": Label("生成性资源", "Resources shared"),
    "featured_journals": Label("优秀研修日志", "Journals featured"),
    "featured_assignments": Label("优秀作业", "Assignments featured"),
    "tutors": Label("辅导教师", "Tutors"),
    "experts": Label("专家", "Experts"),
    "managers": Label("管理员", "Managers"),
    "tutors_logged_in": Label("登录的辅导教师", "Tutors who logged in"),
    "topics": Label("课程专题", "Course topics"),
    "hours": Label("课程学时", "Class-hours of courses"),
    "bulletins": Label("学情通报", "Learning-status bulletins"),
    "respondents": Label("答卷", "Survey respondents"),
    "reminders": Label("提醒", "Reminders sent"),
}

WORDS: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "what": "自评报告", "slot_empty": "（由项目办公室填写；事件中没有此项信息）", "computed": "除标明由办公室填写的段落外，所有数字均由事件算出；“出处”一列指向文末可重算的方法。",
        "overview": "一、项目概览", "phases": "二、目标与阶段", "content": "三、培训内容与方式", "results": "四、主要成果", "carried_out": "五、混合式培训的实施",
        "school_based": "六、校本与线下实践", "counties": "七、各{county}情况", "survey": "八、满意度调查", "reflection": "九、反思与展望",
        "published": "十、已印发报告与重算结果对照", "contradictions": "十一、已印发报告自相矛盾之处", "traces": "十二、出处",
        "item": "项目", "value": "数值", "trace": "出处", "from": "起", "to": "止", "phase": "阶段", "category": "类别", "topics": "专题", "hours": "学时",
        "all": "合计", "rules": "考核规则", "stage": "阶段", "component": "考核项", "target": "目标", "points": "分值", "scoring": "计分",
        "pass_at": "{stage}满分{max}分，{least}分合格", "linear": "按比例", "all_or_nothing": "达到即满分", "awarded": "人工评分", "awarded_if_approved": "审核通过后评分",
        "external_result": "外部结果", "weighted_assessments": "加权成绩", "online": "网络研修", "stage_school_based": "校本研修",
        "number": "期", "as_of": "数据截至", "issued": "印发", "title": "主题", "rates": "主要比率", "figure": "指标", "numerator": "分子", "denominator": "分母", "rate": "比率（%）",
        "survey_note": "占比为该题作答者的百分比，保留两位小数；前两级为前两个级别之和。", "answered": "作答", "top_two": "前两级（%）", "of_participating": "参训者中的答卷率",
        "printed": "印发值", "recomputed": "重算值", "verdict": "比较", "same": "一致", "differs": "不一致", "where": "位置", "cannot": "事件不能得知",
        "published_note": "印发值为原报告所印文字。", "no_published": "项目包中没有已印发的数字。", "rule": "规则", "which": "涉及", "why": "算式",
        "simplest": "最简单的更正", "no_contradictions": "未发现。",
        "awards": "表彰与提醒", "how": "如何重算", "stages": "按学段", "teams": "团队", "outputs": "学员产出", "simulated_note": "重算值来自按真实总数所作的模拟。",
    },
    "en": {
        "what": "Evaluation report", "slot_empty": "(for the programme office to fill in; no event tells it)",
        "computed": "All figures are computed from events, except in the paragraphs marked for the office; the column Trace leads to how each is computed again.",
        "overview": "1. Overview", "phases": "2. Goals and phases", "content": "3. Content and methods", "results": "4. Main results",
        "carried_out": "5. How the blended training was carried out", "school_based": "6. At school and offline", "counties": "7. By {county}",
        "survey": "8. Satisfaction survey", "reflection": "9. Reflection", "published": "10. The published report beside what is computed again",
        "contradictions": "11. Where the published report contradicts itself", "traces": "12. Traces",
        "item": "Item", "value": "Value", "trace": "Trace", "from": "From", "to": "To", "phase": "Phase", "category": "Category",
        "topics": "Topics", "hours": "Class-hours", "all": "All", "rules": "Rules of the assessment", "stage": "Stage", "component": "Component",
        "target": "Target", "points": "Points", "scoring": "Scoring", "pass_at": "{stage}: {max} points, passed from {least}",
        "linear": "in proportion", "all_or_nothing": "in full once reached", "awarded": "awarded by a person", "awarded_if_approved": "awarded and approved",
        "external_result": "an outside result", "weighted_assessments": "weighted grades", "online": "Online study", "stage_school_based": "School-based practice",
        "number": "No.", "as_of": "As of", "issued": "Issued", "title": "Subject", "rates": "Rates", "figure": "Indicator", "numerator": "Numerator",
        "denominator": "Denominator", "rate": "Rate (%)",
        "survey_note": "Shares are percentages of those who answered the item, to two decimals; top two adds the first two levels.", "answered": "Answered",
        "top_two": "Top two (%)", "of_participating": "Response rate of those participating",
        "printed": "Printed", "recomputed": "Computed", "verdict": "They are", "same": "equal", "differs": "differs", "where": "Where", "cannot": "no event tells it",
        "published_note": "Printed values are the text of the published report.", "no_published": "The pack has no published figures.", "rule": "Rule",
        "which": "About", "why": "Arithmetic", "simplest": "Simplest correction", "no_contradictions": "None was found.",
        "awards": "Awards and reminders", "how": "How it is computed again", "stages": "By school stage", "teams": "Teams", "outputs": "What learners made",
        "simulated_note": "What is computed comes from a simulation of the real totals.",
    },
}  # fmt: skip
