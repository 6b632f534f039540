"""Documents as files, in every format."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from pipelines.reports.document.blocks import Document
from pipelines.reports.document.html import render_html
from pipelines.reports.document.markdown import render_markdown
from pipelines.reports.document.pdf import render_pdf
from pipelines.reports.document.xlsx import render_xlsx
from warehouse.errors import BadConfiguration

__all__ = ["FORMATS", "check_endings", "write_document", "write_file"]

FORMATS: Mapping[str, Callable[[Document], bytes]] = {
    "html": lambda document: render_html(document).encode(),
    "pdf": render_pdf,
    "xlsx": render_xlsx,
    "md": lambda document: render_markdown(document).encode(),
}


def check_endings(files: Collection[Path], what: str) -> None:
    """Whether a document can be written to each, before the work is done.

    Raises:
        BadConfiguration: one ends as no format does.
    """
    for file in files:
        if file.suffix[1:] not in FORMATS:
            raise BadConfiguration(f"{file}: write the {what} as {', '.join('.' + f for f in FORMATS)}")


def write_document(file: Path, document: Document, *, private: bool) -> None:
    """As the file's ending says."""
    write_file(file, FORMATS[file.suffix[1:]](document), private=private)


def write_file(file: Path, content: bytes, *, private: bool) -> None:
    """By rename, so that nobody reads half of it; what names learners is for its owner only."""
    fresh = file.with_name(f".{file.name}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600 if private else 0o644), "wb") as target:
        target.write(content)
    os.replace(fresh, file)
