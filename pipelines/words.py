"""The catalogue of texts in both languages, a share of a count, and how text, counts and rates are printed.

The texts stand in ``texts.toml`` by section and key. A rate is printed from whole counts, half up, and never passes through a binary fraction.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

__all__ = [
    "LANGUAGES", "NO_VALUE", "Label", "Share", "clean_text", "count_text", "label_of", "labels_of", "percent", "words_of",
]  # fmt: skip

#: The languages that every text has.
LANGUAGES = ("zh", "en")

#: Control characters, which crash renderers, and marks that turn the direction of the text around them.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")

#: An empty denominator has no rate, and never 0.
NO_VALUE = "–"


def percent(numerator: int, denominator: int, decimals: int = 2) -> str:
    """``numerator`` of ``denominator`` in percent, half up to ``decimals``; a dash for an empty denominator."""
    if denominator == 0:
        return NO_VALUE
    scale = 10**decimals
    units = (numerator * 100 * scale * 2 + denominator) // (2 * denominator)
    whole, part = divmod(units, scale)
    return f"{whole}.{part:0{decimals}d}" if decimals else str(whole)


def clean_text(text: str) -> str:
    """What somebody wrote, without what would break or turn around what stands beside it."""
    return _CONTROL.sub("", text)


def count_text(count: int) -> str:
    """A whole number with its thousands set apart."""
    return f"{count:,}"


@dataclass(frozen=True, slots=True)
class Label:
    """A text in both languages."""

    zh: str
    en: str

    def of(self, language: str) -> str:
        return clean_text(self.zh if language == "zh" else self.en)


@cache
def _catalogue() -> Mapping[str, Mapping[str, Label]]:
    """Every section of the catalogue by its name, such as ``audit.rules``: its texts by key."""
    found: dict[str, dict[str, Label]] = {}

    def read(section: str, table: Mapping[str, Any]) -> None:
        for key, value in table.items():
            if value.keys() == set(LANGUAGES) and all(isinstance(text, str) for text in value.values()):
                found.setdefault(section, {})[key] = Label(**value)
            else:
                read(f"{section}.{key}".lstrip("."), value)

    read("", tomllib.loads(Path(__file__).with_name("texts.toml").read_text(encoding="utf-8")))
    return found


def labels_of(section: str) -> Mapping[str, Label]:
    """The texts of a section of the catalogue, by key."""
    return _catalogue()[section]


def label_of(section: str, key: str, **values: object) -> Label:
    """One text of the catalogue, filled in with ``values``; a value that is a label is filled in by language."""
    text = _catalogue()[section][key]
    if not values:
        return text
    return Label(
        text.zh.format(**{k: v.zh if isinstance(v, Label) else v for k, v in values.items()}),
        text.en.format(**{k: v.en if isinstance(v, Label) else v for k, v in values.items()}),
    )


@cache
def words_of(section: str, language: str) -> Mapping[str, str]:
    """The texts of a section in ``zh`` or ``en``, by key; ``{…}`` in them is for ``str.format``."""
    if language not in LANGUAGES:
        raise KeyError(language)
    return {key: getattr(text, language) for key, text in _catalogue()[section].items()}


class Share(msgspec.Struct, frozen=True, gc=False):
    """So many of so many enrolments; None where the figure is withheld, so that nobody can be made out."""

    numerator: int | None
    denominator: int | None
