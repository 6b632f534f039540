"""Conditions in SQL: what held on a date, and which definitions were in force.

A period has its first day and the day after its last; one that has not ended ends on 9999-12-31.
"""

from __future__ import annotations

__all__ = ["holds_on", "in_force"]


def holds_on(on: str, table: str = "") -> str:
    """That a row of ``table`` holds on a date, which is written as SQL has it (``$on``, ``date '2017-12-25'``)."""
    of = f"{table}." if table else ""
    return f"{of}valid_from_on <= {on} and {of}valid_to_on > {on}"


def in_force(on: str, definitions: str = "") -> str:
    """That a version of a programme's definitions is in force on a date."""
    of = f"{definitions}." if definitions else ""
    return f"{of}applies_from_on <= {on} and {of}applies_to_on > {on}"
