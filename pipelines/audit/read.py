"""Reads figures, relations and tables of shares from CSV files; what cannot be read is told by row and column."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

from pipelines.audit.expressions import names
from pipelines.audit.model import PrintedFigure, Relation, Unread
from pipelines.audit.printed import Printed
from pipelines.words import Label
from warehouse.errors import BadConfiguration

__all__ = ["figures_of", "read_figures", "read_relations", "read_shares", "relations_of", "shares_of"]

Rows = Sequence[Mapping[str, str]]
#: What a column may be called, beside its own name.
_CALLED = {
    "figure_id": ("id", "figure", "图号", "编号"),
    "value_as_printed": ("value", "printed", "数值", "印出值"),
    "unit": ("单位",),
    "numerator": ("numerator_figure", "分子"),
    "denominator": ("denominator_figure", "n", "分母"),
    "as_of": ("as_of_on", "date", "日期", "截至"),
    "indicator": ("computed", "指标"),
    "group": ("county", "county_id", "组别", "区县"),
    "source": ("vendor", "来源", "平台"),
    "part_of": ("whole", "合成"),
    "sample": ("样本",),
    "statistic": ("统计量",),
    "items": ("item_count", "题数"),
    "scale_min": ("最低级",),
    "scale_max": ("最高级",),
    "is_cumulative": ("cumulative", "累计"),
    "label_zh": ("名称",),
    "label_en": ("label",),
    "where_zh": ("出处",),
    "where_en": ("where",),
}
_RELATION = {
    "relation_id": ("id", "编号"),
    "left": ("左",),
    "relation": ("关系",),
    "right": ("右",),
    "why_zh": ("理由",),
    "why_en": ("why",),
}
_SHARES = {
    "item": ("item_id", "题号", "项目"),
    "respondents": ("respondents_figure", "n", "答卷数"),
    "form_id": (),
    "label_zh": ("名称",),
    "label_en": ("label",),
}
_YES = ("1", "yes", "true", "y", "是")
_PERCENT = re.compile(r"(.*?)(?:_pct|_percent|\s*[(（]?[%％][)）]?)")
_NAME = re.compile(r"[^\W\d]\w*")


def _aliases(called: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """What a column may be called → its own name."""
    return {alias: name for name, aliases in called.items() for alias in (name, *aliases)}


def _label(row: Mapping[str, str], what: str, other: str) -> Label:
    """In both languages; in the one that is there where one is missing."""
    zh, en = row.get(f"{what}_zh", ""), row.get(f"{what}_en", "")
    return Label(zh or en or other, en or zh or other)


def _rows(file: Path, called: Mapping[str, Sequence[str]], needed: Sequence[str], *, others: bool = False) -> Rows:
    """A CSV file's rows under our own names of its columns.

    Raises:
        BadConfiguration: there is no such file, a column is missing or unknown, or comes twice.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise BadConfiguration(f"there is no file {file}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{file} cannot be read as UTF-8 text: {error}") from error
    reader = csv.reader(text.splitlines(keepends=True))
    header = [h.strip() for h in next(reader, [])]
    ours = _aliases(called)
    columns = [ours.get(h.lower(), h) for h in header]
    unknown = [h for h, c in zip(header, columns, strict=True) if c not in called]
    if unknown and not others:
        raise BadConfiguration(f"{file.name}: unknown column {', '.join(unknown)}; known are {', '.join(called)}")
    for name in needed:
        if name not in columns:
            raise BadConfiguration(
                f"{file.name}: the column {name} is missing; it has {', '.join(header) or 'no header'}"
            )
    twice = {c for c in columns if columns.count(c) > 1}
    if twice:
        raise BadConfiguration(f"{file.name}: the column {', '.join(sorted(twice))} comes twice")
    return [
        {c: v.strip() for c, v in zip(columns, row, strict=False)}
        for row in reader
        if any(cell.strip() for cell in row)
    ]


def read_figures(file: Path) -> tuple[dict[str, PrintedFigure], list[Unread]]:
    """The figures of a file by id, and the cells that could not be read.

    Raises:
        BadConfiguration: the file is no table of figures.
    """
    return figures_of(_rows(file, _CALLED, ("figure_id", "value_as_printed")), file.name)


