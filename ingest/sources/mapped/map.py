"""The map of a log: which platform's it is and what its columns are."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from ingest.sources.moodle.times import Order
from warehouse.errors import BadConfiguration

__all__ = ["FIELDS", "PLATFORM", "LogMap", "read_map"]

#: What a column may be. One of the first four says who; ``id`` tells rows apart.
FIELDS = (
    "account", "id_number", "phone", "at", "event", "course", "object", "kind", "origin", "seconds", "minutes", "grade", "result", "characters", "id",
    "recorded",
)  # fmt: skip
WHO = ("account", "id_number", "phone")
_SETTINGS = ("platform", "event", "time_zone", "dates")
#: What a cell of a wide table may tell.
_CELL_VALUES = ("grade", "result", "seconds", "minutes")
PLATFORM = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class Cells:
    """The columns of a wide table whose every cell is a deed of its own, such as the grade of one assignment.

    Attributes:
        header: what the whole header of such a column is like; its group, if it has one, names the thing.
        event: the event of each cell.
        value: what the cell tells.
        only: the texts of cells that tell of a deed; none: all that are not blank.
    """

    header: re.Pattern[str]
    event: str
    value: str
    only: tuple[str, ...] = ()

    def thing(self, header: str) -> str | None:
        """The thing that a column is about, or None where it is none of these."""
        found = self.header.fullmatch(header)
        return None if found is None else (found.group(1) if found.groups() else header).strip()


@dataclass(frozen=True, slots=True)
class LogMap:
    """What a map says.

    Attributes:
        platform: as ``sources.csv`` calls it.
        columns: the field that each column is, by its header.
        event: the event of every row, where no column says it.
        time_zone: of times without one; empty: the programme's.
        dates: the order of the numbers in dates that are texts.
        home_page: the platform's address: its accounts are then those of its statements and of a roster with the same home page.
        cells: where each row has many deeds, a column each, the columns that are.
    """

    platform: str
    columns: Mapping[str, str]
    event: str = ""
    time_zone: str = ""
    dates: Order = "ymd"
    home_page: str = ""
    cells: tuple[Cells, ...] = ()


def read_map(text: str, file: str) -> LogMap:
    """The map in a TOML file.

    Raises:
        BadConfiguration: it is no TOML, lacks what a map needs, or has something that means nothing; the message says which.
    """
    try:
        said = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise BadConfiguration(f"{file} is no TOML: {error}") from None
    unknown = said.keys() - {*_SETTINGS, "columns", "account", "cells"}
    if unknown:
        raise BadConfiguration(
            f"{file}: {min(unknown)} means nothing; there are {', '.join(_SETTINGS)}, [columns], [account] and [[cells]]"
        )
    settings = {name: said[name] for name in _SETTINGS if name in said}
    columns, account = said.get("columns"), said.get("account", {})
    if not all(isinstance(value, str) for value in settings.values()) or not isinstance(account, dict):
        raise BadConfiguration(f"{file}: {', '.join(_SETTINGS)} are texts, [account] is a table with home_page")
    if not PLATFORM.fullmatch(settings.get("platform", "")):
        raise BadConfiguration(f"{file}: platform is a name of small letters, digits and _, such as scorm_cloud")
    if not isinstance(columns, dict) or not columns:
        raise BadConfiguration(f'{file}: [columns] is missing; it says what each column is, such as "时间" = "at"')
    wrong = {header: field for header, field in columns.items() if field not in FIELDS}
    if wrong:
        header, field = next(iter(wrong.items()))
        raise BadConfiguration(f"{file}, columns: {header!r} is {field!r}; expected one of {', '.join(FIELDS)}")
    fields = list(columns.values())
    twice = [field for field in fields if fields.count(field) > 1]
    if twice:
        raise BadConfiguration(f"{file}, columns: two are {twice[0]!r}")
    cells = tuple(_cells(each, file) for each in said.get("cells", ()))
    if ("at" not in fields and not cells) or not set(WHO) & set(fields):
        raise BadConfiguration(f"{file}, columns: one has to be at, and one of {', '.join(WHO)}")
    if cells and ("event" in fields or "event" in settings):
        raise BadConfiguration(f"{file}: the event of a cell is that of its [[cells]], and no other is said")
    if not cells and ("event" in fields) == ("event" in settings):
        raise BadConfiguration(f'{file}: the event is either a column or event = "…" for every row')
    if settings.get("dates", "ymd") not in get_args(Order):
        raise BadConfiguration(f"{file}: dates is one of {', '.join(get_args(Order))}")
    return LogMap(columns=columns, home_page=str(account.get("home_page", "")).rstrip("/"), cells=cells, **settings)


def _cells(said: object, file: str) -> Cells:
    if (
        not isinstance(said, dict)
        or said.keys() - {"header", "event", "value", "only"}
        or not {"header", "event", "value"} <= said.keys()
    ):
        raise BadConfiguration(f"{file}, cells: each has header, event and value, and may have only")
    only = said.get("only", [])
    if not isinstance(only, list) or not all(
        isinstance(text, str) for text in (*only, *(said[n] for n in ("header", "event", "value")))
    ):
        raise BadConfiguration(f"{file}, cells: header, event and value are texts, only is a list of texts")
    if said["value"] not in _CELL_VALUES:
        raise BadConfiguration(f"{file}, cells: value is one of {', '.join(_CELL_VALUES)}")
    try:
        header = re.compile(said["header"])
    except re.error as error:
        raise BadConfiguration(f"{file}, cells: {said['header']!r} is no regular expression: {error}") from None
    return Cells(header, said["event"], said["value"], tuple(only))
