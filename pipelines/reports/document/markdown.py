"""A document as Markdown, short enough for a chat: tables, no charts."""

from __future__ import annotations

import re

from pipelines.reports.document.blocks import (
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

__all__ = ["render_markdown"]

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!])")


def _plain(text: str) -> str:
    """Text that means nothing but itself in Markdown, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def render_markdown(document: Document) -> str:
    """The text; what people wrote is escaped."""
    parts = [f"# {_plain(document.title)}", _plain(document.subtitle)]
    for block in document.blocks:
        match block:
            case Heading(text):
                parts.append(f"## {_plain(text)}")
            case Paragraph(text):
                parts.append(_plain(text))
            case Notice(text):
                parts.append(f"> {_plain(text)}")
            case Slot(label, text):
                parts.append(f"> **{_plain(label)}** {_plain(text)}")
            case Items(items):
                parts.append("\n".join(f"- {_plain(item)}" for item in items))
            case Definitions(terms):
                parts.append("\n".join(f"- **{_plain(term)}**: {_plain(text)}" for term, text in terms))
            case Cards(cards):
                lines = [
                    f"- {_plain(c.label)}: **{_plain(c.value.text)}{' %' if c.value.kind == 'percent' else ''}**"
                    + (f" ({_plain('; '.join(c.details))})" if c.details else "")
                    for c in cards
                ]
                parts.append("\n".join(lines))
            case Chart(_, caption, described):
                said = "" if described in caption else f" {_plain(described)}"
                parts.append(f"*{_plain(caption)}*{said}")
            case Table():
                parts.append(_table(block, is_said=document.is_said(block)))
    parts += [_plain(line) for line in document.footer]
    return "\n\n".join(parts) + "\n"


def _table(table: Table, *, is_said: bool) -> str:
    names = [f"{c.group} {c.label}".strip() for c in table.columns]
    lines = [
        *([] if is_said else [f"**{_plain(table.caption)}**\n"]),
        "| " + " | ".join(map(_plain, names)) + " |",
        "|" + "|".join("---:" if c.is_number else "---" for c in table.columns) + "|",
    ]
    for row in table.rows[: table.most]:
        cells = [_plain(v.text) for v in row.cells]
        lines.append("| " + " | ".join(f"**{c}**" if row.is_total and c else c for c in cells) + " |")
    if table.is_cut:
        lines.append(f"\n{_plain(table.more)}")
    if table.note:
        lines.append(f"\n{_plain(table.note)}")
    return "\n".join(lines)
