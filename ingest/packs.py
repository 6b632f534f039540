"""Reads programme packs: ``programme.toml`` and CSV files, checked against their columns."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa

from warehouse.errors import BadConfiguration

__all__ = ["REFERENCE_COLUMNS", "Pack", "find_packs", "load_pack", "reference_tables"]

#: Columns of each reference file; the warehouse gets exactly these, as text.
REFERENCE_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "counties": ("county_id", "label_zh", "label_en", "city_id"),
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
        "activity",
        "measure",
        "operator",
        "threshold",
        "definition_zh",
        "definition_en",
    ),
}
_SETTINGS = ("programme_id", "label_zh", "label_en", "timezone", "starts_on", "ends_on", "report_on")


@dataclass(frozen=True, slots=True)
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

    def table(self, name: str) -> list[dict[str, str]]:
        """Rows of any CSV file of the pack, also one that is no reference table."""
        return self.tables[name] if name in self.tables else _rows(self.path / f"{name}.csv", None)


def _rows(path: Path, columns: tuple[str, ...] | None) -> list[dict[str, str]]:
    if not path.is_file():
        raise BadConfiguration(f"{path.parent.name}/{path.name} is missing from the pack")
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [c for c in columns or () if c not in (reader.fieldnames or ())]
        if missing:
            raise BadConfiguration(f"{path.parent.name}/{path.name}: no column {', '.join(missing)}")
        return [dict(row) for row in reader]


def _check_thresholds(pack: str, tables: Mapping[str, list[dict[str, str]]]) -> None:
    """Refuse what somebody without any activity would meet: the warehouse starts everybody at "not met"."""
    needed = [("assessment_rules", "stage_pass_points", ">=", row) for row in tables["assessment_rules"]]
    needed += [("indicators", "threshold", row["operator"], row) for row in tables["indicators"] if row["activity"]]
    for name, column, operator, row in needed:
        try:
            value = Decimal(row[column])
        except InvalidOperation as error:
            raise BadConfiguration(f"{pack}/{name}.csv: {column} {row[column]!r} is no number") from error
        if operator not in (">", ">="):
            raise BadConfiguration(f"{pack}/{name}.csv: operator {operator!r}; expected > or >=")
        if value < 0 or (operator == ">=" and value == 0):
            raise BadConfiguration(f"{pack}/{name}.csv: {column} {value} would be met without any activity")


def load_pack(path: Path) -> Pack:
    """The pack in the folder ``path``.

    Raises:
        BadConfiguration: a file, a column or a setting is missing or malformed.
    """
    settings_path = path / "programme.toml"
    try:
        settings = tomllib.loads(settings_path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadConfiguration(f"{path.name}/programme.toml cannot be read: {error}") from error
    missing = [name for name in _SETTINGS if name not in settings]
    if missing:
        raise BadConfiguration(f"{path.name}/programme.toml: no setting {', '.join(missing)}")
    try:
        ZoneInfo(settings["timezone"])
    except (KeyError, ValueError, OSError) as error:
        raise BadConfiguration(f"{path.name}/programme.toml: no time zone {settings['timezone']!r}") from error
    tables = {name: _rows(path / f"{name}.csv", columns) for name, columns in REFERENCE_COLUMNS.items()}
    _check_thresholds(path.name, tables)
    digest = sha256()
    for file in sorted(path.glob("*.toml")) + sorted(path.glob("*.csv")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return Pack(
        **{name: settings[name] for name in _SETTINGS},
        assignment_pass_grade=float(settings.get("assignment_pass_grade", 60)),
        passing_results=tuple(settings.get("passing_results", ())),
        labels=settings.get("labels", {}),
        tables=tables,
        path=path,
        digest=digest.hexdigest(),
    )


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


def reference_tables(packs: Mapping[str, Pack]) -> dict[str, pa.Table]:
    """The packs' tables for the warehouse: text columns as in the files, with programme_id first."""
    tables = {
        name: _table(
            ("programme_id", *columns),
            [{"programme_id": pack.programme_id, **row} for pack in packs.values() for row in pack.tables[name]],
        )
        for name, columns in REFERENCE_COLUMNS.items()
    }
    ordered = list(packs.values())
    tables["programmes"] = pa.table(
        {
            "programme_id": pa.array([p.programme_id for p in ordered], pa.string()),
            "label_zh": pa.array([p.label_zh for p in ordered], pa.string()),
            "label_en": pa.array([p.label_en for p in ordered], pa.string()),
            "timezone": pa.array([p.timezone for p in ordered], pa.string()),
            "starts_on": pa.array([p.starts_on for p in ordered], pa.date32()),
            "ends_on": pa.array([p.ends_on for p in ordered], pa.date32()),
            "report_on": pa.array([p.report_on for p in ordered], pa.date32()),
            "assignment_pass_grade": pa.array(
                [Decimal(str(p.assignment_pass_grade)) for p in ordered], pa.decimal128(9, 3)
            ),
            "passing_results": pa.array(["|".join(p.passing_results) for p in ordered], pa.string()),
        }
    )
    return tables


def _table(columns: tuple[str, ...], rows: list[dict[str, str]]) -> pa.Table:
    return pa.table({c: pa.array([row.get(c) for row in rows], pa.string()) for c in columns})
