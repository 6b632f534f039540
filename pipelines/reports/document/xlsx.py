"""A document as a workbook: real numbers with formats, frozen headers, filters, a sheet a table."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, time
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from pipelines.reports.document.blocks import (
    Cards,
    Definitions,
    Document,
    Heading,
    Items,
    Notice,
    Paragraph,
    Slot,
    Table,
    Value,
)
from pipelines.words import clean_text, words_of

__all__ = ["render_xlsx"]

_FORMATS = {
    "count": "#,##0",
    "percent": "0.00%",
    "points": "#,##0.00",
    "change": "+0.00;-0.00;0.00",
    "date": "yyyy-mm-dd",
    "text": "@",
    "none": "@",
    "hidden": "@",
}
#: What a cell of a workbook can hold.
_LONGEST = 32_767


def _clean(text: str) -> str:
    return clean_text(text)[:_LONGEST]


def _sheet_name(name: str, used: set[str]) -> str:
    base = re.sub(r"[\[\]:*?/\\']", " ", _clean(name)).strip()[:28] or "Sheet"
    found, n = base, 1
    while found.lower() in used:
        n += 1
        found = f"{base} {n}"
    used.add(found.lower())
    return found


def render_xlsx(document: Document) -> bytes:
    """The workbook. What people wrote goes in as strings, never as formulas."""
    target = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(target, options) as book:
        # The same document is the same file: its date is the report's, not the clock's.
        book.set_properties(
            {
                "title": _clean(document.title),
                "created": datetime.combine(document.on, time(), UTC).replace(tzinfo=None),
            }
        )
        w = words_of("workbook", document.language)
        styles = _Styles(book)
        used: set[str] = set()
        _write_text(book.add_worksheet(_sheet_name(w["overview"], used)), document, styles)
        for block in document.blocks:
            if isinstance(block, Table):
                _write_table(book.add_worksheet(_sheet_name(block.name, used)), block, styles)
        terms = [term for block in document.blocks if isinstance(block, Definitions) for term in block.terms]
        if terms:
            sheet = book.add_worksheet(_sheet_name(w["definitions"], used))
            sheet.set_column(0, 0, 32)
            sheet.set_column(1, 1, 100)
            for line, (term, text) in enumerate(terms):
                sheet.write_string(line, 0, _clean(term), styles.bold)
                sheet.write_string(line, 1, _clean(text), styles.wrapped)
    return target.getvalue()


class _Styles:
    def __init__(self, book: Any) -> None:
        self._book = book
        self._kept: dict[tuple[str, bool], Any] = {}
        self.title = book.add_format({"bold": True, "font_size": 16})
        self.bold = book.add_format({"bold": True, "valign": "top"})
        self.wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        self.header = book.add_format(
            {"bold": True, "text_wrap": True, "bottom": 1, "valign": "bottom", "bg_color": "#E8EEF4"}
        )

    def of(self, kind: str, *, is_total: bool) -> Any:
        key = (kind, is_total)
        if key not in self._kept:
            look = {"num_format": _FORMATS[kind], **({"bold": True, "top": 1} if is_total else {})}
            if kind in ("none", "hidden"):
                look["align"] = "right"
            self._kept[key] = self._book.add_format(look)
        return self._kept[key]


def _write_value(sheet: Any, row: int, column: int, value: Value, style: Any) -> None:
    if value.kind == "date" and value.day is not None:
        sheet.write_datetime(row, column, datetime.combine(value.day, time()), style)
    elif value.kind == "percent" and value.number is not None:
        sheet.write_number(row, column, float(value.number / 100), style)
    elif value.number is not None:
        sheet.write_number(row, column, float(value.number), style)
    else:
        sheet.write_string(row, column, _clean(value.text), style)


def _write_table(sheet: Any, table: Table, styles: _Styles) -> None:
    names = [f"{c.group} {c.label}".strip() for c in table.columns]
    sheet.write_string(0, 0, _clean(table.caption), styles.bold)
    for column, name in enumerate(names):
        sheet.write_string(1, column, _clean(name), styles.header)
    totals = [row for row in table.rows if row.is_total]
    rows = [row for row in table.rows if not row.is_total]
    for line, row in enumerate([*rows, *totals], 2):
        for column, value in enumerate(row.cells):
            _write_value(sheet, line, column, value, styles.of(value.kind, is_total=row.is_total))
        if row.level:
            # The first level is seen; the others open by the plus signs beside the line that holds them.
            sheet.set_row(line, None, None, {"level": row.level, "hidden": row.level > 1})
    if any(row.level for row in rows):
        sheet.outline_settings(visible=True, symbols_below=False)
    last = max(2, len(rows) + 1)
    sheet.autofilter(1, 0, last, len(names) - 1)
    sheet.freeze_panes(2, 1)
    for column, c in enumerate(table.columns):
        texts = [names[column], *(row.cells[column].text for row in table.rows[:200])]
        width = max(sum(2 if ord(ch) > 0x2E80 else 1 for ch in text[:60]) for text in texts)
        sheet.set_column(column, column, min(60, max(8, width + 2)))
        if rows and all(row.cells[column].kind in ("percent", "none", "hidden") for row in rows) and c.is_number:
            letter = xl_col_to_name(column)
            sheet.conditional_format(
                f"{letter}3:{letter}{last + 1}",
                {"type": "2_color_scale", "min_type": "num", "min_value": 0, "max_type": "num", "max_value": 1,
                 "min_color": "#FFFFFF", "max_color": "#7FBF95"},
            )  # fmt: skip
    if table.note:
        sheet.write_string(len(table.rows) + 3, 0, _clean(table.note))
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(1)


def _write_text(sheet: Any, document: Document, styles: _Styles) -> None:
    sheet.set_column(0, 0, 44)
    sheet.set_column(1, 1, 16)
    sheet.set_column(2, 2, 70)
    sheet.write_string(0, 0, _clean(document.title), styles.title)
    sheet.write_string(1, 0, _clean(document.subtitle))
    line = 3
    for block in document.blocks:
        match block:
            case Heading(text):
                sheet.write_string(line + 1, 0, _clean(text), styles.bold)
                line += 2
            case Paragraph(text) | Notice(text):
                sheet.write_string(line, 0, _clean(text))
                line += 1
            case Slot(label, text):
                sheet.write_string(line, 0, _clean(label))
                sheet.write_string(line, 1, _clean(text))
                line += 1
            case Items(items):
                for item in items:
                    sheet.write_string(line, 0, _clean(item))
                    line += 1
            case Cards(cards):
                for card in cards:
                    sheet.write_string(line, 0, _clean(card.label))
                    _write_value(sheet, line, 1, card.value, styles.of(card.value.kind, is_total=False))
                    sheet.write_string(line, 2, _clean("; ".join(card.details)))
                    line += 1
            case Table(name=name):
                sheet.write_string(line, 0, f"→ {_clean(name)}")
                line += 1
    for text in document.footer:
        line += 1
        sheet.write_string(line, 0, _clean(text))
