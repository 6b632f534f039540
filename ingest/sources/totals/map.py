"""The map of a table of totals: which platform's it is, whom a row is about, and which column is which activity's total."""

from __future__ import annotations

import json
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ingest.programmes import vocabulary
from ingest.sources.mapped.map import PLATFORM
from ingest.sources.roster.columns import field_named, plain
from ingest.sources.totals.values import UNITS
from warehouse.errors import BadConfiguration

__all__ = ["FIELDS", "TotalsMap", "guess_map", "read_map", "write_map"]

#: What a column may be beside a total. The first four say who; a name only beside a school, or to check the others.
FIELDS = ("account", "id_number", "phone", "name", "school", "date", "course")
#: Activities that are no sums, and why.
_NO_SUM = {
    "result_passed": "a result is one decision and no sum; import it as result.recorded",
    "diagnostic": "a diagnosis says a tier and is no sum",
    "practice_awarded": "its points count and not how often they were awarded; tell practice_points",
    "award": "an award is one of a kind, and a total does not say which",
}
_DATES = frozenset({"截止日期", "统计日期", "统计时间", "截止时间", "数据日期", "日期", "date", "asof", "asofdate"})
_COURSES = frozenset({"课程", "课程名称", "课程编号", "课程id", "course", "courseid", "coursename"})
#: Names of columns, as ``plain`` writes them without what stands in brackets, and the activity and unit that they usually are.
_TOTALS = {
    "学习时长": "video", "视频时长": "video", "观看时长": "video", "视频学习时长": "video", "课程学习时长": "video", "累计学习时长": "video",
    "在线时长": "video", "学习时间": "video", "watchtime": "video", "studytime": "video", "阅读时长": "text", "文本时长": "text",
    "登录次数": "session", "登陆次数": "session", "登录数": "session", "logins": "session", "sessions": "session",
    "发帖数": "post", "发帖": "post", "主题帖数": "post", "帖子数": "post", "posts": "post", "有效发帖": "effective_post",
    "有效发帖数": "effective_post", "有效帖数": "effective_post", "effectiveposts": "effective_post",
    "日志数": "journal", "研修日志数": "journal", "日志": "journal", "journals": "journal", "作业数": "assignment_submitted",
    "提交作业数": "assignment_submitted", "作业提交数": "assignment_submitted", "assignments": "assignment_submitted",
    "互评数": "peer_review", "作业互评数": "peer_review", "peerreviews": "peer_review", "资源数": "resource", "分享资源数": "resource",
    "上传资源数": "resource", "资源分享数": "resource", "resources": "resource", "选课数": "course_selected", "courses": "course_selected",
    "点击数": "content", "点击次数": "content", "浏览次数": "content", "clicks": "content", "views": "content",
    "合格作业数": "assignment_passed", "作业合格数": "assignment_passed", "成绩": "weighted_grade", "总分": "weighted_grade",
    "作业成绩": "weighted_grade", "score": "weighted_grade", "grade": "weighted_grade",
}  # fmt: skip
#: Names that say the unit as well.
_UNITS_TOLD = {
    "minutes": "minutes",
    "minutesstudied": "minutes",
    "学习分钟数": "minutes",
    "hours": "hours",
    "hoursstudied": "hours",
    "学习小时数": "hours",
}
_UNIT_WORDS = (("分钟", "minutes"), ("小时", "hours"), ("秒", "seconds"), ("min", "minutes"), ("hour", "hours"), ("sec", "seconds"), ("hh:mm:ss", "HH:MM:SS"), ("时:分:秒", "HH:MM:SS"))  # fmt: skip
_USUAL_UNIT = {"seconds": "minutes", "points": "points", "percent": "score"}
_BRACKETS = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]|【([^【】]*)】")


@dataclass(frozen=True, slots=True)
class TotalsMap:
    """What a map says.

    Attributes:
        platform: a name by which totals of one platform follow one another.
        columns: the field that each column is, by its header.
        totals: the activity and the unit of each column that is a total, by its header.
        home_page: the platform's address: its accounts are then those of its statements, its log and a roster with the same home page.
    """

    platform: str
    columns: Mapping[str, str]
    totals: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    home_page: str = ""


