"""What a file is, told by its first bytes, and what is said at the door of one that an import does not take."""

from __future__ import annotations

import codecs
import gzip
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from ingest.sources.door import IMPORTS, described, next_command, why_refused
from ingest.sources.json_elements import json_elements, json_texts
from ingest.sources.kinds import HEAD_BYTES, Content, Form, Kind, kind_of
from pipelines.collect.door import command_for_folder, opened
from pipelines.commands.sources import import_app
from warehouse.errors import BadSource

EVENT = {
    "event_id": "11111111-1111-4111-8111-111111111110",
    "event_type": "session.started",
    "payload": {"x": "学员 7"},
}
STATEMENT = {"actor": {"mbox": "mailto:a@b.cn"}, "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"}, "object": {}}
TRACKING = {"event_type": "play_video", "time": "2017-10-12T08:30:00Z", "context": {"user_id": 7}}
ENVELOPE = {"sensor": "s", "data": [{"actor": "a", "action": "Started", "type": "MediaEvent"}]}
LOGSTORE = {"eventname": "\\core\\event\\x", "userid": "7", "timecreated": "1507797000"}
BY_CONTENT = {
    Content.EVENTS: EVENT, Content.STATEMENTS: STATEMENT, Content.TRACKING: TRACKING, Content.CALIPER: ENVELOPE, Content.MOODLE: LOGSTORE,
}  # fmt: skip
COMMAND_OF = {
    Content.EVENTS: "ndjson", Content.STATEMENTS: "xapi", Content.TRACKING: "openedx", Content.CALIPER: "caliper", Content.MOODLE: "moodle",
}  # fmt: skip
MOODLE_CSV = "Time,User full name,Affected user,Event context,Component,Event name,Description,Origin,IP address\n1,2,3,4,5,6,7,8,9\n"


def ndjson(*objects: Any, end: str = "\n") -> bytes:
    return "".join(json.dumps(one, ensure_ascii=False) + end for one in objects).encode()


@given(
    content=st.sampled_from(sorted(BY_CONTENT)),
    count=st.integers(1, 5),
    mark=st.sampled_from([b"", codecs.BOM_UTF8]),
    end=st.sampled_from(["\n", "\r\n", "\n\n", "\r\n\r\n"]),
    packs=st.booleans(),
    cut=st.integers(0, 30),
)
def test_lines_of_json_are_known_whatever_stands_around_them(
    content: Content, count: int, mark: bytes, end: str, packs: bool, cut: int
) -> None:
    """A mark, the ends of lines, packing, and a last line that is cut off change nothing of what a file is and who takes it."""
    torn = ndjson(BY_CONTENT[content])[:cut]
    raw = mark + ndjson(*[BY_CONTENT[content]] * count, end=end) + torn
    kind = kind_of(gzip.compress(raw) if packs else raw)
    assert (kind.form, kind.content, kind.records, kind.is_packed) == (Form.JSON_LINES, content, count, packs)
    takers = [
        command for command, takes in IMPORTS.items() if takes.is_by_bytes and why_refused(command, kind, "f") is None
    ]
    assert takers == [COMMAND_OF[content]]
    assert f"xueqing import {COMMAND_OF[content]} f" in next_command(kind, "f")


@given(
    st.sampled_from(sorted(BY_CONTENT)),
    st.integers(1, 5),
    st.sampled_from([None, 2]),
    st.sampled_from([b"", codecs.BOM_UTF8]),
)
def test_lists_of_json_are_known(content: Content, count: int, indent: int | None, mark: bytes) -> None:
    kind = kind_of(mark + json.dumps([BY_CONTENT[content]] * count, indent=indent).encode())
    assert (kind.form, kind.content, kind.records) == (Form.JSON_LIST, content, count)
    # A tracking log is one object a line; the others may be lists.
    assert (why_refused(COMMAND_OF[content], kind, "f") is None) == (content is not Content.TRACKING)


@given(st.sampled_from(["utf-16", "utf-16-le", "utf-16-be"]), st.integers(1, 4), st.booleans())
def test_utf_16_is_refused_with_the_command_that_turns_it_into_utf_8(encoding: str, count: int, packs: bool) -> None:
    raw = ndjson(*[STATEMENT] * count).decode().encode(encoding)
    kind = kind_of(gzip.compress(raw) if packs else raw)
    assert kind.form is Form.JSON_LINES
    assert why_refused("ndjson", kind, "f")
    assert why_refused("xapi", kind, "f")
    command = next_command(kind, "f")
    assert "iconv -f UTF-16" in command
    assert command.endswith("xueqing import xapi - -p PROGRAMME")
    assert ("gzip -dc f" in command) == packs


