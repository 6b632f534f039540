"""The words of briefings and packs beside those of bulletins."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["BRIEFING_WORDS"]

BRIEFING_WORDS: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "class": "班级简报：{name}", "subject": "学科简报：{name}", "county": "{county}数据包：{name}", "staff": "辅导教师与专家工作情况",
        "title": "{programme} {what}", "when": "数据截至{as_of}；以{known}前收到的记录为准。",
        "since_week": "比{on}{change}个百分点", "no_change_week": "与{on}持平",
        "beside": "与所在范围比较", "scope": "范围", "this_class": "本班", "this_subject": "本学科", "whole": "全项目",
        "own_rank": "{name}在{ranked}个中列第{rank}{before}。", "own_rank_before": "（{on}列第{rank}）",
        "weeks": "逐周变化", "weeks_text": "{name}逐周的登录率、学习率、合格率，截至{on}。",
        "components": "各项得分", "component": "考核项", "mean_points": "人均得分", "max_points": "满分", "full": "得满分人数",
        "outputs": "研修产出", "output": "产出", "amount": "数量", "study_mean": "人均学习分钟", "posts": "发帖、回帖与评论",
        "effective_posts": "有效帖", "journals": "研修日志", "featured_all": "被评优的日志与作业", "assignments": "提交作业",
        "peer_reviews": "作业互评", "resources": "资源", "roster": "学员名单", "study_min": "学习分钟", "last_session": "最近登录",
        "tutors": "辅导教师工作", "experts": "专家工作", "managers": "管理员", "staff_key": "代号", "of_scope": "负责",
        "tutor": "辅导教师", "expert": "专家", "manager": "管理员", "announcement": "公告", "post": "发帖", "reply": "回帖",
        "briefing": "简报", "grading": "批改作业", "workshop_activity": "工作坊活动", "photo": "照片", "article": "文章",
        "qa_session": "答疑", "responded": "回应的帖", "response_h": "平均回应小时", "class_pass": "所辖合格率",
        "reminders": "提醒及成效", "rule": "提醒", "channel": "渠道", "sent": "已发", "reminded": "被提醒人次", "over": "满三天的",
        "came_back": "三天内回来学习的", "came_back_rate": "回来的比例", "sms": "短信", "wechat": "微信", "mail": "邮件",
        "reminders_note": "三天指发出后72小时内本人有任何学习活动；这里只说先后，不能说明是因提醒而来。",
        "classes_of": "各班级", "drill": "逐级明细", "drill_note": "{county}、学校、班级、学员四级，可用左侧的加号逐级展开。",
        "unit": "{county}／学校／班级／学员", "reported": "上报人数", "logged_in": "登录人数", "studied": "有效学习人数",
        "passed": "合格人数", "no_school": "未注明学校", "no_class": "未分班", "counties_of": "各{county}",
        "staff_all": "合计", "none": "无", "output_note": "按截至日期在训学员的全部活动累计。",
    },
    "en": {
        "class": "Class briefing: {name}", "subject": "Subject briefing: {name}", "county": "{county} data pack: {name}",
        "staff": "What tutors and experts did",
        "title": "{programme}. {what}", "when": "As of {as_of}; known by {known}.",
        "since_week": "{change} points since {on}", "no_change_week": "unchanged since {on}",
        "beside": "Beside what it belongs to", "scope": "Scope", "this_class": "This class", "this_subject": "This subject", "whole": "Whole programme",
        "own_rank": "{name} stands at {rank} of {ranked}{before}.", "own_rank_before": " ({on}: {rank})",
        "weeks": "Week by week", "weeks_text": "Login, study and pass rates of {name} by week until {on}.",
        "components": "Components of the score", "component": "Component", "mean_points": "Mean points", "max_points": "Of", "full": "In full",
        "outputs": "What learners did", "output": "What", "amount": "How much", "study_mean": "Minutes of study a learner",
        "posts": "Posts, replies and comments", "effective_posts": "Effective posts", "journals": "Journals",
        "featured_all": "Journals and assignments featured", "assignments": "Assignments submitted", "peer_reviews": "Peer reviews",
        "resources": "Resources", "roster": "Learners", "study_min": "Minutes", "last_session": "Last session",
        "tutors": "What tutors did", "experts": "What experts did", "managers": "Managers", "staff_key": "Key", "of_scope": "Of",
        "tutor": "Tutor", "expert": "Expert", "manager": "Manager", "announcement": "Announcements", "post": "Posts", "reply": "Replies",
        "briefing": "Briefings", "grading": "Gradings", "workshop_activity": "Activities", "photo": "Photos", "article": "Articles",
        "qa_session": "Q&A", "responded": "Posts answered", "response_h": "Hours to answer", "class_pass": "Pass rate",
        "reminders": "Reminders and what they came to", "rule": "Reminder", "channel": "Channel", "sent": "Sent", "reminded": "Enrolments",
        "over": "Three days over", "came_back": "Came back", "came_back_rate": "Share that came back", "sms": "SMS", "wechat": "WeChat", "mail": "mail",
        "reminders_note": "Came back: did something within 72 hours of the reminder. This says what came after what, not why.",
        "classes_of": "Classes", "drill": "Down to the learner",
        "drill_note": "{county}, school, class, learner: open a level with the plus signs on the left.",
        "unit": "{county} / school / class / learner", "reported": "Called up", "logged_in": "Logged in",
        "studied": "Studied", "passed": "Passed", "no_school": "No school told", "no_class": "No class", "counties_of": "By {county}",
        "staff_all": "All", "none": "None", "output_note": "Everything done until the date by those taking part on it.",
    },
}  # fmt: skip
