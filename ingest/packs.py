"""Reads programme packs: ``programme.toml`` and CSV files, checked against their columns."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

from warehouse.errors import BadConfiguration

__all__ = ["REFERENCE_COLUMNS", "Pack", "find_packs", "load_pack"]

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
    digest = sha256()
    for file in sorted(path.glob("*.toml")) + sorted(path.glob("*.csv")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return Pack(
        **{name: settings[name] for name in _SETTINGS},
        assignment_pass_grade=float(settings.get("assignment_pass_grade", 60)),
        passing_results=tuple(settings.get("passing_results", ())),
        labels=settings.get("labels", {}),
        tables={name: _rows(path / f"{name}.csv", columns) for name, columns in REFERENCE_COLUMNS.items()},
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
                raise BadConfiguration(f"two packs are called {pack.programme_id}: {folder} and {packs[pack.programme_id].path}")
            packs[pack.programme_id] = pack
    return packs
