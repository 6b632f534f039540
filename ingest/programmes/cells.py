"""Reads a pack's CSV files into typed rows. Every cell that does not fit is told, not only the first of a row."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import NoneType
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from ingest.programmes.rows import REFERENCE_COLUMNS, Row

__all__ = ["Problem", "Table", "read_cells", "typed"]

#: Numbers as the models cast them.
_NUMBER = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,6})?")
R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong and where: ``row`` is the line of the file, its header being line 1.

    ``is_vital``: no model can compute with it: a file, a date or a number that cannot be read, ids that stand twice, points that do not
    add up.
    """

    file: str
    message: str
    row: int | None = None
    column: str = ""
    is_vital: bool = False

    def __str__(self) -> str:
        row = f" row {self.row}" if self.row else ""
        column = f", {self.column}" if self.column else ""
        return f"{self.file}{row}{column}: {self.message}"


@dataclass(frozen=True, slots=True)
class Table(Generic[R]):
    """A table's cells as they were written, each with its line; and as typed rows those whose cells can all be read."""

    file: str
    cells: list[tuple[int, dict[str, str]]]
    rows: list[R]

    @property
    def is_whole(self) -> bool:
        """Whether every row can be read."""
        return len(self.rows) == len(self.cells)

    def texts(self, column: str) -> frozenset[str]:
        """What stands in a column, also of rows with a cell that cannot be read."""
        return frozenset(cells[column] for _, cells in self.cells)


class _Column(NamedTuple):
    name: str
    type: Any
    #: str, int, float or date.
    base: type
    may_be_empty: bool
    expected: str
    words: Callable[[], Collection[str]] | None
    is_list: bool


@cache
def _columns(kind: type[Row]) -> tuple[_Column, ...]:
    hints = get_type_hints(kind, include_extras=True)
    return tuple(_column(name, hints[name]) for name in kind.__struct_fields__ if name != "line")


def _column(name: str, hint: Any) -> _Column:
    options = get_args(hint)
    may_be_empty = NoneType in options
    type_ = next(option for option in options if option is not NoneType) if may_be_empty else hint
    if get_origin(type_) is Literal:
        return _Column(name, type_, str, may_be_empty, "", lambda: get_args(type_), False)
    if get_origin(type_) is not Annotated:
        return _Column(name, type_, type_, may_be_empty, "", None, False)
    meta = type_.__metadata__[0]
    extra = meta.extra or {}
    return _Column(
        name, type_, type_.__origin__, may_be_empty, meta.description or "", extra.get("words"), extra.get("is_list", False)
    )  # fmt: skip


def read_cells(files: Mapping[str, bytes], name: str, kind: type[Row] | None, problems: list[Problem]) -> list[tuple[int, dict[str, str]]]:  # fmt: skip
    """The rows of a CSV file as texts, each with its line; what is wrong with the file's form is added to ``problems``.

    Args:
        kind: the table that it is, whose columns it must have; None: whatever stands there.
    """
    file = f"{name}.csv"
    if file not in files:
        if kind is None or not kind.is_optional:
            problems.append(Problem(file, "missing from the pack", is_vital=True))
        return []
    try:
        text = files[file].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"not UTF-8 at byte {error.start}; save it as CSV UTF-8"
        problems.append(Problem(file, message, is_vital=True))
        return []
    reader = csv.DictReader(io.StringIO(text, newline=""))
    header = list(reader.fieldnames or ())
    lacking: dict[str, str] = {}
    if kind is not None:
        columns = REFERENCE_COLUMNS[name]
        required = {f.name for f in msgspec.structs.fields(kind) if f.required}
        lacking = {c: "" for c in columns if c not in header and c not in required}
        problems += [
            Problem(file, "no such column in the file", 1, c, is_vital=True)
            for c in columns
            if c not in header and c not in lacking
        ]
        problems += [Problem(file, "unknown column", 1, c) for c in header if c not in columns]
    found = []
    for row in reader:
        if None in row or None in row.values():
            message = f"not the {len(header)} cells of the header"
            problems.append(Problem(file, message, reader.line_num, is_vital=True))
        else:
            found.append((reader.line_num, row | lacking))
    return found


def typed(name: str, kind: type[R], cells: list[tuple[int, dict[str, str]]], problems: list[Problem]) -> Table[R]:
    """The rows as ``kind``; cells that do not fit, and rows that are named as one before, are added to ``problems``."""
    file = f"{name}.csv"
    problems += _named_twice(file, kind, cells)
    rows = []
    for line, texts in cells:
        unused, is_readable = kind.unused(texts), True
        values: dict[str, Any] = {}
        for column in _columns(kind):
            text = "" if column.name in unused else texts[column.name]
            may_be_empty = column.may_be_empty or column.name in unused
            if column.name in kind.key and not text.strip():
                problems.append(Problem(file, "empty", line, column.name, is_vital=True))
                is_readable = False
                continue
            try:
                values[column.name], message = (None, "") if may_be_empty and not text else _read(column, text)
            except ValueError as error:
                problems.append(Problem(file, str(error), line, column.name, is_vital=True))
                is_readable = False
            else:
                if message:
                    problems.append(Problem(file, message, line, column.name))
        if is_readable:
            rows.append(kind(line=line, **values))
    return Table(file, cells, rows)


def _read(column: _Column, text: str) -> tuple[Any, str]:
    """A cell's value, and what is wrong with it where it can be read all the same.

    Raises:
        ValueError: it cannot be read.
    """
    if column.base is str:
        if column.words is None:
            try:
                return msgspec.convert(text, column.type), ""
            except msgspec.ValidationError:
                return text, f"{text!r}; expected {column.expected}"
        known = column.words()
        unknown = [word for word in (text.split("|") if column.is_list else [text]) if word not in known]
        if not unknown:
            return text, ""
        expected = f"{'some' if column.is_list else 'one'} of {', '.join(sorted(known))}{', joined by |' if column.is_list else ''}"
        return text, f"{'|'.join(unknown)!r} is unknown; expected {expected}"
    if column.base is date:
        try:
            return msgspec.convert(text, date), ""
        except msgspec.ValidationError:
            raise ValueError(f"{text!r} is no date such as 2017-10-10") from None
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is no number such as 60 or 0.5")
    try:
        return msgspec.convert(text, column.type, strict=False), ""
    except msgspec.ValidationError:
        value = float(text)
        return value if column.base is float else round(value), f"{text}; expected {column.expected}"


def _named_twice(file: str, kind: type[Row], cells: list[tuple[int, dict[str, str]]]) -> Iterator[Problem]:
    seen: dict[tuple[str, ...], int] = {}
    for line, texts in cells:
        names = tuple(texts[column] for column in kind.key)
        if names and all(name.strip() for name in names):
            if names in seen:
                message = f"{', '.join(map(repr, names))} stands in row {seen[names]} already"
                yield Problem(file, message, line, kind.key[-1], is_vital=True)
            seen.setdefault(names, line)
