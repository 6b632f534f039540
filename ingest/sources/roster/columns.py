"""What the columns of a roster are, by their names in Chinese and English."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache

__all__ = ["FIELDS", "columns_of", "field_named", "plain"]

#: Field → names that it goes by, as :func:`plain` writes them.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "name": ("姓名", "名字", "name", "fullname"),
    "id_number": ("身份证号", "身份证", "身份证号码", "身份证件号", "身份证件号码", "证件号", "证件号码", "公民身份号码", "idnumber", "idcard", "idno"),
    "phone": (
        "手机号", "手机", "手机号码", "移动电话", "联系电话", "联系方式", "电话", "电话号码", "phone", "mobile", "phonenumber", "mobilephone", "telephone",
    ),
    "mail": ("邮箱", "电子邮箱", "电子邮件", "email", "mail"),
    "account": ("账号", "帐号", "用户名", "登录名", "登录账号", "登录帐号", "平台账号", "平台帐号", "研修账号", "学号", "account", "username", "login", "useraccount"),
    "city": ("市", "市州", "地市", "城市", "city"),
    "county": ("区县", "县区", "县", "区", "县市区", "市县区", "county", "district"),
    "school": ("学校", "单位", "工作单位", "校名", "school", "organization", "organisation"),
    "school_stage": ("学段", "学段学部", "stage", "schoolstage", "level"),
    "subject": ("学科", "科目", "subject"),
    "class": ("班级", "班", "班次", "研修班", "class", "classname", "group"),
    "gender": ("性别", "gender", "sex"),
    "since": ("变动日期", "异动日期", "生效日期", "调动日期", "变动时间", "changedate", "since", "effectivedate"),
    "status": ("状态", "变动情况", "异动情况", "变动类型", "异动类型", "status", "change"),
}  # fmt: skip
FIELDS = tuple(_NAMES)
_FIELD = {name: field for field, names in _NAMES.items() for name in names}
#: Columns of what somebody teaches, not of what they take part in.
_NOT_MEANT = frozenset({"任教班级", "执教班级", "所教班级", "任课班级"})
#: What stands before and after the name of a column and says nothing more.
_BEFORE = re.compile(
    r"^(?:参训|参加|培训|研修|学员|教师|老师|本人|个人|所在|所属|任职|任教|执教|现任教|现|主要|申报|报名|有效|the|your|teacher|learner|student|school(?=district))+"
)
_AFTER = re.compile(r"(?:名称|全称|必填|选填)+$")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】")
_UNSEEN = re.compile(r"[\s\u200b-\u200f\u202a-\u202e\u2060\ufeff]+")
_MARKS = re.compile(r"[^\w]|_")


@lru_cache(4096)
def plain(text: str) -> str:
    """A text by which one is compared with others: full-width signs as usual ones, small letters, no spaces and marks."""
    return _MARKS.sub("", _UNSEEN.sub("", unicodedata.normalize("NFKC", text)).casefold())


def field_named(name: str) -> str | None:
    """The field that a column of this name has; None of an unknown one."""
    written = unicodedata.normalize("NFKC", name)
    without = plain(_BRACKETS.sub("", written))
    if without in _NOT_MEANT:
        return None
    for text in (plain(name), without, _AFTER.sub("", without)):
        for candidate in (text, _BEFORE.sub("", text)):
            if candidate in _FIELD:
                return _FIELD[candidate]
    return None


def columns_of(names: Sequence[str], told: Mapping[str, str]) -> dict[str, int]:
    """The column of each field; of two columns of one field the first.

    Args:
        told: field by a column's name as the mapping file has it; an empty field leaves the column out.
    """
    told_plainly = {plain(name): field for name, field in told.items()}
    found: dict[str, int] = {}
    for by_file in (True, False):
        for place, name in enumerate(names):
            key = plain(name)
            if (key in told_plainly) is by_file and key:
                field = told_plainly[key] if by_file else field_named(name)
                if field and field not in found:
                    found[field] = place
    return found
