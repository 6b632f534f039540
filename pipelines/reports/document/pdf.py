"""A document as PDF, set by Typst (a library, no browser), its Chinese font embedded."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, time
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipelines.reports.document.blocks import (
    Block,
    Cards,
    Chart,
    Definitions,
    Document,
    Heading,
    Items,
    Notice,
    Paragraph,
    Slot,
    Table,
)
from pipelines.reports.document.html import column_groups

__all__ = ["render_pdf"]

_FONT = "NotoSansCJKsc-Regular.otf"


def render_pdf(document: Document) -> bytes:
    """The pages (A4). Everything is passed to the template as data, so no text of a person can be markup."""
    import typst  # 0.1 s to import; only PDFs need it

    template = (resources.files("pipelines.reports") / "templates" / "document.typ").read_text("utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # The wheel that carries the font has others beside it, which are not free.
        (folder / "fonts").mkdir()
        (folder / "fonts" / _FONT).symlink_to(_font_file())
        (folder / "document.typ").write_text(template, encoding="utf-8")
        data = {
            "language": document.language,
            "title": document.title,
            "subtitle": document.subtitle,
            "on": document.on.isoformat(),
            "footer": list(document.footer),
            "blocks": [_data(block, folder, n, document) for n, block in enumerate(document.blocks)],
        }
        (folder / "document.json").write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
        pages: bytes = typst.compile(
            str(folder / "document.typ"),
            root=str(folder),
            font_paths=[str(folder / "fonts")],
            ignore_system_fonts=True,
            # The same document is the same file: its date is the report's, not the clock's.
            timestamp=int(datetime.combine(document.on, time(), UTC).timestamp()),
        )
    return pages


def _font_file() -> Path:
    # Found without being imported: that would import matplotlib.
    found = find_spec("mplfonts")
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / "fonts" / _FONT


def _data(block: Block, folder: Path, number: int, document: Document) -> Mapping[str, Any]:
    match block:
        case Heading(text):
            return {"kind": "heading", "text": text}
        case Paragraph(text):
            return {"kind": "paragraph", "text": text}
        case Notice(text):
            return {"kind": "notice", "text": text}
        case Slot(label, text):
            return {"kind": "slot", "label": label, "text": text}
        case Items(items):
            return {"kind": "items", "items": list(items)}
        case Definitions(terms):
            return {"kind": "definitions", "terms": [list(term) for term in terms]}
        case Cards(cards):
            return {
                "kind": "cards",
                "cards": [
                    {
                        "label": c.label,
                        "value": c.value.text + (" %" if c.value.kind == "percent" else ""),
                        "details": list(c.details),
                    }
                    for c in cards
                ],
            }
        case Chart(svg, caption, described):
            file = f"figure-{number}.svg"
            (folder / file).write_text(svg, encoding="utf-8")
            return {"kind": "figure", "file": file, "caption": caption, "described": described}
        case Table():
            return _table(block, is_said=document.is_said(block))


#: From so many letters on (a Chinese one counts two) a column shares what is left of the line.
_LONG = 26
#: In a table of many columns already from so many on.
_LONG_OF_MANY, _MANY = 16, 8


def _is_long(table: Table, column: int) -> bool:
    if table.columns[column].is_number:
        return False
    longest = _LONG_OF_MANY if len(table.columns) > _MANY else _LONG
    texts = (row.cells[column].text for row in table.rows[: table.most])
    return any(_units(text) > longest for text in texts)


def _units(text: str) -> int:
    return sum(1 + (ord(c) > 0x2E80) for c in text)


#: A label of so many letters is broken into lines, or it would take the room of the columns that share what is left.
_LONG_LABEL = 11


def _width(table: Table, column: int) -> float:
    """Of a column of numbers with a long label, the width in em that its numbers and the label's words need; else 0."""
    label = table.columns[column].label
    if not table.columns[column].is_number or _units(label) <= _LONG_LABEL:
        return 0.0
    # Chinese is broken anywhere, another script between words.
    words = _LONG_LABEL if ord(max(label)) > 0x2E80 else max(_units(word) for word in label.split())
    cells = max((_units(row.cells[column].text) for row in table.rows[: table.most]), default=0)
    return round(0.56 * max(words, cells) + 1.3, 2)


def _table(table: Table, *, is_said: bool) -> Mapping[str, Any]:
    shown = table.rows[: table.most] if table.most else table.rows
    return {
        "kind": "table",
        "caption": "" if is_said else table.caption,
        "groups": [list(group) for group in column_groups(list(table.columns))],
        "columns": [
            {"label": c.label, "number": c.is_number, "long": _is_long(table, n), "width": _width(table, n)}
            for n, c in enumerate(table.columns)
        ],
        "rows": [
            {
                "total": row.is_total,
                "level": row.level,
                "anchor": row.anchor,
                "cells": [{"text": v.text, "shade": v.shade, "link": v.link} for v in row.cells],
            }
            for row in shown
        ],
        "note": table.note,
        "more": table.more if table.is_cut else "",
    }
