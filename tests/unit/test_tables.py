"""Tables as offices keep them: encodings, titles above the columns, merged cells."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.sources.roster.columns import field_named
from ingest.sources.tables import Area, find_header, has_lost_digits, header_by_shape, read_sheets
from warehouse.errors import BadSource

_ENCODINGS = ("utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be")
_CELL = st.text(
    st.characters(codec="gb18030", exclude_characters="\0\r", exclude_categories=("Cs", "Cc")) | st.just("\n"),
    max_size=8,
)


def _known(name: str) -> bool:
    return field_named(name) is not None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    rows=st.lists(st.lists(_CELL, min_size=3, max_size=3), min_size=1, max_size=5),
    encoding=st.sampled_from(_ENCODINGS),
    delimiter=st.sampled_from(",\t;"),
)
def test_a_text_table_is_read_as_it_was_written(
    tmp_path: Path, rows: list[list[str]], encoding: str, delimiter: str
) -> None:
    rows = [["姓名", "身份证号", "手机号"], *rows]
    file = tmp_path / "table.csv"
    with file.open("w", encoding=encoding, newline="") as out:
        csv.writer(out, delimiter=delimiter).writerows(rows)
    (sheet,) = read_sheets(file)
    assert [list(row) for row in sheet.rows] == rows


def test_a_table_with_semicolons_may_hold_commas(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text('"姓名, 全称";"问题, 一"\n甲;"1, 2"\n', encoding="utf-8-sig")
    (sheet,) = read_sheets(file)
    assert list(sheet.rows) == [["姓名, 全称", "问题, 一"], ["甲", "1, 2"]]


def test_what_is_no_text_and_no_workbook_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xff\xff\x81")
    (tmp_path / "a.xlsx").write_bytes(b"no workbook")
    (tmp_path / "a.doc").write_bytes(b"")
    for name in ("a.csv", "a.xlsx", "a.doc", "absent.csv"):
        with pytest.raises(BadSource, match=name.partition(".")[0]):
            list(read_sheets(tmp_path / name))


def test_rows_and_columns_stand_where_the_workbook_has_them(tmp_path: Path) -> None:
    file = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(str(file)) as book:
        sheet = book.add_worksheet("甲")
        sheet.merge_range("B3:B5", "秦州区")
        sheet.write("C3", "x")
        sheet.write("C5", 7)
        sheet.write_datetime("D5", date(2017, 9, 1), book.add_format({"num_format": "yyyy-mm-dd"}))
        book.add_worksheet("藏").hide()
    (only,) = read_sheets(file)
    assert [list(row) for row in only.rows] == [
        ["", "", "", ""], ["", "", "", ""], ["", "秦州区", "x", ""], ["", "秦州区", "", ""], ["", "秦州区", 7.0, date(2017, 9, 1)],
    ]  # fmt: skip


_PEOPLE = [["1", "甲", "13800000000"], ["2", "乙", "13900000000"]]


@pytest.mark.parametrize(
    ("rows", "merged", "where", "names"),
    [
        ([["序号", "姓名", "手机号"], *_PEOPLE], [], (1, 1), ["序号", "姓名", "手机号"]),
        ([["名册", "", ""], ["", "", ""], ["序号", "姓名", "手机号"], *_PEOPLE], [Area(0, 0, 0, 2)], (3, 3), ["序号", "姓名", "手机号"]),
        # Two rows: what is above several columns is no name of theirs.
        ([["序号", "姓名", "联系", ""], ["", "", "手机号", "邮箱"], *_PEOPLE], [Area(0, 2, 0, 3)], (1, 2), ["序号", "姓名", "手机号", "邮箱"]),
        # Only both parts together are known.
        ([["姓名", "证件", ""], ["姓名", "号码", "种类"], *_PEOPLE], [Area(0, 1, 0, 2)], (1, 2), ["姓名", "证件号码", "种类"]),
        # The columns are named again on the next page.
        ([["姓名", "手机号"], ["甲", "1"], ["姓名", "手机号"]], [], (1, 1), ["姓名", "手机号"]),
    ],
)  # fmt: skip
def test_the_header_is_found(
    rows: list[list[str]], merged: list[Area], where: tuple[int, int], names: list[str]
) -> None:
    header = find_header(rows, merged, _known)
    assert header is not None
    assert ((header.first, header.last), list(header.names)) == (where, names)


def test_there_may_be_no_header() -> None:
    assert find_header([["甲", "乙"], *_PEOPLE], [], _known) is None
    assert find_header([], [], _known) is None


@pytest.mark.parametrize(
    ("rows", "merged", "where", "names"),
    [
        ([["a", "b"], ["1", "2"]], [], (1, 1), ["a", "b"]),
        ([["a"], ["1"]], [], (1, 1), ["a"]),
        ([["a", "a"], ["1", "2"]], [], (1, 1), ["a", "a"]),
        ([["名册", "", ""], ["", "", ""], ["a", "b", "c"], ["1", "2", "3"]], [Area(0, 0, 0, 2)], (3, 3), ["a", "b", "c"]),
        # Merged over and under one another, as workbooks have it: a cell that is merged down stands in each row.
        ([["a", "g", ""], ["a", "b", "c"], ["1", "2", "3"]], [Area(0, 0, 1, 0), Area(0, 1, 0, 2)], (1, 2), ["a", "g—b", "g—c"]),
        # The same saved as text: the second row fills the gaps of the first.
        ([["a", "g", "", "d"], ["", "b", "c", ""], ["1", "2", "3", "4"]], [], (1, 2), ["a", "g—b", "g—c", "d"]),
        # One column has no name, and the first row of people has all cells.
        ([["a", "", "c"], ["1", "2", "3"], ["4", "5", "6"]], [], (1, 1), ["a", "", "c"]),
        # Most columns are of one question, whose name is above theirs.
        ([["a", "g", "", "", ""], ["a", "b", "c", "d", "e"]], [Area(0, 0, 1, 0), Area(0, 1, 0, 4)], (1, 2), ["a", "g—b", "g—c", "g—d", "g—e"]),
    ],
)  # fmt: skip
def test_a_header_is_seen_by_its_shape(
    rows: list[list[str]], merged: list[Area], where: tuple[int, int], names: list[str]
) -> None:
    header = header_by_shape(rows, merged)
    assert header is not None
    assert ((header.first, header.last), list(header.names)) == (where, names)


def test_an_empty_sheet_has_no_shape() -> None:
    assert header_by_shape([], []) is None
    assert header_by_shape([["", ""]], []) is None


@pytest.mark.parametrize(
    ("cell", "is_lost"),
    [
        (6.2e17, True), (10**15, True), (999_999_999_999_999.0, False), ("6.2E+17", True), ("６.2e+17", True), ("620000000000000001", False), (True, False),
        ("", False), ("E+17", False),
    ],
)  # fmt: skip
def test_numbers_of_more_digits_than_are_kept_are_known(cell: float | str, is_lost: bool) -> None:
    assert has_lost_digits(cell) is is_lost
