"""CSV that is opened by a spreadsheet."""

from __future__ import annotations

import re

__all__ = ["safe_cell"]

_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def safe_cell(value: object) -> str:
    """As text that no spreadsheet takes for a formula: a ``'`` stands before what begins like one and is no number."""
    text = str(value)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