def read_map(text: str, file: str) -> TotalsMap:
    """The map in a TOML file.

    Raises:
        BadConfiguration: it is no TOML, lacks what a map needs, or has something that means nothing; the message says which.
    """
    try:
        said = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise BadConfiguration(f"{file} is no TOML: {error}") from None
    tables = {name: said.get(name, {}) for name in ("columns", "totals", "account")}
    unknown = said.keys() - {"platform", *tables}
    if unknown:
        raise BadConfiguration(
            f"{file}: {min(unknown)} means nothing; there are platform, [columns], [totals], [account]"
        )
    for name, table in tables.items():
        if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
            raise BadConfiguration(f"{file}: [{name}] is a table of texts")
    if not PLATFORM.fullmatch(str(said.get("platform", ""))):
        raise BadConfiguration(
            f'{file}: platform is a name of small letters, digits and _, such as platform = "yanxiu"'
        )
    columns = {header: meant for header, meant in tables["columns"].items() if meant}
    for header, meant in columns.items():
        if meant not in FIELDS:
            raise BadConfiguration(f"{file}, columns: {header!r} is {meant!r}; expected one of {', '.join(FIELDS)}")
    fields = list(columns.values())
    for meant in fields:
        if fields.count(meant) > 1:
            raise BadConfiguration(f"{file}, columns: two are {meant!r}")
    if not {"account", "id_number", "phone"} & set(fields) and not {"name", "school"} <= set(fields):
        raise BadConfiguration(f"{file}, columns: one has to be account, id_number or phone, or two name and school")
    totals = {header: _total(header, meant, file) for header, meant in tables["totals"].items() if meant}
    if not totals:
        raise BadConfiguration(
            f'{file}: [totals] is missing; it says what each total is, such as "学习时长" = "video minutes"'
        )
    both = {plain(header) for header in columns} & {plain(header) for header in totals}
    if both:
        raise BadConfiguration(f"{file}: {min(both)!r} stands in [columns] and in [totals]")
    return TotalsMap(str(said["platform"]), columns, totals, str(tables["account"].get("home_page", "")).rstrip("/"))


def _total(header: str, meant: str, file: str) -> tuple[str, str]:
    activity, _, unit = meant.partition(" ")
    known = vocabulary.total_activities()
    if activity in _NO_SUM:
        raise BadConfiguration(f"{file}, totals: {header!r}: {activity} has no total: {_NO_SUM[activity]}")
    if activity not in known:
        raise BadConfiguration(
            f"{file}, totals: {header!r}: {activity!r} is unknown; expected one of {', '.join(known)}"
        )
    units = [name for name, (kinds, _) in UNITS.items() if known[activity] in kinds]
    if unit not in units:
        raise BadConfiguration(
            f'{file}, totals: {header!r}: the unit of {activity} is one of {", ".join(units)}, such as "{activity} {units[0]}"'
        )
    return activity, unit


def guess_map(headers: Iterable[str]) -> tuple[TotalsMap, list[str]]:
    """A first map of some columns by their usual names, and the columns that have none; the platform is for its reader to name."""
    columns: dict[str, str] = {}
    totals: dict[str, tuple[str, str]] = {}
    unknown = []
    for header in dict.fromkeys(filter(None, headers)):
        meant = _field(header)
        if meant is not None and meant not in columns.values():
            columns[header] = meant
        elif (total := _guessed_total(header)) is not None:
            totals[header] = total
        else:
            unknown.append(header)
    return TotalsMap("", columns, totals), unknown


def _field(header: str) -> str | None:
    name = plain(_BRACKETS.sub("", unicodedata.normalize("NFKC", header)))
    if name in _DATES:
        return "date"
    if name in _COURSES:
        return "course"
    meant = field_named(header)
    return meant if meant in FIELDS else None


def _guessed_total(header: str) -> tuple[str, str] | None:
    written = unicodedata.normalize("NFKC", header)
    name = plain(_BRACKETS.sub("", written))
    if name in _UNITS_TOLD:
        return "video", _UNITS_TOLD[name]
    activity = _TOTALS.get(name)
    if activity is None:
        return None
    kind = vocabulary.total_activities()[activity]
    inside = " ".join(part for found in _BRACKETS.findall(written) for part in found).casefold()
    unit = next(
        (u for word, u in _UNIT_WORDS if word in inside and kind in UNITS[u][0]), _USUAL_UNIT.get(kind, "count")
    )
    return activity, unit


def write_map(found: TotalsMap, unknown: Iterable[str]) -> str:
    """The text of a map for somebody to correct; columns that nothing is known of stand in it empty."""
    lines = [
        "# 平台名称（小写字母、数字、下划线）。\n# The platform's name: small letters, digits and _.\n",
        f"platform = {_quoted(found.platform)}\n\n",
        "# 平台地址：与名册、该平台记录中的账号对应。\n# The platform's address, as the roster's map has it: the accounts are then the same people.\n",
        f"[account]\nhome_page = {_quoted(found.home_page)}\n\n",
        f"# 各列的含义；留空表示不用。\n# What each column is; an empty one is not used: {', '.join(FIELDS)}\n",
        "[columns]\n",
        *(f"{_quoted(header)} = {_quoted(meant)}\n" for header, meant in found.columns.items()),
        *(f'{_quoted(header)} = ""\n' for header in unknown),
        "\n# 累计数列 = 活动与单位；单位请核对。\n# A column of totals = its activity and unit; look at the units.\n",
        f"# {', '.join(vocabulary.total_activities())}\n# {', '.join(UNITS)}\n",
        "[totals]\n",
        *(f"{_quoted(header)} = {_quoted(' '.join(meant))}\n" for header, meant in found.totals.items()),
    ]
    return "".join(lines)


def _quoted(text: str) -> str:
    # A JSON string is a TOML string, but for the sign that TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
