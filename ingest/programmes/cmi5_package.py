"""The structure of a cmi5 course package: its units, and what satisfies each."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

from ingest.programmes.rows import REFERENCE_COLUMNS, MoveOn
from warehouse.errors import BadSource

__all__ = ["read_package", "write_units"]

_STRUCTURE = "cmi5.xml"
_NAMESPACE = "{https://w3id.org/xapi/profiles/cmi5/v1/CourseStructure.xsd}"
_MOST_BYTES = 16 << 20
#: What cmi5 takes for said where a unit says nothing.
_USUAL = "NotApplicable"
MOVE_ON = frozenset(get_args(MoveOn))


def read_package(file: Path) -> list[dict[str, str]]:
    """The rows of ``units.csv`` for the units of a package (a ZIP archive with cmi5.xml at its top, or that file alone).

    Raises:
        BadSource: it is no such package; the message says what is wrong.
    """
    try:
        root = ElementTree.fromstring(_structure(file))
    except ElementTree.ParseError as error:
        raise BadSource(f"{file.name}: cmi5.xml is no XML: {error}") from error
    if root.tag != f"{_NAMESPACE}courseStructure":
        raise BadSource(f"{file.name}: cmi5.xml begins with {root.tag!r} and not with a course structure of cmi5")
    course = root.find(f"{_NAMESPACE}course")
    course_id = "" if course is None else course.get("id", "")
    if not course_id:
        raise BadSource(f"{file.name}: cmi5.xml names no course")
    rows = list(_rows(root, course_id, file.name))
    if not rows:
        raise BadSource(f"{file.name}: cmi5.xml has no unit (au)")
    twice = [row["unit_id"] for n, row in enumerate(rows) if row["unit_id"] in {r["unit_id"] for r in rows[:n]}]
    if twice:
        raise BadSource(f"{file.name}: two units are called {twice[0]!r}")
    return rows


def _structure(file: Path) -> bytes:
    try:
        if not zipfile.is_zipfile(file):
            content = file.read_bytes()
        else:
            with zipfile.ZipFile(file) as archive:
                if _STRUCTURE not in archive.namelist():
                    raise BadSource(f"{file.name} has no {_STRUCTURE} at its top: it is no cmi5 package")
                if archive.getinfo(_STRUCTURE).file_size > _MOST_BYTES:
                    raise BadSource(f"{file.name}: {_STRUCTURE} is larger than {_MOST_BYTES >> 20} MiB")
                content = archive.read(_STRUCTURE)
    # The last two are how zipfile tells of a packing that it does not know, and of a password.
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise BadSource(f"{file.name} cannot be read ({type(error).__name__})") from error
    # No structure needs a document type, and entities in entities grow past any memory.
    if b"<!DOCTYPE" in content[:4096] or b"<!ENTITY" in content:
        raise BadSource(f"{file.name}: {_STRUCTURE} has a document type, which no cmi5 structure needs")
    return content


def _rows(root: ElementTree.Element, course_id: str, name: str) -> Iterator[dict[str, str]]:
    for unit in root.iter(f"{_NAMESPACE}au"):
        unit_id, move_on = unit.get("id", "").strip(), unit.get("moveOn", _USUAL).strip()
        if not unit_id:
            raise BadSource(f"{name}: a unit (au) has no id")
        if move_on not in MOVE_ON:
            raise BadSource(f"{name}: moveOn {move_on!r} of {unit_id}; expected one of {', '.join(sorted(MOVE_ON))}")
        titles = {
            text.get("lang", "").partition("-")[0].casefold(): " ".join((text.text or "").split())
            for text in unit.iterfind(f"{_NAMESPACE}title/{_NAMESPACE}langstring")
        }
        usual = next(iter(titles.values()), "") or unit_id
        row = {
            "unit_id": unit_id, "course_id": course_id, "label_zh": titles.get("zh") or usual, "label_en": titles.get("en") or usual,
            "move_on": move_on,
        }  # fmt: skip
        yield {column: row[column] for column in REFERENCE_COLUMNS["units"]}


def write_units(folder: Path, rows: Sequence[dict[str, str]]) -> Path:
    """Put the units of a course into a pack's ``units.csv``, in the place of those that it has of the course; returns the file.

    Raises:
        BadSource: the file has other columns.
    """
    file, columns = folder / "units.csv", REFERENCE_COLUMNS["units"]
    courses = {row["course_id"] for row in rows}
    kept: list[dict[str, str]] = []
    if file.exists():
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened)
            if tuple(reader.fieldnames or ()) != columns:
                raise BadSource(f"{file.name} has other columns than {', '.join(columns)}; mend it, or take it away")
            kept = [row for row in reader if row["course_id"] not in courses]
    # With its mark, so that a spreadsheet reads the Chinese right; made whole beside it, so that it is never half there.
    fresh = file.with_suffix(".csv.new")
    with fresh.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.DictWriter(out, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*kept, *rows])
    return fresh.replace(file)
