"""Which import takes which kind of file, and what is said of one that it does not take. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from ingest.sources.kinds import Content, Form, Kind
from ingest.sources.tables.reading import TEXT_ENDINGS, WORKBOOK_ENDINGS

__all__ = ["IMPORTS", "Takes", "described", "next_command", "why_refused"]

_JSON = frozenset({Form.JSON_LINES, Form.JSON_LIST, Form.JSON_DOCUMENT})
_TABLES = frozenset({Form.TABLE, Form.WORKBOOK})


@dataclass(frozen=True, slots=True)
class Takes:
    """What an import takes.

    Attributes:
        what: it takes, in words.
        contents: whose records; empty where any table can be mapped.
        options: of its command line, as it is proposed.
        is_by_bytes: whether it reads text in UTF-8 only, and unpacks gzip; the others read tables in any usual encoding.
    """

    what: str
    forms: frozenset[Form]
    contents: frozenset[Content] = frozenset()
    options: str = ""
    is_by_bytes: bool = True


IMPORTS: Mapping[str, Takes] = {
    "ndjson": Takes("our own events, one JSON object a line, or one JSON list of them", _JSON, frozenset({Content.EVENTS})),
    "xapi": Takes(
        "xAPI statements, one JSON object a line, or one JSON list of them", _JSON, frozenset({Content.STATEMENTS}), "-p PROGRAMME"
    ),
    "moodle": Takes(
        "a log of Moodle's as CSV, TSV or JSON", _JSON | {Form.TABLE}, frozenset({Content.MOODLE}), "-p PROGRAMME --site https://ADDRESS"
    ),
    "openedx": Takes(
        "tracking logs, one JSON object a line", frozenset({Form.JSON_LINES}), frozenset({Content.TRACKING}),
        "-p PROGRAMME --site https://ADDRESS",
    ),
    "caliper": Takes("envelopes or events of Caliper as JSON", _JSON, frozenset({Content.CALIPER}), "-p PROGRAMME"),
    "roster": Takes(
        "rosters as workbooks or text tables", _TABLES, frozenset({Content.ROSTER}), "-p PROGRAMME", is_by_bytes=False
    ),
    "log": Takes(
        "a table with a row for each deed", _TABLES, options="--map MAP.toml -p PROGRAMME", is_by_bytes=False
    ),
}  # fmt: skip

_FORMS: Mapping[Form, str] = {
    Form.EMPTY: "empty",
    Form.JSON_LINES: "JSON, one object a line",
    Form.JSON_LIST: "one JSON list",
    Form.JSON_DOCUMENT: "one JSON document",
    Form.TABLE: "a text table (CSV or TSV)",
    Form.TEXT: "text, neither JSON nor a table",
    Form.WORKBOOK: "a workbook of a spreadsheet program",
    Form.ARCHIVE: "an archive of packed files",
    Form.SQLITE: "a database of SQLite",
    Form.PDF: "a PDF",
    Form.HTML: "a page of the web (HTML)",
    Form.XML: "XML",
    Form.PARQUET: "a Parquet file",
    Form.DAMAGED_GZIP: "packed with gzip, and damaged",
    Form.BINARY: "binary data of no kind that is read here",
}
_CONTENTS: Mapping[Content, str] = {
    Content.EVENTS: "our own events",
    Content.STATEMENTS: "xAPI statements",
    Content.CALIPER: "Caliper",
    Content.TRACKING: "a tracking log of Open edX",
    Content.MOODLE: "a log of Moodle's",
    Content.ROSTER: "a roster",
    Content.OULAD: "a table of the Open University's dataset",
}
#: What helps with a form that nothing takes.
_HELP: Mapping[Form, str] = {
    Form.EMPTY: "nothing to import",
    Form.TEXT: "no import takes it",
    Form.ARCHIVE: "unpack it, and import the files in it",
    Form.SQLITE: "if it is a log of ours, name it with XUEQING_LOG; else export the table as CSV",
    Form.PDF: "ask the sender for the table as XLSX or CSV",
    Form.HTML: "a page may stand in for a download that failed, or be a table saved as a page: open it in a browser; from a spreadsheet program save it as XLSX",
    Form.XML: "open it in a spreadsheet program and save it as XLSX or CSV",
    Form.PARQUET: "write it as CSV first",
    Form.DAMAGED_GZIP: "fetch it again",
    Form.BINARY: "no import takes it",
}  # fmt: skip
#: What else a table may be whose columns tell nothing.
_OTHERWISE = (
    " (rosters: xueqing import roster; totals so far: xueqing import table; answers of a survey: xueqing survey form)"
)
_USUAL_ENCODINGS = ("", "utf-8", "utf-8-sig")


def described(kind: Kind) -> str:
    """A kind in words, such as ``a text table (CSV or TSV) in UTF-16, packed with gzip: a log of Moodle's``."""
    text = _FORMS[kind.form]
    if kind.encoding not in _USUAL_ENCODINGS:
        text += f" in {kind.encoding.upper()}"
    if kind.is_packed and kind.form is not Form.DAMAGED_GZIP:
        text += ", packed with gzip"
    if kind.content is not Content.UNKNOWN:
        text += f": {_CONTENTS[kind.content]}"
    return text


