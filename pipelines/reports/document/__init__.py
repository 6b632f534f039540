"""A report as a document of blocks, made once for a language, and its renderings: HTML, PDF, XLSX and Markdown."""

from pipelines.reports.document.blocks import (
    Block,
    Card,
    Cards,
    Chart,
    Column,
    Definitions,
    Document,
    Heading,
    Items,
    LazyRows,
    Notice,
    Paragraph,
    Row,
    Slot,
    Table,
    Value,
)

__all__ = [
    "Block",
    "Card",
    "Cards",
    "Chart",
    "Column",
    "Definitions",
    "Document",
    "Heading",
    "Items",
    "LazyRows",
    "Notice",
    "Paragraph",
    "Row",
    "Slot",
    "Table",
    "Value",
]
