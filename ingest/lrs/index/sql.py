"""Reads the SQL of the index: each ``.sql`` file holds the statements of the module of its name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

__all__ = ["marks", "sql_of"]

_NAME = "-- name: "


@cache
def sql_of(file: str) -> Mapping[str, str]:
    """The statements of a file by name, in their order, without comments.

    A statement begins with ``-- name: …``, a line of comment says what it is for, and the text follows. ``?`` stands for a value,
    ``{marks}`` for a list of them (:func:`marks`), any other name in braces for what the module fills in.
    """
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in files(__package__).joinpath(f"{file}.sql").read_text(encoding="utf-8").splitlines():
        if line.startswith(_NAME):
            name = line.removeprefix(_NAME).strip()
            if name in found:
                raise ValueError(f"{file}.sql has two statements named {name}")
            lines = found[name] = []
        elif line.strip() and not line.startswith("--"):
            lines.append(line.strip())
    return {name: " ".join(text) for name, text in found.items()}


def marks(count: int) -> str:
    """A list of ``count`` values."""
    return ", ".join("?" * count)
