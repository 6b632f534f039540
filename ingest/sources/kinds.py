"""What a file is, by its first bytes: its form, its encoding, and whose records it seems to hold. Pure; its name is not asked."""

from __future__ import annotations

import codecs
import contextlib
import csv
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice
from typing import Any

from ingest.sources.roster.columns import columns_of

__all__ = ["HEAD_BYTES", "TABLES_OF_OULAD", "Content", "Form", "Kind", "kind_of"]

#: Bytes of a file's beginning that are looked at; of a packed file, unpacked.
HEAD_BYTES = 1 << 18


class Form(StrEnum):
    """How a file is written."""

    EMPTY = "empty"
    JSON_LINES = "json_lines"
    JSON_LIST = "json_list"
    JSON_DOCUMENT = "json_document"
    TABLE = "table"
    TEXT = "text"
    WORKBOOK = "workbook"
    ARCHIVE = "archive"
    SQLITE = "sqlite"
    PDF = "pdf"
    HTML = "html"
    XML = "xml"
    PARQUET = "parquet"
    DAMAGED_GZIP = "damaged_gzip"
    BINARY = "binary"


class Content(StrEnum):
    """Whose records a file seems to hold."""

    EVENTS = "events"
    STATEMENTS = "statements"
    CALIPER = "caliper"
    TRACKING = "tracking"
    MOODLE = "moodle"
    ROSTER = "roster"
    OULAD = "oulad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file seems to be.

    Attributes:
        encoding: of text, as Python calls it; empty where it is no text.
        is_packed: with gzip; the rest tells of what is in it.
        content: whose records most of the beginning seems to be.
        names: how many records of each name the beginning has: event types, verbs, actions. No names of people.
        records: how many records of the beginning were read, the header of a table left out.
        columns: of a table.
    """

    form: Form
    encoding: str = ""
    is_packed: bool = False
    content: Content = Content.UNKNOWN
    names: Mapping[str, int] = field(default_factory=dict)
    records: int = 0
    columns: int = 0

    @property
    def is_json(self) -> bool:
        """Whether it is JSON of any form."""
        return self.form in (Form.JSON_LINES, Form.JSON_LIST, Form.JSON_DOCUMENT)


_GZIP = b"\x1f\x8b"
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_BINARY = (
    (b"SQLite format 3\0", Form.SQLITE),
    (b"%PDF-", Form.PDF),
    (b"PAR1", Form.PARQUET),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Form.WORKBOOK),
    (b"BZh", Form.ARCHIVE),
    (b"\xfd7zXZ\0", Form.ARCHIVE),
    (b"\x28\xb5\x2f\xfd", Form.ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", Form.ARCHIVE),
    (b"Rar!\x1a\x07", Form.ARCHIVE),
)
#: Parts of an archive by which it is a workbook: of XLSX, and the first one of ODS.
_WORKBOOK_PARTS = (b"xl/", b"[Content_Types].xml", b"opendocument.spreadsheet")
_ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06")
_HTML = re.compile(r"<(?:!doctype\s+html|html|head|body|table|meta|div|script)\b", re.IGNORECASE)
_OBJECT, _LIST = re.compile(r'\{\s*["}]'), re.compile(r'\[\s*[\[{\]"]')
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_BLANK = " \t\r\n\f\v\0"
_DELIMITERS = ",\t;"
#: Records of the beginning that are read, and names that are told of them.
_MOST_RECORDS, _MOST_NAMES, _MOST_CHARACTERS = 2_000, 1_000, 120
#: Elements in elements that are looked into: a report of Moodle's in JSON is a list of lists of rows.
_MOST_DEEP = 3
#: Columns by which a table is known.
_MOODLE = (
    frozenset({"eventname", "userid", "timecreated"}),
    frozenset({"time", "component", "event name", "description"}),
    frozenset({"time", "component", "eventname", "description"}),
    frozenset({"时间", "组件", "事件名称", "描述"}),
    frozenset({"时间", "组件", "事件名称", "说明"}),
)
TABLES_OF_OULAD = frozenset({
    "courses", "assessments", "vle", "studentInfo", "studentRegistration", "studentAssessment", "studentVle",
})  # fmt: skip
_OULAD = (frozenset({"code_module", "code_presentation"}), frozenset({"id_assessment", "id_student"}))
#: Fields of rosters that a table has to have, one of these and so many together.
_ROSTER_NEEDS, _ROSTER_COLUMNS = frozenset({"name", "id_number", "phone", "account"}), 3


def kind_of(head: bytes) -> Kind:
    """What a file that begins with these bytes seems to be.

    Args:
        head: of the file, :data:`HEAD_BYTES` or all of it; a last record that is cut off there does no harm.
    """
    if head.startswith(_GZIP):
        try:
            inside = zlib.decompressobj(wbits=31).decompress(head, HEAD_BYTES)
        except zlib.error:
            return Kind(Form.DAMAGED_GZIP, is_packed=True)
        kind = Kind(Form.ARCHIVE) if inside.startswith(_GZIP) else kind_of(inside)
        return replace(kind, is_packed=True)
    if head.startswith(_ARCHIVES):
        # A workbook in XLSX names its parts in the local headers, ODS says what it is in the first, uncompressed.
        is_workbook = any(part in head for part in _WORKBOOK_PARTS) and b"word/" not in head and b"ppt/" not in head
        return Kind(Form.WORKBOOK if is_workbook else Form.ARCHIVE)
    for mark, form in _BINARY:
        if head.startswith(mark):
            return Kind(form)
    lines = _json_lines(head)
    if lines is not None:
        return lines
    encoding = _encoding(head)
    if encoding is None:
        return Kind(Form.BINARY)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head).removeprefix("\ufeff")
    if not text.strip(_BLANK):
        return Kind(Form.EMPTY)
    if _CONTROL.search(text):
        return Kind(Form.BINARY)
    return _of_text(text, encoding)


def _of_text(text: str, encoding: str) -> Kind:
    begun = text.lstrip()
    if begun.startswith("<"):
        is_page = bool(_HTML.match(begun) or (begun.startswith("<?xml") and "<html" in begun[:2_000].lower()))
        return Kind(Form.HTML if is_page else Form.XML, encoding)
    lines = _json_lines(text.encode("utf-8", "replace"))
    if lines is not None:
        return replace(lines, encoding=encoding)
    if _LIST.match(begun) or _OBJECT.match(begun):
        form = Form.JSON_LIST if begun.startswith("[") else Form.JSON_DOCUMENT
        found = list(islice(_elements(begun), _MOST_RECORDS))
        if not found and not begun.removeprefix("[").strip().removeprefix("]").strip():
            return Kind(Form.EMPTY)
        return _counted(form, encoding, found)
    return _table(text, encoding) or Kind(Form.TEXT, encoding)


def _json_lines(head: bytes) -> Kind | None:
    """What JSON of one object a line is; None of anything else. By bytes, as a line that is no UTF-8 is no reason to take none."""
    encoding = "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"
    pieces = [line.strip() for line in head.removeprefix(codecs.BOM_UTF8).split(b"\n")]
    lines = list(islice(filter(None, pieces), _MOST_RECORDS))
    if not lines:
        return None
    is_cut = bool(pieces[-1])
    found = [_object_in(line) for line in lines]
    objects = [one for one in found if one is not None]
    # The last line may be cut off, by us or by whoever wrote the file; a single line may be longer than what we look at.
    whole = max(len(lines) - (is_cut and found[-1] is None), 0)
    is_one_long_line = whole == 0 and len(head) >= HEAD_BYTES and lines[0][:1] == b"{"
    if is_one_long_line or (objects and (found[0] is not None or 2 * len(objects) >= whole)):
        return _counted(Form.JSON_LINES, encoding, objects)
    return None


def _object_in(line: bytes) -> dict[str, Any] | None:
    begin = line.find(b"{")
    if begin < 0 or not line.endswith(b"}"):
        return None
    try:
        found = json.loads(line[begin:])
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    # Tracking logs that went through syslog have something before the object; nothing else that we read has.
    return found if begin == 0 or _content_of(found) is Content.TRACKING else None


def _elements(text: str, depth: int = 0) -> Iterator[Any]:
    """The objects and rows of a JSON document or list, up to where it is cut off or no JSON."""
    decode, place = json.JSONDecoder().raw_decode, 0
    while place < len(text):
        while place < len(text) and text[place] in " \t\r\n,]":
            place += 1
        if _LIST.match(text, place) and text[place + 1 :].lstrip()[:1] in ("[", "{", "]") and depth < _MOST_DEEP:
            place, depth = place + 1, depth + 1
            continue
        try:
            element, place = decode(text, place)
        except (ValueError, RecursionError):
            return
        yield element


def _counted(form: Form, encoding: str, elements: Sequence[Any]) -> Kind:
    contents = Counter(_content_of(element) for element in elements)
    content = max(contents, key=lambda one: (contents[one], one is not Content.UNKNOWN), default=Content.UNKNOWN)
    names = Counter(name for element in elements for name in _names_of(element))
    return Kind(form, encoding, False, content, dict(names.most_common(_MOST_NAMES)), len(elements))


def _content_of(element: Any) -> Content:
    if isinstance(element, list):
        # A report of Moodle's in a language without Latin letters: rows of nine or ten cells.
        is_row = len(element) in (9, 10) and all(isinstance(cell, str) for cell in element)
        return Content.MOODLE if is_row else Content.UNKNOWN
    if not isinstance(element, dict):
        return Content.UNKNOWN
    names = element.keys()
    if "event_type" in names and names & {"event_id", "event_version", "programme_id", "payload"}:
        return Content.EVENTS
    if {"actor", "verb", "object"} <= names:
        return Content.STATEMENTS
    if {"actor", "action"} <= names or {"sensor", "data"} <= names:
        return Content.CALIPER
    if "context" in names and names & {"event_type", "name"} and names & {"time", "timestamp"}:
        return Content.TRACKING
    if any(known <= {name.lower() for name in names} for known in _MOODLE):
        return Content.MOODLE
    return Content.UNKNOWN


def _names_of(element: Any) -> Iterator[str]:
    """The name by which a record is counted: a word of its format, never what is said of somebody."""
    if not isinstance(element, dict):
        return
    verb = element.get("verb")
    data = element.get("data")
    if _content_of(element) is Content.CALIPER and isinstance(data, list):
        for one in data:
            yield from _names_of(one)
        return
    name = verb.get("id") if isinstance(verb, dict) else element.get("event_type") or element.get("action")
    if isinstance(name, str) and name and len(name) <= _MOST_CHARACTERS and not name.startswith("/"):
        yield name


def _encoding(head: bytes) -> str | None:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if b"\0" in head:
        # UTF-16 without a mark: of text in Latin letters nearly every second byte is zero.
        for encoding, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
            if zeros and 3 * zeros.count(0) >= len(zeros) and _can_decode(head, encoding):
                return encoding
        return None
    # Logs that quote what browsers sent have a stray byte here and there: they are UTF-8 all the same.
    if 1_000 * head.decode("utf-8", "replace").count("\ufffd") <= len(head):
        return "utf-8"
    return "gb18030" if _can_decode(head, "gb18030") else "iso-8859-1"


def _can_decode(head: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _table(text: str, encoding: str) -> Kind | None:
    """What a text table is; None of text without columns."""
    lines = text.splitlines(keepends=True)
    whole = lines if text.endswith(("\n", "\r")) or len(lines) == 1 else lines[:-1]
    best: list[list[str]] = []
    for delimiter in _DELIMITERS:
        rows = [row for row in _rows(whole, delimiter) if any(cell.strip() for cell in row)]
        if rows and _steadiness(rows) > (_steadiness(best) if best else (0, 1)):
            best = rows
    if not best:
        return None
    # Titles may stand above the header.
    width = Counter(map(len, best)).most_common(1)[0][0]
    header = next((row for row in best if len(row) == width), best[0])
    names = frozenset(cell.strip().strip('"') for cell in header)
    return Kind(Form.TABLE, encoding, False, _content_of_columns(names), {}, max(len(best) - 1, 0), width)


def _rows(lines: Iterable[str], delimiter: str) -> list[list[str]]:
    rows: list[list[str]] = []
    with contextlib.suppress(csv.Error):
        rows.extend(islice(csv.reader(lines, delimiter=delimiter), _MOST_RECORDS))
    return rows


def _steadiness(rows: Sequence[Sequence[str]]) -> tuple[int, int]:
    """In how many rows a delimiter makes equally many columns, and how many columns; nothing where it makes one."""
    widths = Counter(len(row) for row in rows)
    return max(((count, width) for width, count in widths.items() if width > 1), default=(0, 1))


def _content_of_columns(names: frozenset[str]) -> Content:
    small = frozenset(name.lower() for name in names)
    if any(known <= small for known in _MOODLE):
        return Content.MOODLE
    if any(known <= small for known in _OULAD):
        return Content.OULAD
    fields = columns_of(sorted(names), {})
    if len(fields) >= _ROSTER_COLUMNS and fields.keys() & _ROSTER_NEEDS:
        return Content.ROSTER
    return Content.UNKNOWN
