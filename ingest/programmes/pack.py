"""A programme pack: ``programme.toml`` and CSV files, read from a folder or from the log, and checked."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from ingest.programmes.cells import Problem, Table, read_cells, typed
from ingest.programmes.checks import check_settings, check_tables
from ingest.programmes.rows import TABLES, Row
from warehouse.errors import BadConfiguration

__all__ = ["CALLED", "SETTINGS_FILE", "Pack", "check_pack", "load_pack", "pack_problems", "read_pack"]

SETTINGS_FILE = "programme.toml"
_SETTINGS = ("programme_id", "label_zh", "label_en", "timezone", "starts_on", "ends_on", "report_on")
_MORE_SETTINGS = ("assignment_pass_grade", "unit_mastery", "passing_results", "labels")
#: How a pack that does not say so calls its counties and subjects.
CALLED = {"county_zh": "区县", "county_en": "County", "subject_zh": "学科", "subject_en": "Subject"}
#: Files that a report prints and no model computes with: the words that events cannot know, and figures published by others.
_REPORT_FILES = ("narrative.csv", "published_figures.csv", "published_relations.csv", "published_survey.csv")
R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True, repr=False)
class Pack:
    """One programme's settings and reference tables (rows of text, by table; typed rows: :meth:`rows`)."""

    programme_id: str
    label_zh: str
    label_en: str
    timezone: str
    starts_on: date
    ends_on: date
    report_on: date
    assignment_pass_grade: float
    unit_mastery: bool
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
        needed = [f"{name}.csv" for name, kind in TABLES.items() if not kind.is_optional or f"{name}.csv" in self.files]
        return self._decoded((SETTINGS_FILE, *needed))

    @property
    def texts(self) -> dict[str, str]:
        """The text of the files that go into the log, by name: the definition, and the files that reports print.

        No other file of the folder goes there: it may be a list of people.
        """
        return self.definition | self._decoded([name for name in _REPORT_FILES if name in self.files])

    def _decoded(self, names: Sequence[str]) -> dict[str, str]:
        return {name: self.files[name].decode("utf-8-sig") for name in names}

    @property
    def called(self) -> Mapping[str, str]:
        """How the programme calls its counties and subjects, in both languages."""
        return {name: self.labels.get(name, usual) for name, usual in CALLED.items()}

    def rows(self, kind: type[R]) -> list[R]:
        """The rows of a reference table, typed."""
        name = next(name for name, known in TABLES.items() if known is kind)
        return typed(name, kind, list(enumerate(self.tables[name], start=2)), []).rows

    def table(self, name: str) -> list[dict[str, str]]:
        """Rows of any CSV file of the pack, also one that is no reference table."""
        if name in self.tables:
            return self.tables[name]
        problems: list[Problem] = []
        cells = read_cells(self.files, name, None, problems)
        _refuse(self.path.name, problems)
        return [row for _, row in cells]


def _files(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (*sorted(path.glob("*.toml")), *sorted(path.glob("*.csv")))}


def _refuse(pack: str, problems: Sequence[Problem]) -> None:
    if problems:
        count = f"{len(problems)} error" + ("s" if len(problems) > 1 else "")
        raise BadConfiguration(
            f"the pack {pack} has {count}; nothing of it is loaded:\n" + "\n".join(f"  {p}" for p in problems)
        )


def check_pack(path: Path) -> list[Problem]:
    """Everything that is wrong with the pack in the folder ``path``."""
    return _read(_files(path))[2]


def pack_problems(files: Mapping[str, object], programme_id: str) -> list[Problem]:
    """Everything that is wrong with the texts of a pack's files, by name, as definitions of a programme."""
    for name, text in files.items():
        if not isinstance(text, str):
            return [Problem(name, "expected the text of a file")]
    try:
        settings, _, problems = _read({name: str(text).encode() for name, text in files.items()})
    except (ValueError, RecursionError, csv.Error, OverflowError) as error:  # texts that are made to break a reader
        return [Problem(SETTINGS_FILE, f"the pack cannot be read ({type(error).__name__})")]
    if not problems and settings["programme_id"] != programme_id:
        problems = [Problem(SETTINGS_FILE, "the pack is another programme's", column="programme_id")]
    return problems


def _read(files: Mapping[str, bytes]) -> tuple[dict[str, Any], dict[str, Table[Any]], list[Problem]]:
    problems: list[Problem] = []
    settings: dict[str, Any] = {}
    try:
        settings = tomllib.loads(files[SETTINGS_FILE].decode("utf-8-sig"))
    except KeyError:
        problems.append(Problem(SETTINGS_FILE, "missing from the pack", is_vital=True))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(Problem(SETTINGS_FILE, f"cannot be read: {error}", is_vital=True))
    else:
        missing = [name for name in _SETTINGS if name not in settings]
        problems += [
            Problem(SETTINGS_FILE, "no such setting in the file", column=name, is_vital=True) for name in missing
        ]
        unknown = [name for name in settings if name not in (*_SETTINGS, *_MORE_SETTINGS)]
        problems += [Problem(SETTINGS_FILE, "unknown setting", column=name) for name in unknown]
        if not missing:
            problems += check_settings(settings)
    malformed: list[Problem] = []
    cells = {name: read_cells(files, name, kind, malformed) for name, kind in TABLES.items()}
    problems += malformed
    if any(problem.is_vital for problem in malformed):
        return settings, {}, problems
    tables = {name: typed(name, kind, cells[name], problems) for name, kind in TABLES.items()}
    return settings, tables, [*problems, *check_tables(tables)]


def load_pack(path: Path) -> Pack:
    """The pack in the folder ``path``.

    Raises:
        BadConfiguration: something is wrong with it; the message lists everything, with file, row and column.
    """
    return read_pack(_files(path), path)


def read_pack(files: Mapping[str, bytes], path: Path, *, was_checked: bool = False) -> Pack:
    """The pack that ``files`` (bytes by file name) are; ``path`` says where they come from.

    Args:
        was_checked: it was good when it was loaded: rules that came since are not held against it, only that its cells can be read.

    Raises:
        BadConfiguration: as :func:`load_pack`.
    """
    try:
        settings, tables, problems = _read(files)
    except (ValueError, RecursionError, csv.Error, OverflowError) as error:
        raise BadConfiguration(f"the pack {path.name} cannot be read ({type(error).__name__})") from error
    _refuse(path.name, [problem for problem in problems if problem.is_vital or not was_checked])
    digest = sha256()
    for name, content in files.items():
        digest.update(name.encode() + b"\0" + content + b"\0")
    return Pack(
        **{name: settings[name] for name in _SETTINGS},
        assignment_pass_grade=float(settings.get("assignment_pass_grade", 60)),
        unit_mastery=settings.get("unit_mastery", False),
        passing_results=tuple(settings.get("passing_results", ())),
        labels=settings.get("labels", {}),
        tables={name: [cells for _, cells in table.cells] for name, table in tables.items()},
        path=path,
        digest=digest.hexdigest(),
        files=files,
    )
