"""A pack to start from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from ingest.programmes.pack import SETTINGS_FILE
from ingest.programmes.rows import REFERENCE_COLUMNS
from warehouse.errors import BadConfiguration

__all__ = ["new_pack"]

_NEW_SETTINGS = """\
programme_id = {id}
label_zh = {id}
label_en = {id}
# Dates are local dates of this zone.
timezone = "Asia/Shanghai"
starts_on = {year}-03-01
ends_on = {year}-06-30
# The date of the closing report.
report_on = {year}-07-01
# An assignment's final grade passes from here on (of 100).
assignment_pass_grade = 60
# Whether a cmi5 unit's own passed or failed decides, whatever its score is; otherwise the grade does.
unit_mastery = false
# Outcomes of result.recorded that pass; none where the score decides.
passing_results = []

# How this programme calls its counties and subjects.
[labels]
county_zh = "区县"
county_en = "County"
subject_zh = "学科"
subject_en = "Subject"
"""
#: A rule that the score can do with, and the indicators that there are; the other files begin empty.
_NEW_ROWS: Mapping[str, tuple[str, ...]] = {
    "assessment_rules": ("online,100,60,study_time,学习时间,Study time,100,video|text,quantity,minutes,60,600,linear",),
    "indicators": (
        "login,登录率,Login rate,participating,session,event_count,>=,1,至少登录一次 ÷ 参训学员,at least one session ÷ participating",
        "study,学习率,Study rate,participating,video|text,quantity,>,0,有学习时间 ÷ 参训学员,study time above 0 ÷ participating",
        "pass,合格率,Pass rate,participating,,,,,合格 ÷ 参训学员,passed ÷ participating",
    ),
}


def new_pack(path: Path, programme_id: str) -> Path:
    """Write a pack to start from: every file with its header, one rule, the three rates.

    Raises:
        BadConfiguration: the folder is there already.
    """
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        raise BadConfiguration(f"{path} is there already; choose another folder") from None
    settings = _NEW_SETTINGS.format(id=json.dumps(programme_id, ensure_ascii=False), year=datetime.now(UTC).year)
    (path / SETTINGS_FILE).write_text(settings, encoding="utf-8")
    for name, columns in REFERENCE_COLUMNS.items():
        lines = [",".join(columns), *_NEW_ROWS.get(name, ())]
        # With its mark, so that a spreadsheet reads the Chinese right.
        (path / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return path
