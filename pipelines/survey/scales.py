"""Scales that surveys use, in their order: what scales.toml knows, and what a question says of its numbers."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from pipelines.survey.form import plain

__all__ = ["Direction", "Scale", "direction_told", "known_scales", "option_text", "recognise"]

#: "A. ", "5 - ", "(1) " before a level, and "（5分）", "(5)" after it, are the service's own.
_BEFORE = re.compile(r"^(?:\(?(?:[a-h]|\d{1,2})\)?\s*[.、:)=–—-]+|\((?:[a-h]|\d{1,2})\))\s*", re.IGNORECASE)
_AFTER = re.compile(r"\s*\(\d{1,2}分?\)$|[。.!]$")
_CHINESE = re.compile(r"[\u3400-\u9fff]")
#: "1=非常不满意", "5 表示非常满意", "1 = very dissatisfied" in a question.
_TOLD = re.compile(r"(-?\d{1,2})\s*分?\s*(?:=|:|表示|代表|为|是|means|-|–|—)\s*([^\d,，;；、()（）/]+)")


class Scale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A scale.

    Attributes:
        levels: from the lowest to the highest, each with the words that mean it.
        neutral: a word of its middle, if it has one.
        opposites: words of low levels and of the high ones that go with them.
        usual: words of the levels of scales that are used without having both of all opposites.
    """

    name: str
    levels: tuple[tuple[str, ...], ...]
    neutral: str = ""
    opposites: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()
    usual: tuple[tuple[str, ...], ...] = ()

    def is_whole(self, places: Collection[int]) -> bool:
        """Whether levels make a scale that is used: one that lacks an opposite was hardly offered without it."""
        there = set(places)
        if any(there == {self.place(word) for word in words} for words in self.usual):
            return True
        return all(
            bool(there & {self.place(w) for w in low}) == bool(there & {self.place(w) for w in high})
            for low, high in self.opposites
        )

    def place(self, text: str) -> int | None:
        """The place of a text in the scale; None where it is none of its words."""
        words = {plain(text), option_text(text)}
        return next((n for n, level in enumerate(self.levels) if words & set(level)), None)

    def labels(self, text: str) -> tuple[str, str]:
        """What a level is called in Chinese and in English: in the file's own language as the file has it."""
        place = self.place(text)
        text = _without_marks(text)
        words = self.levels[place] if place is not None else ()
        is_chinese = _CHINESE.search(text) is not None
        other = next((w for w in words if (_CHINESE.search(w) is None) is is_chinese), "")
        if is_chinese:
            return text, other.capitalize() or text
        return other or text, text


@cache
def known_scales() -> tuple[Scale, ...]:
    """Every scale of scales.toml."""
    written = tomllib.loads(Path(__file__).with_name("scales.toml").read_text(encoding="utf-8"))
    return msgspec.convert(written["scale"], tuple[Scale, ...])


def option_text(text: str) -> str:
    """A level as it is compared, without the letter or number that a service puts beside it."""
    return plain(_without_marks(text))


def _without_marks(text: str) -> str:
    written = _AFTER.sub("", unicodedata.normalize("NFKC", text).strip())
    return _BEFORE.sub("", written) or written


@dataclass(frozen=True, slots=True)
class _Recognised:
    scale: Scale
    places: Mapping[str, int]


def recognise(values: Iterable[str]) -> _Recognised | None:
    """The scale that has all of the values, each as another level, and their places in it; None of fewer than two values."""
    texts = list(dict.fromkeys(values))
    if len(texts) < 2:
        return None
    for scale in known_scales():
        places = {text: place for text in texts if (place := scale.place(text)) is not None}
        if len(places) == len(texts) == len(set(places.values())):
            return _Recognised(scale, places)
    return None


@dataclass(frozen=True, slots=True)
class Direction:
    """What a question says of its numbers: whether the higher ones are the higher levels, and what it calls some of them."""

    scale: Scale
    is_rising: bool
    names: Mapping[int, str]


def direction_told(question: str) -> Direction | None:
    """What a question says of its numbers; None unless it gives two of them levels of one scale."""
    told = {int(number): text.strip() for number, text in _TOLD.findall(question)}
    for scale in known_scales():
        places = {number: place for number, text in told.items() if (place := scale.place(text)) is not None}
        if len(places) > 1:
            low, high = min(places), max(places)
            if places[low] != places[high]:
                return Direction(scale, places[low] < places[high], {number: told[number] for number in places})
    return None
