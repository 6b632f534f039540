"""The mapping file of a roster: what its columns are and what its places mean, for an office to correct."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.sources.roster.columns import FIELDS
from warehouse.errors import BadConfiguration

__all__ = ["Mapped", "read_mapping", "write_mapping"]

_TABLES = ("columns", "counties", "subjects", "school_stages", "schools", "classes")
_TEXTS: Mapping[str, str] = {
    "columns": (
        "# 表中各列的含义；留空表示不用这一列。\n# What each column of the roster is; an empty one is not used.\n"
        f"# {', '.join(FIELDS)}\n"
    ),
    "counties": "# 区县名称 = 方案包 counties.csv 中的 county_id。\n# What the roster calls a county = county_id of the pack.\n",
    "subjects": "# 学科名称 = 方案包 subjects.csv 中的 subject_id。\n# What the roster calls a subject = subject_id of the pack.\n",
    "school_stages": "# 学段名称 = 方案包 school_stages.csv 中的 school_stage。\n# What the roster calls a stage = school_stage of the pack.\n",
    "schools": "# 学校名称 = 已有学校的编号；同一所学校有几种写法时用。\n# What the roster calls a school = the id of a known one, for a school that is written in several ways.\n",
    "classes": "# 班级名称 = 已有班级的编号。\n# What the roster calls a class = the id of a known one.\n",
}


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a mapping file says, by table: the text of the roster and what it means; empty texts mean nothing yet.

    Attributes:
        home_page: the platform of the roster's accounts, as its xAPI statements give it; empty where it has none.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    counties: Mapping[str, str] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)
    school_stages: Mapping[str, str] = field(default_factory=dict)
    schools: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)
    home_page: str = ""

    def with_more(self, table: str, texts: Mapping[str, str]) -> Mapping[str, str]:
        """A table with further texts; what it says already stands."""
        said: Mapping[str, str] = getattr(self, table)
        return {**texts, **said}


def read_mapping(text: str, file: str) -> Mapped:
    """What a mapping file says.

    Raises:
        BadConfiguration: it is no TOML, or has a table or a field that there is none of.
    """
    try:
        said = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise BadConfiguration(f"{file} is no TOML: {error}") from None
    for name, table in said.items():
        if name == "account" and isinstance(table, dict) and table.keys() <= {"home_page"}:
            continue
        if name not in _TABLES or not isinstance(table, dict) or not all(isinstance(v, str) for v in table.values()):
            raise BadConfiguration(f"{file}: [{name}] is no table of texts; there are {', '.join(_TABLES)} and account")
    for column, meant in said.get("columns", {}).items():
        if meant and meant not in FIELDS:
            raise BadConfiguration(f"{file}, columns: {column!r} is {meant!r}; expected one of {', '.join(FIELDS)}")
    return Mapped(
        **{name: said.get(name, {}) for name in _TABLES}, home_page=str(said.get("account", {}).get("home_page", ""))
    )


def write_mapping(mapped: Mapped) -> str:
    """The text of a mapping file; the same mapping gives the same text."""
    parts = []
    for name in _TABLES:
        rows = getattr(mapped, name)
        lines = [f"{_quoted(text)} = {_quoted(meant)}\n" for text, meant in rows.items()]
        parts.append(_TEXTS[name] + f"[{name}]\n" + "".join(lines))
    parts.append(
        "# 平台地址：与该平台 xAPI 记录中的账号对应。\n# The platform of the accounts, as its xAPI statements name it.\n"
        f"[account]\nhome_page = {_quoted(mapped.home_page)}\n"
    )
    return "\n".join(parts)


def _quoted(text: str) -> str:
    # A JSON string is a TOML string, but for the sign that TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
