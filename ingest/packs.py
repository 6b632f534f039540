"""Reads programme packs: ``programme.toml`` and CSV files, checked against their columns."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

from ingest.pack_checks import Problem, Row, check_settings, check_tables
from warehouse.errors import BadConfiguration

__all__ = ["REFERENCE_COLUMNS", "Pack", "check_pack", "find_packs", "load_pack", "new_pack", "read_pack"]

#: Columns of each reference file; the warehouse gets exactly these, as text.
REFERENCE_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "counties": ("county_id", "label_zh", "label_en", "city_id", "province_id"),
    "subjects": ("subject_id", "label_zh", "label_en"),
    "school_stages": ("school_stage", "label_zh", "label_en"),
    "phases": ("phase", "label_zh", "label_en", "starts_on", "ends_on"),
    "courses": ("course_id", "label_zh", "label_en", "category_id", "category_zh", "category_en", "hours"),
    "assessment_rules": (
        "stage",
        "stage_max_points",
        "stage_pass_points",
        "component",
        "label_zh",
        "label_en",
        "max_points",
        "activity",
        "measure",
        "unit",
        "unit_size",
        "target",
        "scoring",
    ),
    "indicators": (
        "indicator",
        "label_zh",
        "label_en",
        "denominator",
        "activity",
        "measure",
        "operator",
        "threshold",
        "definition_zh",
        "definition_en",
    ),
    "excellence": (
        "award",
        "label_zh",
        "label_en",
        "who",
        "requires",
        "quota_count",
        "quota_pct",
        "order_by",
        "definition_zh",
        "definition_en",
    ),
    "bulletins": ("number", "issued_on", "as_of_on", "focus", "label_zh", "label_en"),
    "targets": ("indicator", "from_on", "to_on", "target_pct"),
    "warnings": (
        "warning",
        "level",
        "kind",
        "threshold",
        "from_on",
        "to_on",
        "label_zh",
        "label_en",
        "definition_zh",
        "definition_en",
    ),
    "actions": ("action", "when", "minimum_count", "owner_zh", "owner_en", "days", "text_zh", "text_en"),
    "reminders": (
        "rule_id",
        "warning",
        "channel",
        "quiet_days",
        "quota_count",
        "daily_quota_count",
        "text_zh",
        "text_en",
    ),
    "survey_items": ("form_id", "item_id", "label_zh", "label_en", "is_reversed"),
    "survey_levels": ("form_id", "level", "label_zh", "label_en", "score", "is_neutral"),
}
#: Columns that a file may lack: its cells are empty then.
_MAY_LACK: Mapping[str, frozenset[str]] = {
    "survey_items": frozenset({"is_reversed"}),
    "survey_levels": frozenset({"score", "is_neutral"}),
}
#: Files that a pack may lack: there are no rows then. Packs that were loaded before there were such files have none.
_OPTIONAL = frozenset({"bulletins", "targets", "warnings", "actions", "reminders", "survey_items", "survey_levels"})
_SETTINGS = ("programme_id", "label_zh", "label_en", "timezone", "starts_on", "ends_on", "report_on")
_MORE_SETTINGS = ("assignment_pass_grade", "passing_results", "labels")


@dataclass(frozen=True, slots=True, repr=False)
class Pack:
    """One programme's settings and reference tables (rows of text, by file)."""

    programme_id: str
    label_zh: str
    label_en: str
    timezone: str
    starts_on: date
    ends_on: date
    report_on: date
    assignment_pass_grade: float
    passing_results: tuple[str, ...]
    labels: Mapping[str, str]
    tables: Mapping[str, list[dict[str, str]]]
    path: Path
    digest: str
    files: Mapping[str, bytes]

    def __repr__(self) -> str:
        return f"<Pack {self.programme_id} {self.digest[:12]}>"

    @property
    def definition(self) -> dict[str, str]:
        """The text of the files that say what the programme's figures mean, by name."""
        names = (
            "programme.toml",
            *(f"{name}.csv" for name in REFERENCE_COLUMNS if f"{name}.csv" in self.files or name not in _OPTIONAL),
        )
        return {name: self.files[name].decode("utf-8-sig") for name in names}

    def table(self, name: str) -> list[dict[str, str]]:
        """Rows of any CSV file of the pack, also one that is no reference table."""
        if name in self.tables:
            return self.tables[name]
        problems: list[Problem] = []
        rows = _rows(self.files, f"{name}.csv", None, problems)
        _refuse(self.path.name, problems)
        return [dict(row.values) for row in rows]


def _files(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (*sorted(path.glob("*.toml")), *sorted(path.glob("*.csv")))}