@given(st.binary(max_size=600))
def test_any_bytes_are_of_some_kind_and_some_words(raw: bytes) -> None:
    kind = kind_of(raw)
    assert described(kind)
    assert next_command(kind, "f")
    for command in IMPORTS:
        why = why_refused(command, kind, "f")
        assert why is None or "Nothing was written" in why


@given(st.binary(min_size=1, max_size=300))
def test_binary_data_is_taken_by_nothing(noise: bytes) -> None:
    for head in (b"SQLite format 3\0", b"%PDF-1.4\n", b"PAR1", b"\x89PNG\r\n\x1a\n\0"):
        kind = kind_of(head + noise)
        assert not kind.is_json
        assert kind.form not in (Form.TABLE, Form.TEXT, Form.EMPTY)
        assert all(why_refused(command, kind, "f") for command in IMPORTS)


@pytest.mark.parametrize(
    ("raw", "form", "content"),
    [
        (b"", Form.EMPTY, Content.UNKNOWN),
        (codecs.BOM_UTF8 + b"\r\n \n", Form.EMPTY, Content.UNKNOWN),
        (b"[]", Form.EMPTY, Content.UNKNOWN),
        (b"<!DOCTYPE html><html><body>Log in", Form.HTML, Content.UNKNOWN),
        (b"\n  <table><tr><td>a</td></tr>", Form.HTML, Content.UNKNOWN),
        (b"<?xml version='1.0'?><a/>", Form.XML, Content.UNKNOWN),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", Form.WORKBOOK, Content.UNKNOWN),
        (b"PK\x03\x04....xl/workbook.xml", Form.WORKBOOK, Content.UNKNOWN),
        (b"PK\x03\x04....events.ndjson", Form.ARCHIVE, Content.UNKNOWN),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xff\xff\xff\xff", Form.DAMAGED_GZIP, Content.UNKNOWN),
        (b"[2017-10-12] INFO started\nnothing else\n", Form.TEXT, Content.UNKNOWN),
        (MOODLE_CSV.encode(), Form.TABLE, Content.MOODLE),
        ("姓名,身份证号,学校\n甲,1,一中\n".encode("gb18030"), Form.TABLE, Content.ROSTER),
        ("参训教师名单\n姓名\t手机号\t学校\n甲\t1\t一中\n乙\t2\t二中\n".encode("utf-16"), Form.TABLE, Content.ROSTER),
        (b"code_module;code_presentation\nAAA;2013J\n", Form.TABLE, Content.OULAD),
        (b'{\n  "data": [],\n  "sensor": "s"\n}\n', Form.JSON_DOCUMENT, Content.CALIPER),
    ],
)  # fmt: skip
def test_kinds_of_files(raw: bytes, form: Form, content: Content) -> None:
    kind = kind_of(raw)
    assert (kind.form, kind.content) == (form, content)


def test_lines_before_and_between_that_are_no_json_do_no_harm() -> None:
    """A torn first line, stray bytes and a line of syslog are matters of lines, which are set aside with their reasons."""
    for raw in (
        b"not json\n" + ndjson(EVENT, EVENT),
        ndjson(EVENT) + b"\xff\xfe\n" + ndjson(EVENT),
        ndjson(EVENT) + b"junk\njunk\n",
    ):
        assert why_refused("ndjson", kind_of(raw), "f") is None
    said = b"Oct 12 08:30:00 host [tracking] INFO - " + ndjson(TRACKING)
    assert kind_of(said).content is Content.TRACKING
    assert kind_of(b"a" + ndjson(EVENT)).form is not Form.JSON_LINES
    # One line of more than we look at.
    assert kind_of((b'{"event_type": "' + b"x" * HEAD_BYTES)[:HEAD_BYTES]).form is Form.JSON_LINES


def test_a_log_with_a_stray_byte_is_utf_8_and_one_in_chinese_without_utf_8_is_not() -> None:
    rows = MOODLE_CSV + "1,甲,3,4,5,6,7,8,9\n" * 50
    assert kind_of(rows.encode() + b"1,\xe9,3,4,5,6,7,8,9\n").encoding == "utf-8"
    chinese = kind_of(rows.encode("gb18030"))
    assert chinese.encoding == "gb18030"
    assert "iconv -f GB18030 -t UTF-8 f | xueqing import moodle -" in str(why_refused("moodle", chinese, "f"))


