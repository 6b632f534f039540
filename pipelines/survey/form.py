"""A survey's form: its items, the levels in their order, and how a file of answers is to be read. Nothing is guessed."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from ingest.programmes.pack import Pack
from ingest.programmes.rows import SurveyItem, SurveyLevel
from pipelines.words import Label, label_of
from warehouse.errors import BadConfiguration

__all__ = [
    "Form", "Item", "Level", "Multiple", "check_order", "form_ids", "from_the_lowest", "pack_form", "plain", "read_form",
]  # fmt: skip


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


class Multiple(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question that takes several answers: a column whose cells hold them all, or a column for each option (option → header)."""

    column: str | None = None
    separator: str = "┋"
    columns: Mapping[str, str] = {}

    @property
    def headers(self) -> Mapping[str, str]:
        """The columns, by option; of one column for all of them by an empty text."""
        return self.columns if self.column is None else {"": self.column}


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
        has_codes: false where the levels have labels only: their codes are then their places, and no cell may hold one.
        multiple: questions that take several answers, by name: they are counted, and no items of the scale.
        seconds: the column that says how long somebody took.
        is_order_confirmed: false until somebody has put the levels in order: nothing is made of the answers before.
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
    has_codes: bool = True
    is_order_confirmed: bool = True
    multiple: Mapping[str, Multiple] = {}
    seconds: str | None = None

    @property
    def label(self) -> Label:
        """In both languages."""
        return Label(self.label_zh, self.label_en)

    @cached_property
    def answers(self) -> Mapping[str, int]:
        """What a cell may hold → the level's position from 1, or 0 for not applicable; texts as :func:`plain` makes them."""
        found: dict[str, int] = {plain(text): 0 for text in self.not_applicable}
        for position, level in enumerate(self.levels, 1):
            for text in _texts_of(level, has_codes=self.has_codes):
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

    @property
    def headers(self) -> list[str]:
        """Every header that the form names; the columns that a file has to have come first."""
        found = [*(h for item in self.items for h in item.columns), *filter(None, (self.key, self.seconds))]
        found += [
            *self.groups.values(),
            *self.texts.values(),
            *(h for m in self.multiple.values() for h in m.headers.values()),
        ]
        found += [self.long.item, self.long.answer] if self.long else []
        return [*found, *(text for item in self.items for text in (item.item_id, item.label_zh, item.label_en))]

    def position(self, code: int) -> int | None:
        """The position of a code, from 1."""
        return next((n for n, level in enumerate(self.levels, 1) if level.code == code), None)


def _texts_of(level: Level, *, has_codes: bool) -> tuple[str, ...]:
    """All that a cell may hold for a level."""
    codes = (str(level.code), f"{level.code}.0") if has_codes else ()
    return (*codes, level.label_zh, level.label_en, *level.aliases)


def plain(text: str) -> str:
    """Without what makes no difference: width, case, spaces around and inside."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip().casefold()


def read_form(file: Path) -> Form:
    """A form file (TOML).

    Raises:
        BadConfiguration: every mistake in it, in one message.
    """
    try:
        form = msgspec.convert(_with_places(tomllib.loads(file.read_text(encoding="utf-8-sig"))), Form)
    except FileNotFoundError as error:
        raise BadConfiguration(f"there is no form file {file}") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{file.name}: {error}") from error
    problems = [f"{file.name}: {problem}" for problem in _problems(form)]
    if problems:
        raise BadConfiguration("\n".join(problems))
    return form


def _with_places(written: dict[str, Any]) -> dict[str, Any]:
    """What stands in a form file; levels that all have no code get their place as one."""
    levels = written.get("levels")
    if isinstance(levels, list) and levels and all(isinstance(one, dict) and "code" not in one for one in levels):
        numbered = [{**one, "code": n} for n, one in enumerate(levels, 1)]
        return {**written, "levels": numbered, "has_codes": False}
    return written


def check_order(form: Form) -> None:
    """Refuse a form whose levels nobody has put in order.

    Raises:
        BadConfiguration: ``is_order_confirmed`` is false.
    """
    if not form.is_order_confirmed:
        told = label_of("survey.matching", "order_unconfirmed", form=form.form_id)
        raise BadConfiguration(f"{told.zh}\n{told.en}")


def form_ids(pack: Pack) -> list[str]:
    """The forms that a pack has items of."""
    return list(dict.fromkeys(row.form_id for row in pack.rows(SurveyItem)))


def from_the_lowest(levels: Iterable[SurveyLevel]) -> list[SurveyLevel]:
    """A pack's levels by their score; without scores the highest number is the lowest level."""
    return sorted(levels, key=lambda row: -row.level if row.score is None else row.score)


def pack_form(pack: Pack, form_id: str | None = None) -> Form:
    """A form of a programme, whose events carry its items and levels; levels without scores count from the best down.

    Raises:
        BadConfiguration: the pack has no such form, or several and none is named.
    """
    known = form_ids(pack)
    if form_id is None and len(known) != 1:
        raise BadConfiguration(
            f"{pack.programme_id} has {len(known)} forms; name one with --form-id: {', '.join(known)}"
            if known
            else f"the pack {pack.programme_id} has no survey_items.csv"
        )
    name = form_id or known[0]
    rows = from_the_lowest(row for row in pack.rows(SurveyLevel) if row.form_id == name)
    if name not in known or len(rows) < 2:
        raise BadConfiguration(
            f"the pack {pack.programme_id} has no items and levels of a form {name!r}; it has {', '.join(known) or 'none'}"
        )
    neutral = [row.level for row in rows if row.is_neutral == "true"]
    called = label_of("survey", "form")
    return Form(
        form_id=name, label_zh=called.zh, label_en=called.en, key="enrolment_id",
        levels=tuple(Level(row.level, row.label_zh, row.label_en) for row in rows),
        items=tuple(
            Item(row.item_id, row.label_zh, row.label_en, is_reversed=row.is_reversed == "true")
            for row in pack.rows(SurveyItem) if row.form_id == name
        ),
        neutral=neutral[0] if neutral else None,
    )  # fmt: skip


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
    for name, asked in form.multiple.items():
        if (asked.column is None) == (not asked.columns):
            found.append(f"multiple.{name}: name its column, or the columns of its options")
        if asked.column is not None and not asked.separator:
            found.append(f"multiple.{name}: separator: it is empty")
    if form.asked is not None and form.asked < 1:
        found.append("asked: at least 1")
    meanings: dict[str, int] = {plain(t): 0 for t in form.not_applicable}
    for position, level in enumerate(form.levels, 1):
        for text in _texts_of(level, has_codes=form.has_codes):
            if meanings.setdefault(plain(text), position) != position:
                found.append(f"levels: {text!r} means two things")
    columns: dict[str, str] = {}
    for item in form.items:
        for text in (item.item_id, *item.columns):
            if columns.setdefault(plain(text), item.item_id) != item.item_id:
                found.append(f"items: the column {text!r} is that of two items")
    return found