def figures_of(rows: Rows, file: str) -> tuple[dict[str, PrintedFigure], list[Unread]]:
    """The same of rows under our names or their aliases."""
    ours = _aliases(_CALLED)
    found: dict[str, PrintedFigure] = {}
    unread: list[Unread] = []
    for number, raw in enumerate(rows, 2):
        row = {ours.get(k, k): v for k, v in raw.items()}
        name = row["figure_id"]
        if name in found:
            unread.append(Unread(file, number, "figure_id", f"{name} comes twice"))
            continue
        if not _NAME.fullmatch(name):
            unread.append(Unread(file, number, "figure_id", f"{name!r} is no name: letters, digits and _ only"))
            continue
        column = "value_as_printed"
        try:
            value = Printed.parse(row[column], is_percent=row.get("unit", "").startswith("percent"))
            column = "as_of"
            as_of = date.fromisoformat(row[column]) if row.get(column) else None
            column = "scale_min"
            ends = [int(row[c]) for c in ("scale_min", "scale_max") if row.get(c)]
            column = "items"
            items = int(row.get("items") or 1)
            column = "numerator"
            parts: dict[str, str | None] = {}
            for column in ("numerator", "denominator"):
                parts[column] = _part(row.get(column, ""), found)
        except (BadConfiguration, ValueError) as error:
            unread.append(Unread(file, number, column, str(error)))
            continue
        found[name] = PrintedFigure(
            name, value,
            _label(row, "label", name), _label(row, "where", ""),
            row.get("unit", ""), parts["numerator"], parts["denominator"], as_of, row.get("indicator", ""), row.get("group", ""),
            row.get("source", ""), row.get("part_of", ""), row.get("sample", ""), row.get("statistic", ""), items,
            (ends[0], ends[1]) if len(ends) == 2 else None, row.get("is_cumulative", "").lower() in _YES,
        )  # fmt: skip
    lost = {name for one in found.values() for name in (one.numerator, one.denominator) if name and name not in found}
    for name, one in list(found.items()):
        if lost & {one.numerator, one.denominator}:
            which = ", ".join(sorted(lost & {one.numerator, one.denominator}))
            unread.append(Unread(file, 0, "denominator", f"{name} names {which}, which could not be read"))
            del found[name]
    return found, unread


def _part(text: str, found: dict[str, PrintedFigure]) -> str | None:
    """The id of a numerator or denominator; a number that stands there itself becomes a figure."""
    if not text or _NAME.fullmatch(text):
        return text or None
    printed = Printed.parse(text)
    name = f"={printed.text}"
    found.setdefault(name, PrintedFigure(name, printed, Label(printed.text, printed.text)))
    return name


def read_relations(file: Path) -> list[Relation]:
    """The relations of a file.

    Raises:
        BadConfiguration: the file is no table of relations, or one cannot be read.
    """
    return relations_of(_rows(file, _RELATION, ("left", "relation", "right")), file.name)


def relations_of(rows: Rows, file: str) -> list[Relation]:
    """The same of rows under our names."""
    found = []
    for number, row in enumerate(rows, 2):
        name = row.get("relation_id") or f"row {number}"
        try:
            names(row["left"])
            names(row["right"])
        except BadConfiguration as error:
            raise BadConfiguration(f"{file} row {number}, {name}: {error}") from error
        found.append(Relation(name, row["left"], row["relation"], row["right"], _label(row, "why", name)))
    return found


def read_shares(
    file: Path, figures: dict[str, PrintedFigure], respondents: str | None
) -> tuple[dict[str, PrintedFigure], list[Unread]]:
    """The figures of a table of shares, one row an item: every column whose name ends in _pct or % is a share of its whole.

    Args:
        figures: those that its respondents may name.
        respondents: the figure or number of those who answered, where the table does not say.

    Raises:
        BadConfiguration: the file is no such table.
    """
    return shares_of(_rows(file, _SHARES, ("item",), others=True), file.name, figures, respondents)


def shares_of(
    rows: Rows, file: str, figures: Mapping[str, PrintedFigure], respondents: str | None = None,
    levels: Mapping[str, Label] | None = None,
) -> tuple[dict[str, PrintedFigure], list[Unread]]:  # fmt: skip
    """The same of rows; ids are those of the items and columns, ``levels`` what columns are called."""
    ours = _aliases(_SHARES)
    found: dict[str, PrintedFigure] = {}
    unread: list[Unread] = []
    for number, raw in enumerate(rows, 2):
        row = {ours.get(k, k): v for k, v in raw.items()}
        item = row["item"]
        try:
            denominator = _part(row.get("respondents") or respondents or "", found)
        except BadConfiguration as error:
            unread.append(Unread(file, number, "respondents", str(error)))
            continue
        if denominator is not None and denominator not in figures and denominator not in found:
            raise BadConfiguration(f"{file} row {number}: there is no figure {denominator!r} of respondents")
        label = _label(row, "label", item)
        for column, level in _levels(row):
            if not row[column]:
                continue
            name = f"{item}·{level}"
            try:
                printed = Printed.parse(row[column], is_percent=True)
            except BadConfiguration as error:
                unread.append(Unread(file, number, column, str(error)))
                continue
            found[name] = PrintedFigure(
                name, printed, _joined(label, (levels or {}).get(level, Label(level, level))), unit="percent",
                denominator=denominator, part_of=f"{file} {item}",
            )  # fmt: skip
    return found, unread


def _joined(item: Label, level: Label) -> Label:
    return Label(f"{item.zh}·{level.zh}", f"{item.en} · {level.en}")


def _levels(row: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for column in row:
        found = _PERCENT.fullmatch(column)
        if found is not None and found.group(1):
            yield column, found.group(1)