def _rows(files: Mapping[str, bytes], file: str, columns: tuple[str, ...] | None, problems: list[Problem]) -> list[Row]:
    """The rows of a file; what is wrong with its form is added to ``problems``."""
    if file not in files:
        if file.removesuffix(".csv") in _OPTIONAL:
            return []
        problems.append(Problem(file, "missing from the pack"))
        return []
    try:
        text = files[file].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problems.append(Problem(file, f"not UTF-8 at byte {error.start}; save it as CSV UTF-8"))
        return []
    reader = csv.DictReader(io.StringIO(text, newline=""))
    header = list(reader.fieldnames or ())
    lacking: dict[str, str] = {}
    if columns is not None:
        may_lack = _MAY_LACK.get(file.removesuffix(".csv"), frozenset())
        lacking = {c: "" for c in columns if c not in header and c in may_lack}
        problems += [
            Problem(file, "no such column in the file", 1, c) for c in columns if c not in header and c not in lacking
        ]
        problems += [Problem(file, "unknown column", 1, c) for c in header if c not in columns]
    rows = []
    for row in reader:
        if None in row or None in row.values():
            problems.append(Problem(file, f"not the {len(header)} cells of the header", reader.line_num))
        else:
            rows.append(Row(reader.line_num, row | lacking))
    return rows


def _refuse(pack: str, problems: Sequence[Problem]) -> None:
    if problems:
        count = f"{len(problems)} error" + ("s" if len(problems) > 1 else "")
        raise BadConfiguration(
            f"the pack {pack} has {count}; nothing of it is loaded:\n" + "\n".join(f"  {p}" for p in problems)
        )


def check_pack(path: Path) -> list[Problem]:
    """Everything that is wrong with the pack in the folder ``path``."""
    return _read(_files(path))[2]


def _read(files: Mapping[str, bytes]) -> tuple[dict[str, Any], dict[str, list[Row]], list[Problem]]:
    problems: list[Problem] = []
    settings: dict[str, Any] = {}
    file = "programme.toml"
    try:
        settings = tomllib.loads(files[file].decode("utf-8-sig"))
    except KeyError:
        problems.append(Problem(file, "missing from the pack"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(Problem(file, f"cannot be read: {error}"))
    else:
        missing = [name for name in _SETTINGS if name not in settings]
        problems += [Problem(file, "no such setting in the file", column=name) for name in missing]
        unknown = [name for name in settings if name not in (*_SETTINGS, *_MORE_SETTINGS)]
        problems += [Problem(file, "unknown setting", column=name) for name in unknown]
        if not missing:
            problems += check_settings(settings)
    malformed: list[Problem] = []
    tables = {name: _rows(files, f"{name}.csv", columns, malformed) for name, columns in REFERENCE_COLUMNS.items()}
    return settings, tables, [*problems, *(malformed or check_tables(tables))]


def load_pack(path: Path) -> Pack:
    """The pack in the folder ``path``.

    Raises:
        BadConfiguration: something is wrong with it; the message lists everything, with file, row and column.
    """
    return read_pack(_files(path), path)


def read_pack(files: Mapping[str, bytes], path: Path) -> Pack:
    """The pack that ``files`` (bytes by file name) are; ``path`` says where they come from.

    Raises:
        BadConfiguration: as :func:`load_pack`.
    """
    settings, tables, problems = _read(files)
    _refuse(path.name, problems)
    digest = sha256()
    for name, content in files.items():
        digest.update(name.encode() + b"\0" + content + b"\0")
    return Pack(
        **{name: settings[name] for name in _SETTINGS},
        assignment_pass_grade=float(settings.get("assignment_pass_grade", 60)),
        passing_results=tuple(settings.get("passing_results", ())),
        labels=settings.get("labels", {}),
        tables={name: [dict(row.values) for row in rows] for name, rows in tables.items()},
        path=path,
        digest=digest.hexdigest(),
        files=files,
    )


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
    (path / "programme.toml").write_text(settings, encoding="utf-8")
    for name, columns in REFERENCE_COLUMNS.items():
        lines = [",".join(columns), *_NEW_ROWS.get(name, ())]
        # With its mark, so that a spreadsheet reads the Chinese right.
        (path / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return path


def find_packs(extra: Path | None = None) -> dict[str, Pack]:
    """Every pack that ships, and those in the folder ``extra``, by programme id.

    Raises:
        BadConfiguration: a pack is malformed, or two have the same id.
    """
    shipped = Path(str(resources.files("programmes")))
    packs: dict[str, Pack] = {}
    for root in [shipped, *([extra] if extra else [])]:
        if not root.is_dir():
            raise BadConfiguration(f"there is no folder of programme packs at {root}")
        for folder in sorted(p.parent for p in root.glob("*/programme.toml")):
            pack = load_pack(folder)
            if pack.programme_id in packs:
                raise BadConfiguration(
                    f"two packs are called {pack.programme_id}: {folder} and {packs[pack.programme_id].path}"
                )
            packs[pack.programme_id] = pack
    return packs
