"""A survey's form: its items, the levels in their order, and how a file of answers is to be read. Nothing is guessed."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import msgspec

from pipelines.reports.bulletin.model import Label
from warehouse.errors import BadConfiguration

__all__ = ["Form", "Item", "Level", "plain", "read_form"]


class Level(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A level of the scale: the code that events carry, its labels, and what else a file may have for it."""

    code: int
    label_zh: str
    label_en: str
    aliases: tuple[str, ...] = ()

    @property
    def label(self) -> Label:
        """In both languages."""
        return Label(self.label_zh, self.label_en)


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An item; ``columns`` are the headers that a file may have for it, beside its own id and labels.

    A reversed item agrees with the others where its answers are low: its score is turned around, its shares are not.
    """

    item_id: str
    label_zh: str
    label_en: str
    columns: tuple[str, ...] = ()
    is_reversed: bool = False

    @property
    def label(self) -> Label:
        """In both languages."""
        return Label(self.label_zh, self.label_en)


class _Long(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Columns of a file with one answer a row."""

    item: str
    answer: str


class Form(msgspec.Struct, frozen=True, dict=True, forbid_unknown_fields=True):
    """The form.

    Attributes:
        levels: from the lowest to the highest; scores are their positions, from 1.
        neutral: the code of the middle level, which is neither for nor against.
        not_applicable: what a file has where an item was not for somebody, or was not answered.
        key: the column that says who answered, such as an enrolment; without it nobody can be told apart.
        groups: columns by which to compare, by the name of what they are.
        texts: columns of free text, by name.
        asked: how many could have answered, where that is known.
    """

    form_id: str
    label_zh: str
    label_en: str
    levels: tuple[Level, ...]
    items: tuple[Item, ...]
    neutral: int | None = None
    not_applicable: tuple[str, ...] = ("",)
    key: str | None = None
    groups: Mapping[str, str] = {}
    texts: Mapping[str, str] = {}
    long: _Long | None = None
    asked: int | None = None

    @property
    def label(self) -> Label:
        """In both languages."""
        return Label(self.label_zh, self.label_en)

    @cached_property
    def answers(self) -> Mapping[str, int]:
        """What a cell may hold → the level's position from 1, or 0 for not applicable; texts as :func:`plain` makes them."""
        found: dict[str, int] = {plain(text): 0 for text in self.not_applicable}
        for position, level in enumerate(self.levels, 1):
            for text in (str(level.code), f"{level.code}.0", level.label_zh, level.label_en, *level.aliases):
                found[plain(text)] = position
        return found

    @cached_property
    def item_columns(self) -> Mapping[str, str]:
        """Header, as :func:`plain` makes it → item."""
        found: dict[str, str] = {}
        for item in self.items:
            for text in (item.item_id, item.label_zh, item.label_en, *item.columns):
                found.setdefault(plain(text), item.item_id)
        return found

    def position(self, code: int) -> int | None:
        """The position of a code, from 1."""
        return next((n for n, level in enumerate(self.levels, 1) if level.code == code), None)


def plain(text: str) -> str:
    """Without what makes no difference: width, case, spaces around and inside."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip().casefold()


def read_form(file: Path) -> Form:
    """A form file (TOML).

    Raises:
        BadConfiguration: every mistake in it, in one message.
    """
    try:
        form = msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8-sig")), Form)
    except FileNotFoundError as error:
        raise BadConfiguration(f"there is no form file {file}") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{file.name}: {error}") from error
    problems = [f"{file.name}: {problem}" for problem in _problems(form)]
    if problems:
        raise BadConfiguration("\n".join(problems))
    return form


def _problems(form: Form) -> Sequence[str]:
    found = []
    if len(form.levels) < 2:
        found.append("levels: a scale has two or more")
    if not form.items:
        found.append("items: there is none")
    for what, values in (
        ("levels: code", [str(level.code) for level in form.levels]),
        ("items: item_id", [item.item_id for item in form.items]),
    ):
        found += [f"{what} {v} comes twice" for v in sorted({v for v in values if values.count(v) > 1})]
    if form.neutral is not None and form.position(form.neutral) is None:
        found.append(f"neutral: {form.neutral} is none of the levels' codes")
    if form.asked is not None and form.asked < 1:
        found.append("asked: at least 1")
    meanings: dict[str, int] = {plain(t): 0 for t in form.not_applicable}
    for position, level in enumerate(form.levels, 1):
        for text in (str(level.code), level.label_zh, level.label_en, *level.aliases):
            if meanings.setdefault(plain(text), position) != position:
                found.append(f"levels: {text!r} means two things")
    columns: dict[str, str] = {}
    for item in form.items:
        for text in (item.item_id, *item.columns):
            if columns.setdefault(plain(text), item.item_id) != item.item_id:
                found.append(f"items: the column {text!r} is that of two items")
    return found
