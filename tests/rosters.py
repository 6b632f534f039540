"""Workbooks as county offices send them: invented people, usual faults, and what each row has to come to.

What is expected stands beside each row where it is made, in plain words: nothing here asks the product.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path

import xlsxwriter

__all__ = ["COUNTIES", "FAULTS", "Office", "Teacher"]

COUNTIES = {"shizhi": ("天水市市直", 1195), "qinzhou": ("秦州区", 3277), "wushan": ("武山县", 2511)}
_SUBJECTS = {"chinese": "语文", "mathematics": "数学", "english": "英语", "physics": "物理"}
_STAGES = {"primary": "小学", "junior": "初中", "senior": "高中"}
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红梅建国志文海燕雪峰"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
#: Faults that a row may have, and what it comes to: "new" is taken all the same.
FAULTS = {
    "full_width_digits": "new",
    "spaces_in_name": "new",
    "unseen_signs": "new",
    "small_x": "new",
    "fifteen_digits": "new",
    "phone_as_number": "new",
    "phone_with_country": "new",
    "two_phones": "new",
    "landline": "new",
    "school_with_city": "new",
    "subject_with_stage": "new",
    "phone_lost": "new",
    "shared_phone": "new",
    "id_as_number": "set_aside",
    "id_scientific": "set_aside",
    "wrong_id": "set_aside",
    "no_name": "set_aside",
    "unknown_county": "set_aside",
    "unknown_subject": "set_aside",
    "no_identity": "set_aside",
    "again": "twice",
    "elsewhere": "unclear",
}


@dataclass(frozen=True)
class Teacher:
    """Somebody who takes part."""

    number: int
    name: str
    id_number: str
    phone: str
    county: str
    school: str
    stage: str
    subject: str
    klass: str


def id_number(number: int) -> str:
    """A valid Chinese id number of nobody."""
    # None ends with 000, as numbers do that have lost their last digits.
    sequence = number % 1000 + (number % 100 == 0)
    body = f"620502{1965 + number % 30}{1 + number % 12:02d}{1 + number % 28:02d}{sequence:03d}"
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, _WEIGHTS, strict=True)) % 11]


@dataclass
class Line:
    """A row to be written: its cells by column, and what it comes to."""

    teacher: Teacher
    cells: dict[str, str | float]
    fault: str = ""
    change: str = "new"


@dataclass
class Office:
    """The people of a programme and the workbooks about them."""

    seed: int = 1
    share: float = 1.0
    teachers: list[Teacher] = field(default_factory=list)
    #: By sheet and row, what a row of the last workbook has to come to.
    expected: dict[tuple[str, int], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = random.Random(self.seed)
        for county, (_, size) in COUNTIES.items():
            for _ in range(round(size * self.share)):
                self.teachers.append(self.teacher(len(self.teachers), county, rng))

    @staticmethod
    def teacher(number: int, county: str, rng: random.Random) -> Teacher:
        stage = rng.choice(list(_STAGES))
        school = f"{rng.choice('东南西北')}{rng.choice('关岭川塬坪')}{rng.choice('太京玉泉皂郊')}{_STAGES[stage] if stage == 'primary' else '中学'}"
        label = COUNTIES[county][0].removeprefix("天水市")[:2]
        return Teacher(
            number, rng.choice(_SURNAMES) + "".join(rng.sample(_GIVEN, 2)), id_number(number), f"13{number + 100_000_000}",
            county, school, stage, rng.choice(list(_SUBJECTS)), f"{label}{1 + hash_of(school) % 9}班",
        )  # fmt: skip

    def lines(self, faults: int) -> list[Line]:
        """A line for each teacher, so many of each fault among them; the lines of a person twice are over and above."""
        rng = random.Random(self.seed + 1)
        lines = [Line(t, _cells(t)) for t in self.teachers]
        marked = rng.sample(range(1, len(lines)), faults * len(FAULTS))
        more = []
        for place, fault in zip(marked, [f for f in FAULTS for _ in range(faults)], strict=True):
            line = lines[place]
            line.fault, line.change = fault, FAULTS[fault]
            if fault in ("again", "elsewhere"):
                other = replace(line, cells=dict(line.cells))
                if fault == "elsewhere":
                    other.cells["学科"] = "语文" if line.teacher.subject != "chinese" else "数学"
                else:
                    line.change = "new"
                more.append(other)
            else:
                _spoil(line, lines[0])
        return lines + more

    def write(self, file: Path, lines: list[Line], titled: str = "2017年10月10日", column: str = "") -> None:
        """A workbook with a sheet a county, and note what each row has to come to."""
        self.expected = {}
        by_county: dict[str, list[Line]] = defaultdict(list)
        for line in lines:
            by_county[line.teacher.county].append(line)
        with xlsxwriter.Workbook(str(file)) as book:
            hidden = book.add_worksheet("字典")
            hidden.write_row(0, 0, ["姓名", "手机号"])
            hidden.write_row(1, 0, ["不可见", "13900000000"])
            hidden.hide()
            for n, (county, its) in enumerate(by_county.items()):
                sheet = book.add_worksheet(COUNTIES[county][0])
                if n == 0:
                    sheet.activate()
                    sheet.set_first_sheet()
                self._sheet(sheet, COUNTIES[county][0], its, titled)

    def _sheet(self, sheet: xlsxwriter.worksheet.Worksheet, label: str, lines: list[Line], titled: str) -> None:
        sheet.merge_range(0, 0, 0, 9, f"天水市2017年教师培训学员花名册（{label}）")
        sheet.merge_range(1, 0, 1, 9, f"填报单位：{label}教育局    填报日期：{titled}")
        for column, text in enumerate(("序号", "区县", "姓名", "身份证号码")):
            sheet.merge_range(2, column, 3, column, text)
        sheet.merge_range(2, 4, 2, 5, "联系方式")
        sheet.merge_range(2, 6, 2, 8, "任教情况")
        sheet.write_row(3, 4, ["手机号（必填）", "QQ", "学校名称", "任教学段", "任教学科"])
        sheet.merge_range(2, 9, 3, 9, "研修班级")
        row = 4
        for n, line in enumerate(lines):
            if n == 40:
                # Printed pages name the columns again; then a row is left blank.
                sheet.write_row(
                    row,
                    0,
                    [
                        "序号",
                        "区县",
                        "姓名",
                        "身份证号码",
                        "手机号",
                        "QQ",
                        "学校名称",
                        "任教学段",
                        "任教学科",
                        "研修班级",
                    ],
                )
                row += 2
            sheet.write(row, 0, n + 1)
            for column, name in enumerate(
                ("区县", "姓名", "身份证号", "手机号", "", "学校", "学段", "学科", "班级"), start=1
            ):
                value = line.cells.get(name, "")
                if name == "区县" and n in (0, 1, 2):
                    continue  # merged below
                if isinstance(value, float):
                    sheet.write_number(row, column, value)
                elif value:
                    sheet.write_string(row, column, value)
            self.expected[label, row + 1] = line.change
            row += 1
        sheet.merge_range(4, 1, 6, 1, lines[0].cells["区县"])
        sheet.write_row(row, 0, ["合计", "", f"{len(lines)}人"])
        sheet.write(row + 1, 0, "填表人：某某    审核人：某某")


def hash_of(text: str) -> int:
    """A number of a text that is the same in every process."""
    return sum(ord(c) * (n + 1) for n, c in enumerate(text))


def _cells(t: Teacher) -> dict[str, str | float]:
    return {
        "区县": COUNTIES[t.county][0], "姓名": t.name, "身份证号": t.id_number, "手机号": t.phone, "学校": t.school,
        "学段": _STAGES[t.stage], "学科": _SUBJECTS[t.subject], "班级": t.klass,
    }  # fmt: skip


def _wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if c.isascii() else c for c in text)


def _spoil(line: Line, first: Line) -> None:
    """Put the line's fault into its cells."""
    t, cells = line.teacher, line.cells
    spoilt: dict[str, dict[str, str | float]] = {
        "full_width_digits": {"身份证号": _wide(t.id_number), "手机号": _wide(t.phone)},
        "spaces_in_name": {"姓名": f"{t.name[0]}　{t.name[1:]} ", "身份证号": f" {t.id_number[:6]} {t.id_number[6:14]} {t.id_number[14:]}"},
        "unseen_signs": {"学校": f"\u200b{t.school}\xa0", "姓名": f"{t.name}\ufeff"},
        "small_x": {"身份证号": t.id_number.lower()},
        "fifteen_digits": {"身份证号": t.id_number[:6] + t.id_number[8:17]},
        "phone_as_number": {"手机号": float(t.phone)},
        "phone_with_country": {"手机号": f"+86 {t.phone[:3]}-{t.phone[3:7]}-{t.phone[7:]}"},
        "two_phones": {"手机号": f"0938-8212345 / {t.phone}"},
        "landline": {"手机号": "0938-8212345"},
        "school_with_city": {"学校": f"天水市{COUNTIES[t.county][0].removeprefix('天水市') if t.county != 'shizhi' else ''}{t.school}"},
        "subject_with_stage": {"学科": f"{_STAGES[t.stage]}{_SUBJECTS[t.subject]}"},
        "phone_lost": {"手机号": "1.38001E+10"},
        "shared_phone": {"手机号": first.teacher.phone},
        "id_as_number": {"身份证号": float(t.id_number.replace("X", "1"))},
        "id_scientific": {"身份证号": "6.20502E+17"},
        "wrong_id": {"身份证号": f"{t.id_number[:16]}{(int(t.id_number[16]) + 1) % 10}{t.id_number[17]}"},
        "no_name": {"姓名": ""},
        "unknown_county": {"区县": "秦安县"},
        "unknown_subject": {"学科": "舞蹈"},
        "no_identity": {"身份证号": "", "手机号": ""},
    }  # fmt: skip
    cells |= spoilt[line.fault]