def test_a_table_called_what_it_is_not_is_told() -> None:
    table, book = kind_of(b"a,b\n1,2\n"), Kind(Form.WORKBOOK)
    assert "rename it to end in .csv" in str(why_refused("log", table, "t.xlsx"))
    assert "rename it" in str(why_refused("roster", book, "t.csv"))
    assert why_refused("log", table, "t.csv") is None
    assert why_refused("roster", book, "t.xlsx") is None


@given(
    st.lists(
        st.dictionaries(st.text(max_size=3), st.floats(allow_nan=False) | st.text(max_size=5), min_size=1), min_size=1
    ),
    st.integers(1, 40),
)
def test_elements_of_a_list_are_given_as_they_are_written(objects: list[dict[str, Any]], piece: int) -> None:
    texts = [json.dumps(one, ensure_ascii=False).replace("1.0", "1.00") for one in objects]
    raw = ("[\n" + " ,\n".join(texts) + "]\n").encode("utf-8", "surrogatepass")
    chunks = [raw[i : i + piece] for i in range(0, len(raw), piece)]
    assert [text.decode("utf-8", "surrogatepass") for text in json_texts(chunks, "f")] == texts
    assert list(json_elements(chunks, "f")) == [json.loads(text) for text in texts]


def test_repeated_names_and_stray_bytes_of_a_list_are_left_to_who_judges_records() -> None:
    elements = [b'{"a": 1, "a": 2}', b'{"a": "\xff"}', b'{"n": 12345678901234567890.10}']
    assert list(json_texts([b"[" + b",".join(elements) + b"]"], "f")) == elements


def test_a_file_is_read_as_lines_from_its_very_beginning(tmp_path: Path) -> None:
    long = [{**EVENT, "n": n, "pad": "x" * 900} for n in range(600)]  # more than is looked at
    raw = ndjson(*long)
    for name, content in (
        ("a.ndjson", codecs.BOM_UTF8 + raw.strip()),
        ("b.gz", gzip.compress(raw)),
        ("c.ndjson", gzip.compress(raw)),
    ):
        (tmp_path / name).write_bytes(content)
        with opened(tmp_path / name, "ndjson") as source:
            assert [json.loads(line)["n"] for line in source] == list(range(600))


def test_a_torn_packed_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    whole = gzip.compress(ndjson(*[{**EVENT, "n": n} for n in range(500)]))
    for name, content, why in (
        ("cut.gz", whole[: len(whole) // 2], "cut off"),
        ("flipped.gz", whole[:-6] + b"\0\0" + whole[-4:], "damaged"),
        ("none.gz", ndjson(EVENT), "seems to be nothing packed"),
        ("empty.gz", gzip.compress(b""), "is empty"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadSource, match=f"{why}.*Nothing was written"), opened(tmp_path / name, "ndjson"):
            pytest.fail("it was opened")


def test_folders_have_their_commands(tmp_path: Path) -> None:
    assert command_for_folder(tmp_path) is None
    (tmp_path / "enrollments.csv").touch()
    assert command_for_folder(tmp_path) == f"xueqing import roster {tmp_path} -p PROGRAMME"
    with pytest.raises(BadSource, match=r"is a folder\. Try: xueqing import roster"), opened(tmp_path, "ndjson"):
        pass
    for table in (
        "courses",
        "assessments",
        "vle",
        "studentInfo",
        "studentRegistration",
        "studentAssessment",
        "studentVle",
    ):
        (tmp_path / f"{table}.csv.gz").touch()
    assert command_for_folder(tmp_path) == f"xueqing import oulad {tmp_path}"


def test_import_of_a_file_alone_says_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(ndjson(EVENT, EVENT, STATEMENT))
    for arguments in ([str(file)], ["look", str(file)]):
        done = CliRunner().invoke(import_app, arguments, env={"COLUMNS": "300"})
        assert done.exit_code == 0, done.output
        assert "JSON, one object a line: our own events" in done.output
        assert "2 session.started" in done.output
        assert "学员" not in done.output
        assert shlex.split(done.output.splitlines()[-1])[1:4] == ["xueqing", "import", "ndjson"]
    # A word that is neither a command nor a file is a slip in the command.
    assert "No such command" in CliRunner().invoke(import_app, ["ndjsn"]).output