def next_command(kind: Kind, name: str) -> str:
    """The command that takes a file of this kind, or what is to be done with it first.

    Args:
        name: the file's, as it stands in the command; ``-`` for standard input.
    """
    if kind.content is Content.OULAD:
        return "xueqing import oulad FOLDER (the folder that the release's tables are in)"
    command = next((one for one, takes in IMPORTS.items() if kind.content in takes.contents), None)
    if command is None and kind.form in _TABLES:
        command = "log"
    if command is None:
        return _HELP.get(
            kind.form,
            "no import takes it: its objects are neither events, statements, Caliper, tracking events nor a log of Moodle's",
        )
    takes = IMPORTS[command]
    name = shlex.quote(name)
    reads, given = "", name
    if not takes.is_by_bytes and kind.is_packed:
        return f"unpack it first (gunzip), then: xueqing import {command} FILE {takes.options}"
    if kind.form is Form.WORKBOOK and takes.is_by_bytes:
        return f"save it as CSV in UTF-8, then: xueqing import {command} FILE {takes.options}".rstrip()
    if takes.is_by_bytes and kind.encoding not in _USUAL_ENCODINGS:
        unpack = f"gzip -dc {name} | " if kind.is_packed else ""
        reads = (
            f"{unpack}iconv -f {kind.encoding.upper().replace('16-', '16')} -t UTF-8 {'' if kind.is_packed or name == '-' else name}".rstrip()
            + " | "
        )
        given = "-"
    line = f"{reads}xueqing import {command} {given} {takes.options}".rstrip()
    return f"{line}{_OTHERWISE}" if command == "log" else line


def why_refused(command: str, kind: Kind, name: str) -> str | None:
    """Why an import does not take a file: what the file seems to be, and the command that would take it. None where it takes it."""
    takes = IMPORTS[command]
    is_readable = not takes.is_by_bytes or kind.encoding in _USUAL_ENCODINGS
    if not takes.is_by_bytes and kind.is_packed:
        is_readable = False
    is_foreign = takes.contents and kind.content is not Content.UNKNOWN and kind.content not in takes.contents
    # Rosters whose columns the mapping file names are known by it alone; a table of another platform may be mapped as it is.
    if command == "roster" and kind.form in _TABLES:
        is_foreign = False
    if (
        kind.form in takes.forms
        and is_readable
        and not is_foreign
        and (takes.is_by_bytes or not _wrong_ending(kind, name))
    ):
        return None
    if not takes.is_by_bytes and kind.form in takes.forms and is_readable and (wrong := _wrong_ending(kind, name)):
        return f"{name} {wrong}. Nothing was written"
    shown = "standard input" if name == "-" else name
    is_what = "is" if kind.form is Form.EMPTY else "seems to be"
    return f"{shown} {is_what} {described(kind)}; import {command} takes {takes.what}. Nothing was written. {_hint(kind, name)}"


def _wrong_ending(kind: Kind, name: str) -> str:
    """How a table's name belies it: tables are read as what their name's ending says."""
    ending = name[name.rfind(".") :].lower()
    if kind.form is Form.TABLE and ending in WORKBOOK_ENDINGS:
        return f"is called {ending} and is {described(kind)}: rename it to end in .csv"
    if kind.form is Form.WORKBOOK and ending in TEXT_ENDINGS:
        return (
            f"is called {ending} and is {described(kind)}: rename it to end in .xlsx, or in .xls or .ods if it is one"
        )
    return ""


def _hint(kind: Kind, name: str) -> str:
    command = next_command(kind, name)
    return f"Try: {command}" if "xueqing import" in command else f"{command[0].upper()}{command[1:]}."
