"""cmi5 course packages: their units into a pack."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from ingest.programmes.cmi5_package import read_package, write_units
from ingest.programmes.folders import find_packs
from ingest.programmes.pack import check_pack, load_pack
from warehouse.errors import BadSource

NAMESPACE = "https://w3id.org/xapi/profiles/cmi5/v1/CourseStructure.xsd"
#: Two units, one in a block of a block.
COURSE = f"""<?xml version="1.0" encoding="utf-8"?>
<courseStructure xmlns="{NAMESPACE}">
  <course id="http://example.org/courses/1"><title><langstring lang="en">A course</langstring></title></course>
  <au id="http://example.org/au/1" moveOn="CompletedOrPassed" masteryScore="0.8">
    <title><langstring lang="en-US">First
      unit</langstring><langstring lang="zh-CN">第一单元</langstring></title>
    <url>one.html</url>
  </au>
  <block id="b"><block id="c"><au id="http://example.org/au/2"><title><langstring lang="fr">Deux</langstring></title></au></block></block>
</courseStructure>
"""


def package(folder: Path, text: str = COURSE, name: str = "cmi5.xml") -> Path:
    file = folder / "course.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, text)
        archive.writestr("one.html", "<p>")
    return file


def test_the_units_of_a_package_with_what_satisfies_each(tmp_path: Path) -> None:
    rows = read_package(package(tmp_path))
    assert [(r["unit_id"][-4:], r["course_id"], r["label_zh"], r["label_en"], r["move_on"]) for r in rows] == [
        ("au/1", "http://example.org/courses/1", "第一单元", "First unit", "CompletedOrPassed"),
        # What says nothing asks nothing.
        ("au/2", "http://example.org/courses/1", "Deux", "Deux", "NotApplicable"),
    ]
    (tmp_path / "cmi5.xml").write_text(COURSE, encoding="utf-8")
    assert read_package(tmp_path / "cmi5.xml") == rows


@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        (COURSE, "other.xml", "has no cmi5.xml"),
        ("<a>", "cmi5.xml", "is no XML"),
        ("<a/>", "cmi5.xml", "not with a course structure"),
        (COURSE.replace("CompletedOrPassed", "Perhaps"), "cmi5.xml", "moveOn 'Perhaps' of http://example.org/au/1"),
        (COURSE.replace("au/2", "au/1"), "cmi5.xml", "two units are called 'http://example.org/au/1'"),
        (COURSE.replace('id="http://example.org/au/2"', ""), "cmi5.xml", "has no id"),
        (COURSE.replace("courses/1", "").replace("http://example.org/\"><title>", "\"><title>"), "cmi5.xml", "names no course"),
        (COURSE.replace("<courseStructure", '<!DOCTYPE a [<!ENTITY b "c">]><courseStructure'), "cmi5.xml", "document type"),
    ],
)  # fmt: skip
def test_what_is_no_package_is_told(tmp_path: Path, text: str, name: str, told: str) -> None:
    with pytest.raises(BadSource, match=told):
        read_package(package(tmp_path, text, name))


def test_units_take_their_courses_place_in_a_pack_that_stays_whole(tmp_path: Path) -> None:
    pack = tmp_path / "mine"
    shutil.copytree(find_packs(None)["tianshui-2017"].path, pack)
    rows = read_package(package(tmp_path))
    other = [row | {"course_id": "other", "unit_id": f"{row['unit_id']}-other"} for row in rows]
    write_units(pack, other)
    write_units(pack, rows)
    write_units(pack, rows[:1])
    assert check_pack(pack) == []
    assert [row["unit_id"] for row in load_pack(pack).tables["units"]] == [
        *(row["unit_id"] for row in other), rows[0]["unit_id"],
    ]  # fmt: skip
    (pack / "units.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(BadSource, match="other columns"):
        write_units(pack, rows)
